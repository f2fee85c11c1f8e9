// An account: made by a link, guarded by codes and a passkey, entered by each of them, and without a script.
//
// node accounts.mjs JOIN-LINK

import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import { Validator } from "@seriousme/openapi-schema-validator";
import { Visit, code, walk } from "./harness.mjs";

const [join] = process.argv.slice(2);
const { origin } = new URL(join);
const MAIL = "ada@example.org";
const PASSWORD = "three plain words";

await walk(async (ada) => {
  const page = await ada.begin();
  const device = await ada.hasDevice();
  await page.goto(join);
  await page.getByLabel("Your name").fill("Ada Lovelace");
  await page.getByLabel("Password").fill(PASSWORD);
  await ada.presses("Make the account");
  await ada.isAt("/account", "Ada Lovelace", "Your account is made");
  await page.goto(`${origin}/account`);
  await ada.looks("account-new");

  // Codes from an app.
  await page.goto(`${origin}/account/totp`);
  await ada.looks("totp");
  const key = await page.locator(".key code").innerText();
  await page.locator("[name=code]").fill("000000");
  await ada.presses("Ask for codes from now on");
  await ada.isAt("/account/totp", "That is not the code of this moment");
  assert.equal(await page.locator(".key code").innerText(), key);
  await page.locator("[name=code]").fill(code(key, -1));
  await ada.presses("Ask for codes from now on");
  await ada.isAt("/account/totp", "shown now and never again");
  await ada.looks("recovery");
  const recovery = await page.locator(".recovery code").allInnerTexts();
  assert.equal(recovery.length, 10);

  // A passkey.
  await page.goto(`${origin}/account/passkeys`);
  await ada.isAt("/account/passkeys", "You have none yet");
  await page.getByLabel("Its name").fill("<b>my</b> telephone");
  await ada.presses("Add a passkey");
  await ada.isAt("/account/passkeys", "You sign in with your passkey", "<b>my</b> telephone");
  const [made] = await device.keys();
  assert.deepEqual([made.rpId, made.isResidentCredential], ["localhost", true]);
  await ada.looks("passkeys");
  await page.getByLabel("Its name").fill("again");
  await page.getByRole("button", { name: "Add a passkey" }).click();
  await page.getByText("This device has a passkey for your account already.").waitFor();
  await page.goto(`${origin}/account`);
  await ada.looks("account");

  // A token, by which a program is her.
  await page.goto(`${origin}/account/tokens`);
  await page.getByLabel("Its name").fill("<b>trap</b> on mx2");
  await page.getByLabel("See the queue").check();
  await page.getByLabel("Read all entries").check();
  await ada.presses("Make a token");
  await ada.isAt("/account/tokens", "shown now and never again", "<b>trap</b> on mx2");
  await ada.looks("token");
  const token = await page.locator(".key code").innerText();
  const called = await ada.context.request.get(`${origin}/api/v1/me`, { headers: { authorization: `Bearer ${token}` } });
  assert.deepEqual((await called.json()).scopes, ["queue:read", "entries:read"]);
  await page.goto(`${origin}/account/tokens`);
  await ada.isAt("/account/tokens", "last used");
  await ada.looks("tokens");
  const document = await (await ada.context.request.get(`${origin}/api/v1/openapi.json`)).json();
  const { valid, errors } = await new Validator().validate(document);
  assert.ok(valid, JSON.stringify(errors));
  await page.goto(`${origin}/api`);
  await ada.looks("api");
  for (const one of await page.locator("details").all()) await one.evaluate((details) => (details.open = true));
  await ada.looks("api-open");
  await page.goto(`${origin}/account`);

  // By the passkey alone, to where one wanted to go; not by a finger that is another's.
  await ada.presses("Sign out");
  await page.goto(`${origin}/sign-in?next=/status`);
  await ada.looks("sign-in");
  await device.seen(false);
  await page.getByRole("button", { name: "Sign in with a passkey" }).click();
  await page.getByText("No passkey was given").waitFor();
  await device.seen(true);
  await ada.presses("Sign in with a passkey");
  await ada.isAt("/status", "You are signed in");

  // By the password, and then the passkey.
  await page.goto(`${origin}/account`);
  await ada.presses("Sign out");
  const signIn = async () => {
    await page.goto(`${origin}/sign-in`);
    await page.getByLabel("Mail address").fill(MAIL);
    await page.getByLabel("Password").fill(PASSWORD);
    await ada.presses("Sign in");
    await ada.isAt("/sign-in/second?next=/account", "The second step");
  };
  await signIn();
  await ada.looks("second");
  await ada.presses("Use your passkey");
  await ada.isAt("/account", "You are signed in");

  // It confirms, too, and leads back; to our own pages only.
  await page.goto(`${origin}/confirm?next=/account/passkeys`);
  await ada.looks("confirm");
  await ada.presses("Use your passkey");
  await ada.isAt("/account/passkeys", "<b>my</b> telephone", "last used");
  await page.goto(`${origin}/account/password`);
  await ada.looks("password");

  // Once it is removed it opens nothing.
  await page.goto(`${origin}/account/passkeys`);
  await ada.presses("Remove <b>my</b> telephone");
  await ada.isAt("/account/passkeys", "You have none yet");
  await page.goto(`${origin}/account`);
  await ada.presses("Sign out");
  await page.goto(`${origin}/sign-in`);
  await ada.presses("Sign in with a passkey");
  await ada.isAt("/sign-in/passkey", "The passkey was not accepted");
  await signIn();
  await page.locator("[name=code]").fill(code(key, 0));
  await ada.presses("Sign in");
  await ada.isAt("/account", "You are signed in");

  // Another name, and the way to another mail address.
  await page.goto(`${origin}/account`);
  await page.getByLabel("Name", { exact: true }).fill("Ada <b>King</b>");
  await ada.presses("Take");
  await ada.isAt("/account", "You are called so from now on", "Ada <b>King</b>");
  await page.goto(`${origin}/account/mail`);
  await ada.looks("mail");
  await page.getByLabel("New mail address").fill("ada@new.example");
  await ada.presses("Send the letter");
  await ada.isAt("/account", "Look into the mail of the new address");

  // Who is here, and what an administrator does about it.
  await page.goto(`${origin}/people?part=example`);
  await ada.looks("people");
  await Promise.all([page.waitForEvent("load"), page.getByRole("link", { name: MAIL }).click()]);
  await ada.looks("somebody");
  await page.getByLabel("Role").selectOption("member");
  await ada.presses("Give");
  await ada.isAt(`${new URL(page.url()).pathname}`, "This is the last administrator");

  // What is kept of her, as a file, and how the account would end.
  await page.goto(`${origin}/account/data`);
  await ada.looks("data");
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("link", { name: "Download it" }).click(),
  ]);
  const kept = JSON.parse(readFileSync(await download.path(), "utf8"));
  assert.deepEqual([kept.account.mail, kept["second-factors"]["recovery-codes"]], [MAIL, 10]);
  await page.goto(`${origin}/account/delete`);
  await ada.looks("delete");
  await ada.end();

  // Without a script everything but passkeys is there.
  const plain = new Visit(ada.browser);
  const form = await plain.begin({ javaScriptEnabled: false });
  await form.goto(`${origin}/sign-in`);
  assert.equal(await form.getByRole("button", { name: "Sign in with a passkey" }).count(), 0);
  await form.getByLabel("Mail address").fill(MAIL);
  await form.getByLabel("Password").fill(PASSWORD);
  await plain.presses("Sign in");
  await form.locator("[name=code]").fill(recovery[0]);
  await plain.presses("Sign in");
  await plain.isAt("/account", "9 left");
  await form.goto(`${origin}/account/passkeys`);
  await plain.isAt("/account/passkeys", "Your browser runs none");
  await plain.end();
});
