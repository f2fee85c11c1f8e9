// An editor looks through a list, changes an entry and takes that back, takes an address out of a network, wants a wide
// one listed, to which another editor agrees, and approves what the guards of the list refused. DNS is asked beside it.
//
// Arguments: the portal's address, the port of DNS, links that make two editors, and how the program is called.

import { strict as assert } from "node:assert";
import { spawnSync } from "node:child_process";
import { Visit, asker, until, walk } from "./harness.mjs";

const [portal, dnsPort, join, joinToo, ...program] = process.argv.slice(2);
const ask = asker(dnsPort);

/** Waits until DNS answers so. */
const answers = (name, expected) =>
  until(`${name}: ${expected || "nothing"}`, async () => (await ask(name, "A")).join() === expected);

await walk(async (editor) => {
  const page = await editor.begin();
  const at = (path) => `${portal}${path}`;
  await page.goto(join);
  await page.getByLabel("Your name").fill("Edith");
  await page.getByLabel("Password").fill("four words in a row");
  await editor.presses("Make the account");

  // From an address to what covers it, and to the entry.
  await page.goto(at("/lists/bl.example/entries"));
  await editor.isAt("/lists/bl.example/entries", "8.8.8.8", "9.9.9.0/24", "traps hit");
  await editor.looks("entries");
  await page.getByLabel("Find").fill("9.9.9.9");
  await editor.presses("Show");
  assert.ok((await page.locator("body").innerText()).includes("What covers it"));
  await editor.looks("entries-found");
  await page.goto(at("/lists/bl.example/entries"));
  await page.getByRole("link", { name: "8.8.8.8", exact: true }).click();

  // Another code, and back again.
  await page.getByText("Change it").first().click();
  await page.getByLabel("Code").first().selectOption("127.0.0.3");
  await page.getByLabel("Reason").first().fill("It sends newsletters that nobody ordered.");
  await editor.presses("Change it");
  await answers("8.8.8.8.bl.example", "127.0.0.3");
  assert.deepEqual(await ask("8.8.8.8.bl.example", "TXT"), [["It sends newsletters that nobody ordered."]]);
  await editor.looks("entry-editor");
  await page.getByLabel("Why the change of").first().fill("a slip");
  await editor.presses("Take it back");
  await answers("8.8.8.8.bl.example", "127.0.0.2");
  assert.ok((await page.locator("body").innerText()).includes("takes back"));
  await editor.looks("entry-editor-undone");

  // One address of a network.
  await page.goto(at("/lists/bl.example/entries"));
  await page.getByRole("link", { name: "9.9.9.0/24", exact: true }).click();
  await page.getByLabel("Take one out of it").fill("9.9.9.9");
  await page.getByLabel("Reason", { exact: true }).last().fill("A resolver that many use.");
  await editor.presses("Take it out");
  await answers("9.9.9.9.bl.example", "");
  await answers("8.9.9.9.bl.example", "127.0.0.2");
  await page.goto(at("/work"));
  await editor.looks("work");

  // A wide network is for two: it waits until another editor has seen it and agrees.
  await page.goto(at("/lists/bl.example/entry?key=9.9.0.0/16"));
  const form = page.locator("details", { has: page.locator("summary", { hasText: /^List it$/ }) });
  await form.locator("summary").click();
  await form.getByLabel(/^Reason/).fill("All of it sends what nobody ordered.");
  await form.getByLabel(/^Why/).fill("more of the same");
  await form.getByRole("button", { name: "List it" }).click();
  await editor.isAt("/queue/motions/1", "Nothing is changed yet", "wider than /20", "9.9.9.0/24", "more of the same");
  await editor.looks("motion-own");
  const other = new Visit(editor.browser);
  const desk = await other.begin();
  await desk.goto(joinToo);
  await desk.getByLabel("Your name").fill("Otto");
  await desk.getByLabel("Password").fill("five words in a row");
  await other.presses("Make the account");
  await desk.goto(at("/queue"));
  await other.isAt("/queue", "Changes for two editors", "Edith");
  await other.looks("queue-motion");
  await desk.getByRole("link", { name: "9.9.0.0/16" }).click();
  await other.isAt("/queue/motions/1", "All of it sends what nobody ordered.", "What stands around it");
  await other.looks("motion");
  assert.deepEqual(await ask("1.1.9.9.bl.example", "A"), []);
  await other.presses("I agree: do it");
  await answers("1.1.9.9.bl.example", "127.0.0.2");
  await other.looks("motion-done");
  await other.end();

  // Somebody lists what must never be listed: the editor sees what that brings, and approves it.
  const [file, ...words] = program;
  const entry = ["registry", "entry", "add", "bl.example", "1.1.1.0/24", "--reason", "it listed us"];
  const { status, stderr } = spawnSync(file, [...words, ...entry]);
  assert.equal(status, 0, String(stderr));
  await until("the refused version", async () => {
    await page.goto(at("/queue"));
    return (await page.getByRole("link", { name: "See what it brings" }).count()) > 0;
  });
  assert.deepEqual(await ask("7.1.1.1.bl.example", "A"), []);
  await editor.looks("queue-refused");
  await page.getByRole("link", { name: "See what it brings" }).click();
  const text = await page.locator("body").innerText();
  for (const word of ["1.1.1.1 would be listed", "1.1.1.0/24", "it listed us"]) {
    assert.ok(text.includes(word), `"${word}" is not in\n${text}`);
  }
  await editor.looks("version");
  await editor.presses("Publish it all the same");
  await answers("7.1.1.1.bl.example", "127.0.0.2");
  await editor.end();
});
