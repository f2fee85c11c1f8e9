// An organisation that cannot help itself: nobody speaks for it, and its one contact wants no letters. An administrator
// steps in, its new owner proves domains by letters, answers an editor's question, takes another mail address and wants
// fewer letters, and in the end the account is deleted.
//
// Arguments: the portal's address, the folder of letters, and links that make an administrator and a member.

import { strict as assert } from "node:assert";
import { letters, linkIn, stopIn, Visit, walk } from "./harness.mjs";

const [portal, mailFolder, joinAbove, join] = process.argv.slice(2);
const next = letters(mailFolder);
const at = (path) => `${portal}${path}`;

/** Makes an account by a link. */
async function joins(visit, link, name) {
  const page = await visit.begin();
  await page.goto(link);
  await page.getByLabel("Your name").fill(name);
  await page.getByLabel("Password").fill("four words in a row");
  await visit.presses("Make the account");
  return page;
}

/** The form with a button. */
const formOf = (page, button) =>
  page.locator("form", { has: page.getByRole("button", { name: button, exact: true }) });

/** Opens whatever is folded, for a look at all of a page. */
const unfold = async (page) => {
  for (const one of await page.locator("details").all()) await one.evaluate((details) => (details.open = true));
};

await walk(async (ada) => {
  const page = await joins(ada, joinAbove, "Ada");
  const grace = new Visit(ada.browser);
  const desk = await joins(grace, join, "Grace");

  // Its contact is reminded of a review date, and wants no more letters.
  const contact = new Visit(ada.browser);
  const inbox = await contact.begin();
  const stop = stopIn(await next("noc@example.org"));
  await inbox.goto(at(stop));
  await contact.looks("contact-stop");
  await contact.presses("No more letters");
  await contact.isAt(stop, "No more letters about Example Mail go to noc@example.org");
  await contact.looks("contact-stopped");
  await inbox.goto(at(`${stop.replace("/stop", "x")}/stop`));
  await contact.looks("link-over");
  await contact.end();

  // An administrator finds it, and gives it an owner and another contact.
  await page.goto(at("/organisations?find=exam"));
  await ada.isAt("/organisations?find=exam", "All organisations", "Example Mail", "on our lists");
  await unfold(page);
  await ada.looks("organisations-editor");
  await page.getByRole("link", { name: "Example Mail" }).click();
  await ada.isAt("/organisations/1", "For administrators", "wants no letters");
  await ada.looks("organisation-administrator");
  const appoint = formOf(page, "Make an owner");
  await appoint.getByLabel("Make somebody an owner").fill("grace@example.org");
  await appoint.getByLabel("Why").fill("Its last owner has left the company.");
  await ada.presses("Make an owner", appoint);
  await ada.isAt("/organisations/1", "Grace", "owner");
  const add = formOf(page, "Add the contact");
  await add.getByLabel("Another contact").fill("abuse@example.org");
  await add.getByLabel("Why").fill("They asked for it by telephone.");
  await ada.presses("Add the contact", add);
  await ada.isAt("/organisations/1", "abuse@example.org", "not confirmed yet");
  await page.getByLabel("Why noc@example.org is removed").fill("Nobody reads there.");
  await page.locator("form", { has: page.getByLabel("Why noc@example.org is removed") }).getByRole("button").click();
  await page.waitForFunction(() => !document.body.innerText.includes("noc@example.org"));
  await page.getByLabel("It is known by the domain").fill("example.org");
  await ada.presses("Add");
  await page.getByLabel("A note for other editors").fill("Their postmaster answers within a day.");
  await ada.presses("Write it down");
  await page.getByLabel("Suspend it").fill("Its servers send what nobody ordered.");
  await ada.presses("Suspend");
  await ada.isAt("/organisations/1", "Suspended:", "Its servers send what nobody ordered.");
  await ada.looks("organisation-suspended");
  await ada.presses("End the suspension");
  await ada.isAt("/organisations/1", "Their postmaster answers within a day.");

  // The owner is told so, and says that all is still right.
  while (!(await next("grace@example.org")).includes("made you an owner")) {}
  await desk.goto(at("/organisations/1"));
  await grace.isAt("/organisations/1", "Still right?", "overdue");
  await grace.looks("organisation-due");
  await grace.presses("These are still right");
  await grace.isAt("/organisations/1", "8.8.8.8");
  assert.ok(!(await desk.locator("body").innerText()).includes("Still right?"));

  // Two more domains, by letters to whoever reads there: one says yes, and one says no.
  for (const [domain, answer, words, name] of [
    ["example.net", "Yes, that is right", "has proven example.net", "claim-proven"],
    ["example.com", "No, that is not us", "The claim is over", "claim-denied"],
  ]) {
    await desk.goto(at("/claims/new"));
    await desk.getByLabel("Domain", { exact: true }).fill(domain);
    await desk.getByLabel("or one that is there, by its Id").fill("1");
    await desk.getByLabel("A letter to postmaster@ the domain").check();
    await grace.presses("Claim it");
    await grace.looks("claim-letter");
    const reads = new Visit(ada.browser);
    const mailbox = await reads.begin();
    const path = linkIn(await next(`postmaster@${domain}`));
    await mailbox.goto(at(path));
    await reads.isAt(path, `Who speaks for ${domain}?`, "Grace", "Example Mail");
    await reads.looks("claim-prove");
    await reads.presses(answer);
    await reads.isAt(path, words);
    await reads.looks(name);
    await mailbox.goto(at(path));
    await reads.isAt(path, "there is nothing to do");
    await reads.looks("claim-over");
    await reads.end();
  }
  await desk.goto(at("/organisations"));
  await grace.isAt("/organisations", "example.net", "example.com");
  await grace.looks("organisations-claims");

  // A request, about which an editor has a question, and which is rejected then.
  await desk.goto(at("/organisations/1/request"));
  await desk.locator("select[name=list]").selectOption({ label: "Good senders (wl.example)" });
  await desk.getByLabel("As what?").selectOption("127.0.5.2");
  await desk.getByLabel("Addresses and networks").fill("8.8.4.4");
  await desk.getByLabel("Why?").fill("Another mail server.");
  await grace.presses("Hand it in");
  await grace.isAt("/requests/1", "in the queue");
  await page.goto(at("/requests/1"));
  await ada.presses("Take it");
  await page.locator("textarea[name=why]").fill("Whose is this address?");
  await ada.presses("Ask");
  await ada.looks("request-asked");
  await desk.goto(at("/requests/1"));
  await grace.isAt("/requests/1", "It is your turn", "An editor asks:", "Whose is this address?");
  await grace.looks("request-turn");
  await desk.getByLabel("Your answer").fill("It is ours since May.");
  await grace.presses("Hand it in again");
  await grace.isAt("/requests/1", "It is ours since May.");
  await page.goto(at("/requests/1"));
  await ada.presses("Take it");
  await page.locator("textarea[name=why]").fill("Its name does not lead back to it.");
  await ada.presses("Reject all");
  await desk.goto(at("/requests/1"));
  await grace.isAt("/requests/1", "rejected", "Its name does not lead back to it.");
  await grace.looks("request-rejected");

  // Whoever wants fewer letters says so by what stands in each that is only news.
  let fewer;
  while (!fewer) fewer = stopIn(await next("grace@example.org"));
  await desk.goto(at(fewer));
  await grace.isAt(fewer, "No more news to grace@example.org?");
  await grace.looks("unsubscribe");
  await grace.presses("No more news");
  await grace.isAt(fewer, "grace@example.org gets no more news");
  await grace.looks("unsubscribed");

  // Another mail address, proven by the link that goes there.
  await desk.goto(at("/account/mail"));
  await desk.getByLabel("New mail address").fill("grace@new.example");
  await grace.presses("Send the letter");
  await desk.goto(at(linkIn(await next("grace@new.example"))));
  await grace.looks("mail-proven");
  await grace.presses("Take this address");
  await grace.isAt("/account", "grace@new.example");

  // What a list is decided by: a criterion is named, said otherwise, and ended.
  const settings = "/lists/wl.example/settings";
  await page.goto(at(settings));
  await ada.isAt(settings, "Criteria belong to a policy: publish one first.");
  const policy = formOf(page, "Publish this policy");
  await policy.getByLabel("Text").fill("We list servers of whoever answers for them.");
  await ada.presses("Publish this policy", policy);
  const criterion = formOf(page, "Add the criterion");
  await criterion.getByLabel("Short name").fill("own-servers");
  await criterion.getByLabel("Title").fill("Its own servers");
  await criterion.getByLabel("What it says").fill("Each address is a server of the organisation itself.");
  await ada.presses("Add the criterion", criterion);
  await ada.isAt(settings, "own-servers", "Its own servers");
  await unfold(page);
  await ada.looks("settings-criteria");
  await page.getByLabel("What own-servers says").fill("Each address is a server that the organisation runs itself.");
  await ada.presses("Change the criterion");
  await ada.isAt(settings, "that the organisation runs itself");
  await unfold(page);
  await page.getByLabel("Why own-servers is ended").fill("It said nothing.");
  await ada.presses("End it");
  await ada.isAt(settings, "ended");
  await ada.looks("settings-criteria-ended");

  // Somebody is locked out; then the account is deleted, by whoever types its address.
  await page.goto(at("/people?part=grace"));
  await Promise.all([page.waitForEvent("load"), page.getByRole("link", { name: "grace@new.example" }).click()]);
  await ada.presses("Lock");
  await ada.isAt(new URL(page.url()).pathname, "Nobody can sign in.");
  await ada.looks("somebody-locked");
  await Promise.all([page.waitForEvent("load"), page.getByRole("link", { name: "Delete…" }).click()]);
  await ada.isAt(new URL(page.url()).pathname, "the only owner of Example Mail");
  await ada.looks("somebody-delete");
  await page.getByLabel("mail address").fill("grace@example.org");
  await ada.presses("Delete this account for good");
  await ada.isAt(new URL(page.url()).pathname, "That is not the address of this account.");
  await ada.looks("somebody-delete-wrong");
  await page.getByLabel("mail address").fill("grace@new.example");
  await ada.presses("Delete this account for good");
  await ada.isAt("/people");
  await ada.looks("somebody-deleted");
  await page.goto(at("/organisations/1"));
  await ada.isAt("/organisations/1", "Nobody");
  await desk.goto(at("/account"));
  assert.ok(new URL(desk.url()).pathname.startsWith("/sign-in"), desk.url());
  await grace.end();
  await ada.end();
});
