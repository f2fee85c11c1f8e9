// From what traps saw to a listing, and to the end of a source: an administrator on the pages of evidence, and DNS beside
// them.
//
// Arguments: the portal's address, the port of DNS, and a link that makes an administrator.

import { strict as assert } from "node:assert";
import { asker, until, walk } from "./harness.mjs";

const [portal, dnsPort, link] = process.argv.slice(2);
const ask = asker(dnsPort);

/** Waits until DNS answers so. */
const answers = (name, expected) =>
  until(`${name}: ${expected || "nothing"}`, async () => (await ask(name, "A")).join() === expected);

await walk(async (editor) => {
  const page = await editor.begin();
  const at = (path) => `${portal}${path}`;
  await page.goto(link);
  await page.getByLabel("Your name").fill("Edith");
  await page.getByLabel("Password").fill("four words in a row");
  await editor.presses("Make the account");

  // A rule is looked at, replayed, and turned on.
  await page.goto(at("/rules"));
  await editor.isAt("/rules", "traps", "2 hits in 1 day at 2 traps");
  await editor.looks("rules");
  await page.getByRole("link", { name: "traps", exact: true }).click();
  await editor.presses("Replay it");
  await editor.isAt("/work/1", "Replay of rule");
  await page.getByText("2 would be proposed").waitFor();
  await editor.isAt("/work/1", "2 would be proposed", "8.8.8.8", "Nothing was changed");
  await editor.looks("work");
  await page.goto(at("/rules/1"));
  await editor.looks("rule");
  await editor.presses("Turn it on");
  await editor.isAt("/rules/1", "The rule is on");

  // The server looks by itself, and an editor decides what is proposed.
  await until("what is proposed", async () => {
    await page.goto(at("/proposals"));
    return (await page.getByText("2 open").count()) > 0;
  });
  await page.getByText("What was seen").first().click();
  await editor.isAt("/proposals", "8.8.8.8", "8.8.4.4", "spam");
  assert.ok(!(await page.content()).includes("secret"), "a trap is shown");
  await editor.looks("proposals");
  await page.getByLabel("8.8.8.8").check();
  await page.getByLabel("8.8.4.4").check();
  await editor.presses("List them");
  await editor.isAt("/proposals", "Listed", "Nothing waits");
  await answers("8.8.8.8.bl.example", "127.0.0.2");

  // The source is looked at, and purged: what stood on it goes.
  await page.goto(at("/evidence"));
  await page.getByLabel("An address, a network or a name").fill("8.8.0.0/16");
  await editor.presses("Show");
  await editor.isAt("/evidence?key=8.8.0.0%2F16", "Seen of 8.8.0.0/16", "spam", "of 2");
  await editor.looks("evidence");
  await page.getByRole("link", { name: "traps", exact: true }).click();
  await editor.isAt("/evidence/sources/1", "Entries on it alone");
  await editor.looks("source");
  await page.getByLabel("Why").fill("its traps are known");
  await editor.presses("Purge this source");
  await editor.isAt("/work/2", "Purge of source traps");
  await page.getByText("observations are gone").waitFor();
  await page.goto(at("/work"));
  await editor.isAt("/work", "Purge of source traps", "done");
  await editor.looks("all-work");
  await answers("8.8.8.8.bl.example", "");
  await editor.end();
});
