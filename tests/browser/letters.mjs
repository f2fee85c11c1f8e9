// Letters that come back, and a password that is forgotten: an account whose address no letter reaches, until its person
// shows that they arrive again; the first list of a portal; and the pages that everybody sees.
//
// Arguments: a link that makes an administrator, the port of DNS, the folder of letters, and how a report is given to the
// program.

import { strict as assert } from "node:assert";
import { spawnSync } from "node:child_process";
import { asker, letters, linkIn, until, walk } from "./harness.mjs";

const [join, dnsPort, mailFolder, ...bounce] = process.argv.slice(2);
const { origin } = new URL(join);
const MAIL = "ada@example.org";
const next = letters(mailFolder);

/** The report of a mail server that a letter did not arrive (RFC 3464). */
const report = (letter) => `From: MAILER-DAEMON@mx.example.org
To: bounces@example.org
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

Your mail did not arrive.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.org

Final-Recipient: rfc822; ${MAIL}
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 <${MAIL}>: there is no such <b>user</b>

--b
Content-Type: text/rfc822-headers

${letter.match(/^Message-ID: .*$/m)[0]}
To: ${MAIL}

--b--
`;

await walk(async (ada) => {
  const page = await ada.begin();
  for (const [path, name] of [
    ["/", "home"],
    ["/lookup", "lookup"],
    ["/status", "status"],
    ["/nothing-is-here", "problem"],
    ["/forgot", "forgot"],
  ]) {
    await page.goto(`${origin}${path}`);
    await ada.looks(name);
  }
  await page.goto(join);
  await ada.looks("join");
  await page.getByLabel("Your name").fill("Ada Lovelace");
  await page.getByLabel("Password").fill("three plain words");
  await ada.presses("Make the account");

  // The first list, which DNS answers at once.
  await page.goto(`${origin}/`);
  await page.getByRole("link", { name: "Add a list" }).click();
  await ada.looks("list-new");
  await page.getByLabel("Its name in DNS").fill("example");
  await ada.presses("Add the list");
  await ada.isAt("/lists/new", "it is a whole top-level domain");
  await page.getByLabel("Its name in DNS").fill("bl.example");
  await page.getByLabel("Title").fill("Spam sources");
  await ada.presses("Add the list");
  await ada.isAt("/lists/bl.example/settings", "The list is there", "127.0.0.2");
  await until("its test entry", async () => (await asker(dnsPort)("2.0.0.127.bl.example", "A")).length > 0);

  // A letter comes back.
  const visitor = await ada.context.browser().newContext();
  const forgot = await visitor.newPage();
  await forgot.goto(`${origin}/forgot`);
  await forgot.getByLabel("Mail address").fill(MAIL);
  await forgot.getByRole("button").last().click();
  const reset = await next(MAIL);
  const { status, stdout, stderr } = spawnSync(bounce[0], bounce.slice(1), { input: report(reset) });
  assert.equal(status, 0, String(stderr));
  assert.match(String(stdout), /no letters go to ada@example.org any more/);
  await page.goto(`${origin}/account`);
  await ada.isAt("/account", `Letters to ${MAIL} do not arrive`, "there is no such <b>user</b>");
  await ada.looks("account-undelivered");

  // One more is sent, and whoever follows its link shows that it arrived.
  await ada.presses("Try again");
  const again = linkIn(await next(MAIL));
  await page.goto(`${origin}${again}`);
  await ada.looks("arrive");
  await ada.presses("Yes, letters arrive");
  await ada.isAt(again, `Letters go to ${MAIL} again`);
  await page.goto(`${origin}/account`);
  assert.ok(!(await page.locator("body").innerText()).includes("do not arrive"));

  // The password that was forgotten.
  await forgot.goto(`${origin}${linkIn(reset)}`);
  ada.page = forgot;
  await ada.looks("reset");
  await forgot.getByLabel("Password").fill("four other plain words");
  await forgot.getByRole("button").last().click();
  await forgot.waitForURL(/account|sign-in/);
  await visitor.close();
  ada.page = page;
  await ada.end();
});
