// From a reject to the removal: who reads in his mail log why he was refused follows the link there, mends what the page
// shows, and is off the list. DNS is asked beside it.
//
// Arguments: the portal's address, the port of DNS, the folder of letters, the file of the zone example.org, and a link
// that makes an administrator.

import { strict as assert } from "node:assert";
import { appendFileSync } from "node:fs";
import { asker, reader, until, Visit, walk } from "./harness.mjs";

const [portal, dnsPort, mailFolder, zoneFile, join] = process.argv.slice(2);
const ask = asker(dnsPort);
const link = reader(mailFolder);

/** The link in the text of a listing, as a mail server logs it. */
async function linkIn(name) {
  const [[text]] = await ask(name, "TXT");
  const found = text.match(/ (http:\S+)$/);
  assert.ok(found, `no link at the end of "${text}"`);
  assert.ok(found[1].startsWith(`${portal}/r/`), found[1]);
  return found[1];
}

await walk(async (host) => {
  const page = await host.begin();
  const at = (path) => `${portal}${path}`;
  const pathOf = (url) => new URL(url).pathname;

  // Why, since when, and what is wrong with its name, once DNS has said so.
  const address = await linkIn("8.8.8.8.bl.example");
  await page.goto(address);
  await host.sees("which has no addresses");
  await host.isAt(pathOf(address), "8.8.8.8", "listed", "traps hit", "further notice", "which has no addresses", "dig +short");
  await host.looks("link");

  // The record is mended, and the page sees it.
  appendFileSync(zoneFile, "mail A 8.8.8.8\n");
  await until("the record", async () => (await ask("mail.example.org", "A")).length > 0);
  await page.reload();
  await host.sees("its name mail.example.org leads back to it");
  await host.looks("link-mended");

  // A letter, a button, and DNS has it no more.
  await page.getByLabel("Your mail address").fill("postmaster@example.org");
  await page.getByLabel("What did you mend?").fill("The relay is closed.");
  await host.presses("Send me the link that takes it off");
  await page.goto(at(await link("postmaster@example.org")));
  await host.presses("Remove it");
  await until("the removal", async () => (await ask("8.8.8.8.bl.example", "A")).length === 0);
  await page.goto(address);
  await host.isAt(pathOf(address), "8.8.8.8", "dig +short 8.8.8.8.bl.example");
  await host.looks("link-gone");

  // What lists more than one address is decided by an editor, who is told who asks.
  const wide = await linkIn("9.9.9.9.bl.example");
  await page.goto(wide);
  await host.isAt(pathOf(wide), "9.9.9.0/24", "An editor decides this", "covers more");
  await host.sees("no resolver says whether it has a PTR record");
  await host.looks("link-wide");
  await page.getByLabel("Your mail address").fill("postmaster@example.org");
  await host.presses("Send me the link that asks an editor");
  const followed = await link("postmaster@example.org");
  await page.goto(at(followed));
  await host.presses("Remove it");
  assert.deepEqual(await ask("9.9.9.9.bl.example", "A"), ["127.0.0.2"]);

  // A name has no dig of its names, and the same way out.
  const name = await linkIn("spam.example.net.dbl.example");
  await page.goto(name);
  await host.isAt(pathOf(name), "spam.example.net", "was advertised");
  await host.looks("link-name");

  // A link without its tag, or with another one, says nothing of the list.
  await page.goto(address.slice(0, address.lastIndexOf("/")));
  await host.looks("link-unsigned");
  assert.ok(!(await page.locator("body").innerText()).includes("traps hit"));
  await page.goto(`${address.slice(0, -1)}${address.endsWith("0") ? "1" : "0"}`);
  await host.looks("link-damaged");
  assert.ok(!(await page.locator("body").innerText()).includes("traps hit"));
  await host.end();

  // What was taken off stays off, until an editor says otherwise; who asks is found in the queue.
  const editor = new Visit(host.browser);
  const desk = await editor.begin();
  await desk.goto(join);
  await desk.getByLabel("Your name").fill("Edith");
  await desk.getByLabel("Password").fill("four words in a row");
  await editor.presses("Make the account");
  await desk.goto(at("/lists/bl.example/kept-out"));
  await editor.isAt("/lists/bl.example/kept-out", "8.8.8.8", "Kept off now");
  await editor.looks("kept-out");
  await desk.goto(at("/queue?find=9.9.9.9"));
  await editor.isAt("/queue?find=9.9.9.9", "9.9.9.9");
  await editor.looks("queue-found");
  await desk.getByRole("link", { name: "9.9.9.9", exact: true }).click();
  await editor.isAt("/queue/removals/2", "9.9.9.0/24", "What DNS says of it", "Around it on the list");
  await editor.looks("link-review");
  await desk.getByLabel("Why not").fill("The network still sends.");
  await editor.presses("Refuse");
  await desk.goto(at("/queue/removals/2"));
  await editor.isAt("/queue/removals/2", "refused", "What was said", "The network still sends.");
  await editor.looks("link-review-refused");

  // Whoever asked reads by his link where it stands, and appeals.
  await desk.goto(at(followed));
  await editor.isAt(followed, "refused", "The network still sends.");
  await editor.looks("link-refused");
  await desk.getByRole("link", { name: "Appeal", exact: true }).click();
  await editor.looks("removal-new-appeal");
  await desk.goto(wide);
  await editor.isAt(pathOf(wide), "An editor refused this not long ago");
  await editor.looks("link-appeal");
  await desk.getByLabel("Your mail address").fill("abuse@example.org");
  await desk.getByLabel("Why should it go?").fill("Nobody sends from there any more.");
  await editor.presses("Send me the link that appeals");
  const appeal = await link("abuse@example.org");
  await desk.goto(at(appeal));
  await editor.isAt(appeal, "Nobody sends from there any more.");
  await editor.looks("link-appeal-letter");
  await editor.presses("Send the appeal");
  await editor.isAt(appeal, "An editor decides this", "The network still sends.");
  await editor.looks("link-appealed");
  await desk.goto(at("/queue"));
  await desk.getByRole("link", { name: "9.9.9.9", exact: true }).click();
  await editor.isAt("/queue/removals/3", "Appeal about 9.9.9.9", "Refused before");
  await editor.looks("link-review-appeal");
  await desk.goto(at("/queue/upkeep"));
  await editor.looks("upkeep");
  await desk.goto(at("/lists/bl.example/settings"));
  await editor.isAt("/lists/bl.example/settings", "Spam sources");
  await editor.looks("settings");
  await desk.goto(at("/lists/bl.example/purge"));
  await editor.isAt("/lists/bl.example/purge", "Purge a source", "See what would go");
  await editor.looks("purge");
  await editor.presses("See what would go");
  await desk.getByText("Nothing was changed.").waitFor();
  await editor.looks("purge-tried");
  await editor.end();
});
