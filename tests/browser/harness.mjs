// What walks through the portal share: a browser that reaches nothing but this machine, a device with passkeys, codes
// of an app, and a look at each page: as a person sees it, and as axe does.
//
// A walk is a file that is run by `node WALK ARGUMENTS...` and ends with 0 if all went well; tests/browser.rs runs each.
// With SCREENSHOTS=FOLDER each page that is looked at is also kept as a picture, by day, by night and on a phone; with
// LOOKS=none it only goes its way. The paths of the pages that it looked at are told as it goes.

import { strict as assert } from "node:assert";
import { createHmac } from "node:crypto";
import { createRequire } from "node:module";
import { Resolver } from "node:dns/promises";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { chromium } from "playwright-core";

/** Runs a walk with a browser and its first page. */
export async function walk(story) {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    // The test is root, and alone with the pages of its own server.
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-background-networking",
      "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost",
    ],
  });
  try {
    await story(new Visit(browser));
  } finally {
    await browser.close();
  }
}

/** Somebody with a browser of his own: cookies, a page, and what the page complained about. */
export class Visit {
  constructor(browser) {
    this.browser = browser;
    this.complaints = [];
  }

  /** Opens a page; options are those of a browser context. */
  async begin(options = {}) {
    this.context = await this.browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
    this.page = await this.context.newPage();
    // As long as only a broken page takes, on a machine that has other things to do.
    this.page.setDefaultTimeout(60_000);
    this.page.on("pageerror", (error) => this.complaints.push(String(error)));
    this.page.on("console", (message) => {
      // A form that is refused is answered by 4xx, which the browser notes.
      const isNote = message.text().startsWith("Failed to load resource: the server responded with a status of 4");
      if (message.type() === "error" && !isNote) this.complaints.push(message.text());
    });
    return this.page;
  }

  /** Ends it. Whatever was blocked, or threw, is a failure. */
  async end() {
    assert.deepEqual(this.complaints, []);
    await this.context.close();
  }

  /** Gives the browser a device with passkeys, which has seen its person's finger whenever it is asked. */
  async hasDevice() {
    const session = await this.context.newCDPSession(this.page);
    await session.send("WebAuthn.enable");
    const { authenticatorId } = await session.send("WebAuthn.addVirtualAuthenticator", {
      options: {
        protocol: "ctap2",
        transport: "internal",
        hasResidentKey: true,
        hasUserVerification: true,
        isUserVerified: true,
        automaticPresenceSimulation: true,
      },
    });
    const seen = (isUserVerified) =>
      session.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified });
    const keys = async () =>
      (await session.send("WebAuthn.getCredentials", { authenticatorId })).credentials;
    return { seen, keys };
  }

  /** Presses a button, and waits for the page that comes of it. */
  async presses(name, root = this.page) {
    await Promise.all([
      this.page.waitForEvent("load"),
      root.getByRole("button", { name, exact: true }).click(),
    ]);
  }

  /** Makes sure of where it is, and what it says there. */
  async isAt(path, ...words) {
    const { pathname, search } = new URL(this.page.url());
    assert.equal(pathname + search, path);
    const text = await this.page.locator("body").innerText();
    for (const word of words) assert.ok(text.includes(word), `"${word}" is not in\n${text}`);
  }

  /** Waits until the page says this, as a part of it comes later. */
  async sees(word) {
    await this.page.getByText(word).first().waitFor();
  }

  /** Looks at the page in each way: it fits, axe finds nothing serious, and it is kept as a picture if that is wanted. */
  async looks(name) {
    if (process.env.LOOKS === "none") return;
    console.log(`looked at ${new URL(this.page.url()).pathname}`);
    await this.page.evaluate(AXE);
    const size = this.page.viewportSize();
    const folder = process.env.SCREENSHOTS;
    for (const [kind, width, colorScheme] of LOOKS) {
      await this.page.emulateMedia({ colorScheme });
      await this.page.setViewportSize({ width, height: size.height });
      const over = await this.page.evaluate(() => {
        const { scrollWidth, clientWidth } = document.documentElement;
        if (scrollWidth <= clientWidth) return [];
        // What is clipped or scrolls by itself makes no page wider.
        const wide = [...document.body.querySelectorAll("*:not(pre *)")].filter((one) => {
          const { left, width } = one.getBoundingClientRect();
          const isOpen = getComputedStyle(one).overflowX === "visible";
          return isOpen && one.checkVisibility() && left + Math.max(width, one.scrollWidth) > clientWidth;
        });
        return [`by ${scrollWidth - clientWidth}`, ...wide.slice(-3).map((one) => one.outerHTML.slice(0, 300))];
      });
      if (over.length > 0 && folder) await this.page.screenshot({ path: `${folder}/${name}-over.png`, fullPage: true });
      assert.deepEqual(over, [], `${name} is wider than ${width} pixels`);
      const { violations } = await this.page.evaluate(() => globalThis.axe.run());
      const serious = violations.filter(({ impact }) => ["serious", "critical"].includes(impact));
      const told = serious.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.html).join(" ")}`);
      assert.deepEqual(told, [], `what axe finds on ${name}, ${kind}`);
      if (folder) await this.page.screenshot({ path: `${folder}/${name}-${kind}.png`, fullPage: true });
    }
    await this.page.emulateMedia({ colorScheme: null });
    await this.page.setViewportSize(size);
  }
}

/** Waits until something is so. */
export async function until(what, isSo) {
  for (let tries = 0; tries < 2400; tries += 1) {
    if (await isSo()) return;
    await pause(25);
  }
  assert.fail(`${what} does not come`);
}

/** Asks the server at a port of this machine: what it answers about a name, or nothing. */
export function asker(port) {
  const resolver = new Resolver();
  resolver.setServers([`127.0.0.1:${port}`]);
  return (name, type) => resolver.resolve(name, type).catch(() => []);
}

/** Reads the letters in a folder: the next one to an address, with its lines whole. */
export function letters(folder) {
  const read = new Set();
  return async (to) => {
    let found;
    await until(`a letter to ${to}`, () => {
      const files = existsSync(folder) ? readdirSync(folder) : [];
      for (const file of files.filter((name) => name.endsWith(".eml"))) {
        const text = readFileSync(`${folder}/${file}`, "utf8").replaceAll("\r\n", "\n").replaceAll("=\n", "");
        if (read.has(file) || !text.includes(`To: ${to}`)) continue;
        read.add(file);
        found = text;
        return true;
      }
      return false;
    });
    return found;
  };
}

/** The path of the link in a letter. The headers name where it is unsubscribed from. */
export const linkIn = (letter) => letter.slice(letter.indexOf("\n\n")).match(/http:\/\/localhost:\d+(\/\S+)/)[1];

/** The path of the link in a letter by which fewer come, if it has one. */
export const stopIn = (letter) => letter.match(/^Fewer letters: http:\/\/localhost:\d+(\/\S+)/m)?.[1];

/** Reads the letters in a folder: the path of the link in the next one to an address. */
export function reader(folder) {
  const next = letters(folder);
  return async (to) => linkIn(await next(to));
}

/** The code of an app for a key in base 32, so many half minutes from now (RFC 6238). */
export function code(key, later = 0) {
  const bits = [...key.replaceAll(" ", "")]
    .map((letter) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(letter).toString(2).padStart(5, "0"))
    .join("");
  const bytes = Buffer.from(bits.match(/.{8}/g).map((byte) => Number.parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + later));
  const digest = createHmac("sha1", bytes).update(step).digest();
  const at = digest.at(-1) & 15;
  return String((digest.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

/** How each page is looked at. */
const LOOKS = [
  ["day", 1280, "light"],
  ["night", 1280, "dark"],
  ["phone", 390, "light"],
  ["narrow", 320, "dark"],
];

/** What finds faults that keep people from using a page. */
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
