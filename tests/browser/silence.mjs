// Resolvers that never answer: a page about an address is there all the same, and says later that nothing is known. Without
// a script a button leads to that.
//
// Arguments: the portal's address, the path of a listing's link, and a link that makes an editor.

import { strict as assert } from "node:assert";
import { Visit, walk } from "./harness.mjs";

const [portal, listing, join] = process.argv.slice(2);
const unknown = "no resolver says whether it has a PTR record";
const pages = ["/lookup?target=8.8.8.8", listing];

await walk(async (host) => {
  const page = await host.begin();
  for (const path of pages) {
    await page.goto(`${portal}${path}`);
    await host.isAt(path, "8.8.8.8", "traps hit");
    await host.sees(unknown);
    await host.isAt(path, "dig +short -x 8.8.8.8");
  }
  await host.looks("link-silent");

  // Whoever has asked too often can still read, and is told so when he presses the button.
  const refused = (route) => route.fulfill({ status: 429, contentType: "text/html", body: "<h1>Too often</h1>" });
  await page.route("**/lookup/names?*", refused);
  await page.goto(`${portal}${listing}`);
  const button = page.getByRole("button", { name: "Does its name lead back to it?" });
  await button.waitFor();
  await host.isAt(listing, "8.8.8.8", "traps hit");
  await button.click();
  await page.getByRole("heading", { name: "Too often" }).waitFor();
  await page.unroute("**/lookup/names?*", refused);

  // Hints of an organisation.
  await page.goto(join);
  await page.getByLabel("Your name").fill("Ada");
  await page.getByLabel("Password").fill("four words in a row");
  await host.presses("Make the account");
  await page.goto(`${portal}/organisations/1/hints`);
  await host.sees("Not everything was answered");
  await host.isAt("/organisations/1/hints", "8.8.8.8: no resolver says whether it has a PTR record.");
  await host.looks("hints-silent");
  await host.end();

  const plain = new Visit(host.browser);
  const form = await plain.begin({ javaScriptEnabled: false });
  for (const path of pages) {
    await form.goto(`${portal}${path}`);
    await plain.isAt(path, "8.8.8.8", "traps hit");
    assert.ok(!(await form.locator("body").innerText()).includes(unknown));
    await plain.presses("Does its name lead back to it?");
    await plain.isAt("/lookup/names?target=8.8.8.8", unknown);
  }
  await plain.end();
});
