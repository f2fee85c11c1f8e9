// From a claim to a listing, and back: a member, an editor and a stranger on the pages of the registry, and DNS beside
// them. The domain's TXT record is served by the same server.
//
// Arguments: the portal's address, the port of DNS, a link that makes an editor, the folder of letters, and the file of
// the zone example.org.

import { strict as assert } from "node:assert";
import { appendFileSync } from "node:fs";
import { asker, reader, until, Visit, walk } from "./harness.mjs";

const [portal, dnsPort, editorLink, mailFolder, zoneFile] = process.argv.slice(2);
const password = "four words in a row";
const ask = asker(dnsPort);
const link = reader(mailFolder);

await walk(async (member) => {
  // Sign-up, by a letter.
  const page = await member.begin();
  const at = (path) => `${portal}${path}`;
  await page.goto(at("/sign-up"));
  await member.looks("sign-up");
  await page.getByLabel("Mail address", { exact: true }).fill("grace@example.org");
  await member.presses("Send me the link");
  await member.looks("mailed");
  await page.goto(at(await link("grace@example.org")));
  await page.getByLabel("Your name").fill("Grace");
  await page.getByLabel("Password").fill(password);
  await member.presses("Make the account");
  await member.isAt("/account", "Grace");

  // A domain is claimed by DNS: not there at first, then there.
  await page.goto(at("/organisations"));
  await member.isAt("/organisations", "You speak for nobody yet");
  await page.getByRole("link", { name: "Claim a domain" }).click();
  await member.looks("claim-new");
  await page.getByLabel("Domain", { exact: true }).fill("example.org");
  await page.getByRole("textbox", { name: "A new organisation" }).fill("Example Mail");
  await member.presses("Claim it");
  await member.isAt("/claims/1", "Put this record into the domain’s DNS");
  await member.presses("Look now");
  await member.isAt("/claims/1", "did not find the proof");
  await member.looks("claim");
  const text = await page.locator("#proof").innerText();
  appendFileSync(zoneFile, `_repute-challenge TXT "${text}"\n`);
  await until("the record", async () => (await ask("_repute-challenge.example.org", "TXT")).length > 0);
  await member.presses("Look now");
  await member.isAt("/claims/1", "The domain is proven", "held");
  await page.goto(at("/organisations"));
  await member.looks("organisations");
  await page.getByRole("link", { name: "Example Mail" }).click();
  await member.isAt("/organisations/1", "Nothing of this organisation is published yet");
  await page.getByLabel("Mail address", { exact: true }).fill("abuse@example.org");
  await member.presses("Add");
  await member.looks("organisation");

  // Whoever reads there says that letters may come; a colleague is invited.
  const reads = new Visit(member.browser);
  const inbox = await reads.begin();
  await inbox.goto(at(await link("abuse@example.org")));
  await reads.looks("contact");
  await reads.presses("Yes, letters may come");
  await page.getByLabel("Invite a mail address").fill("hedy@example.org");
  await member.presses("Invite");
  await inbox.goto(at(await link("hedy@example.org")));
  await reads.looks("invitation");
  await reads.end();

  // A request: checked first, then handed in.
  await page.getByRole("link", { name: "Ask for a change" }).click();
  await page.locator("select[name=list]").selectOption({ label: "Good senders (wl.example)" });
  await page.getByLabel("As what?").selectOption("127.0.5.2");
  await page.getByLabel("Addresses and networks").fill("8.8.8.8\n8.8.4.4  # the second one\n192.0.2.1/33");
  await page.getByLabel("Why?").fill("Our mail servers.");
  await member.presses("Check it");
  await member.isAt("/organisations/1/request", "Line 3", "192.0.2.1/33");
  await page.getByLabel("Addresses and networks").fill("8.8.8.8\n8.8.4.4  # the second one");
  await member.presses("Check it");
  await member.isAt("/organisations/1/request", "add 8.8.8.8 with 127.0.5.2", "Nothing is handed in yet", "bl.others.example");
  await member.looks("request-new");
  await member.presses("Hand it in");
  await member.isAt("/requests/1", "in the queue");
  await member.looks("request");

  // An editor takes it and approves a part; DNS has it.
  const editor = new Visit(member.browser);
  const desk = await editor.begin();
  await desk.goto(editorLink);
  await desk.getByLabel("Your name").fill("Edith");
  await desk.getByLabel("Password").fill(password);
  await editor.presses("Make the account");
  await desk.getByRole("link", { name: "Queue" }).click();
  await editor.isAt("/queue", "Example Mail", "in time");
  await editor.looks("queue");
  await desk.getByLabel("Request 1", { exact: true }).check();
  await editor.presses("See what approval would do");
  await editor.isAt("/queue/bulk", "Nothing is decided yet", "would be decided: 2 newly listed");
  await editor.looks("bulk");
  await desk.goto(at("/queue"));
  await desk.getByRole("link", { name: "1", exact: true }).click();
  await editor.presses("Take it");
  await editor.looks("request-editor");
  await desk.getByLabel("add 8.8.4.4 with 127.0.5.2").uncheck();
  await desk.locator("textarea[name=why]").fill("One is enough for now.");
  await editor.presses("Approve what is marked");
  await until("the listing in DNS", async () => (await ask("8.8.8.8.wl.example", "A"))[0] === "127.0.5.2");
  assert.deepEqual(await ask("4.4.8.8.wl.example", "A"), []);
  await editor.isAt("/requests/1", "published", "not approved");
  await editor.looks("request-published");
  assert.equal(await link("grace@example.org"), "/requests/1");
  await page.goto(at("/lookup?target=8.8.8.8"));
  await member.isAt("/lookup?target=8.8.8.8", "8.8.8.8 is on 1 of 2 of our lists", "127.0.5.2", "Example Mail asked for it");
  await member.looks("lookup-listed");
  await page.goto(at("/organisations/1"));
  await page.getByRole("link", { name: "How the lists see each address" }).click();
  await member.sees("DNS and lists of others were asked just now.");
  await member.isAt("/organisations/1/hints", "A higher score is possible.", "bl.others.example", "no website");
  await member.looks("hints");
  await page.goto(at("/organisations/1/hints/checks"));
  await member.looks("hints-checks");
  await page.goto(at("/lists/bl.example"));
  await page.getByText("The same as a table").click();
  await member.looks("list");

  // What only takes their own address off an allow list is done at once.
  await page.goto(at("/organisations/1/request"));
  await page.locator("select[name=list]").selectOption({ label: "Good senders (wl.example)" });
  await page.getByLabel("What shall happen to them?").selectOption("remove");
  await page.getByLabel("Addresses and networks").fill("8.8.8.8");
  await member.presses("Hand it in");
  await member.isAt("/requests/2", "It is on the list");
  await until("the removal in DNS", async () => (await ask("8.8.8.8.wl.example", "A")).length === 0);

  // A stranger gets off a block list by a letter; what is wide is the editor's.
  const stranger = new Visit(member.browser);
  const visit = await stranger.begin();
  await visit.goto(at("/lookup?target=192.0.2.7"));
  await stranger.looks("lookup-blocked");
  await visit.goto(at("/lookup?target=8.8.8.8"));
  await visit.getByRole("button", { name: "Ask other lists too" }).click();
  await visit.getByText("8.8.8.8 is on 1 of 1 block lists of others").waitFor();
  await stranger.isAt("/lookup?target=8.8.8.8", "127.0.0.2", "sends spam");
  await stranger.looks("lookup-others");
  await visit.goto(at("/lookup/elsewhere?q=8.8.8.8"));
  await stranger.looks("elsewhere");
  await visit.goto(at("/lookup?target=8.8.8.8"));
  await stranger.sees("its name mail.example.org leads back to it");
  await visit.goto(at("/lookup/names?target=8.8.8.8"));
  await stranger.isAt("/lookup/names?target=8.8.8.8", "its name mail.example.org leads back to it");
  await stranger.looks("names");
  await visit.goto(at("/lookup?target=192.0.2.7"));
  await visit.getByRole("link", { name: "ask for the removal" }).click();
  await stranger.looks("removal-new");
  await visit.getByLabel("Your mail address").fill("postmaster@example.net");
  await visit.getByLabel("What did you mend?").fill("The virus is gone.");
  await stranger.presses("Send me the link");
  await visit.goto(at(await link("postmaster@example.net")));
  await stranger.looks("removal");
  assert.deepEqual(await ask("7.2.0.192.bl.example", "A"), ["127.0.0.2"]);
  await stranger.presses("Remove it");
  await stranger.looks("removal-done");
  await until("the removal in DNS", async () => (await ask("7.2.0.192.bl.example", "A")).length === 0);
  await visit.goto(at("/removals/new?list=bl.example&target=198.51.100.9"));
  await visit.getByLabel("Your mail address").fill("postmaster@example.net");
  await stranger.presses("Send me the link");
  await visit.goto(at(await link("postmaster@example.net")));
  await stranger.presses("Remove it");
  assert.ok((await visit.locator("body").innerText()).includes("An editor decides this"));
  await desk.goto(at("/queue"));
  await desk.getByRole("link", { name: "198.51.100.9" }).click();
  await editor.looks("removal-review");
  await editor.presses("Take it off the list");
  await editor.isAt("/queue", "Nobody waits to be removed");
  await until("the removal in DNS", async () => (await ask("9.100.51.198.bl.example", "A")).length === 0);
  await desk.goto(at("/organisations/1"));
  await editor.looks("organisation-editor");
  await desk.goto(at("/statistics"));
  await editor.isAt("/statistics", "Nothing waits for an editor", "Half of them within");
  await editor.looks("statistics");

  await stranger.end();
  await editor.end();
  await member.end();
});
