// Looks at pages in Debian's Chromium: accessibility (axe-core, WCAG 2.2 A and AA), no request but for the page itself, the
// skip link by keyboard, no sideways scrolling of a phone's screen. Writes pictures to look at.
//
// usage: node check.mjs FOLDER-OF-PAGES FOLDER-FOR-PICTURES      exit code 1 on any finding

import { createRequire } from "node:module";
import { mkdirSync, readFileSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

// Where `npm ci` put the packages; a module would be looked for beside this file only.
const require = createRequire(join(resolve(process.env.PACKAGES ?? "."), "package.json"));
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const [pages, pictures] = process.argv.slice(2).map((path) => resolve(path));
const sizes = { desktop: [1280, 900], phone: [390, 844] };
const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
let findings = 0;

function finding(where, what) {
  findings += 1;
  console.error(`${where}: ${what}`);
}

mkdirSync(pictures, { recursive: true });
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
const names = readdirSync(pages).filter((name) => name.endsWith(".html"));
if (names.length === 0) finding(pages, "no page");
for (const name of names) {
  for (const [size, [width, height]] of Object.entries(sizes)) {
    const where = `${name} (${size})`;
    // The page forbids scripts; the checker is one.
    const context = await browser.newContext({ viewport: { width, height }, bypassCSP: true });
    const page = await context.newPage();
    const url = pathToFileURL(join(pages, name)).href;
    page.on("request", (request) => {
      if (request.url() !== url && !request.url().startsWith("data:")) finding(where, `asks for ${request.url()}`);
    });
    await page.goto(url);
    await page.screenshot({ path: join(pictures, `${name}-${size}.png`), fullPage: true });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    if (wide > 0) finding(where, `scrolls sideways by ${wide} pixels`);
    await page.keyboard.press("Tab");
    const first = await page.evaluate(() => document.activeElement?.className);
    if (first !== "skip") finding(where, "the first stop of the keyboard is not the skip link");
    await page.evaluate(axe);
    const found = await page.evaluate((values) => globalThis.axe.run(document, { runOnly: { type: "tag", values } }), tags);
    for (const violation of found.violations) {
      for (const node of violation.nodes) finding(where, `${violation.id}: ${node.target.join(" ")}: ${node.failureSummary}`);
    }
    console.log(`${where}: ${found.passes.length} rules passed, ${found.violations.length} violated, ${found.incomplete.length} undecided`);
    for (const rule of found.incomplete) {
      const why = new Set(rule.nodes.flatMap((node) => [...node.any, ...node.all, ...node.none].map((check) => check.message)));
      console.log(`  undecided: ${rule.id} (${rule.nodes.length}): ${[...why].join(" | ")}`);
    }
    if (size === "desktop") await page.pdf({ path: join(pictures, `${name}.pdf`), format: "A4", preferCSSPageSize: true, printBackground: true });
    await context.close();
  }
}
await browser.close();
process.exit(findings > 0 ? 1 : 0);
