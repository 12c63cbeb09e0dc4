// `heatveil serve` in a real browser. `make test-web`; pictures of what was seen lie in target/web/.
// Needs target/release/heatveil with the map library, Debian's chromium, playwright-core from `make web`.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { createHash, webcrypto } from "node:crypto";
import { appendFileSync, cpSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { canonical } from "../../src/web/canonical.js";

globalThis.crypto ??= webcrypto;
const here = path.dirname(fileURLToPath(import.meta.url));
const house = path.join(here, "../..");
const { chromium } = createRequire(path.join(house, ".setup/web/npm/"))("playwright-core");
const program = process.env.HEATVEIL ?? path.join(house, "target/release/heatveil");
const shots = path.join(house, "target/web");
const run = path.join(shots, "run");
const DESKTOP = { width: 1280, height: 800 };
const PHONE = { width: 375, height: 740 };

let browser;
const servers = [];

before(async () => {
  mkdirSync(shots, { recursive: true });
  const made = spawnSync(path.join(here, "folder.sh"), [run], { encoding: "utf8" });
  assert.equal(made.status, 0, made.stderr);
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"],
  });
});

after(async () => {
  await browser?.close();
  servers.forEach((server) => server.kill());
});

/** Serves a folder; gives the address that the program printed. */
async function serve(folder, ...options) {
  const server = spawn(program, ["serve", folder, "--bind", "127.0.0.1:0", "--json", ...options]);
  servers.push(server);
  const [text, errors] = await new Promise((resolve) => {
    let said = "";
    server.stderr.on("data", (data) => (said += data));
    server.stdout.once("data", (data) => resolve([String(data), said]));
    server.once("exit", () => resolve(["", said]));
  });
  assert.notEqual(text, "", errors);
  return JSON.parse(text).url;
}

/** A page that fails the test on any error, refusal of the policy or request to another server. */
async function open(url, { size = DESKTOP, scheme = "light", state = "good" } = {}) {
  const context = await browser.newContext({ viewport: size, colorScheme: scheme, hasTouch: size === PHONE, reducedMotion: "reduce" });
  const page = await context.newPage();
  page.wrong = [];
  page.on("pageerror", (error) => page.wrong.push(String(error)));
  page.on("console", (message) => message.type() === "error" && page.wrong.push(message.text()));
  page.on("request", (request) => {
    if (!request.url().startsWith(new URL(url).origin) && !request.url().startsWith("blob:")) page.wrong.push(`asked ${request.url()}`);
  });
  await page.goto(url);
  if (state) await page.waitForSelector(`body[data-state="${state}"]`, { timeout: 60_000 });
  return page;
}

/** A copy of the run, to be damaged. */
function copy(name) {
  const folder = path.join(shots, name);
  rmSync(folder, { recursive: true, force: true });
  cpSync(run, folder, { recursive: true });
  return folder;
}

/** Shades of the picture of an element: how many colours there are, and the share of coloured pixels. */
async function colours(page, selector) {
  const picture = (await page.locator(selector).screenshot()).toString("base64");
  return page.evaluate(async (data) => {
    const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
    const image = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
    const context = new OffscreenCanvas(image.width, image.height).getContext("2d");
    context.drawImage(image, 0, 0);
    const { data: pixels } = context.getImageData(0, 0, image.width, image.height);
    const seen = new Set();
    let coloured = 0;
    for (let at = 0; at < pixels.length; at += 4) {
      const [red, green, blue] = pixels.subarray(at, at + 3);
      seen.add((red << 16) | (green << 8) | blue);
      coloured += Math.max(red, green, blue) - Math.min(red, green, blue) > 40 ? 1 : 0;
    }
    return { count: seen.size, share: coloured / (pixels.length / 4) };
  }, picture);
}

const red = (page) => page.evaluate(() => getComputedStyle(document.querySelector("header")).backgroundColor);

test("the map shows the published tiles, a legend and the value under the cursor", async () => {
  const page = await open(await serve(run));
  await page.waitForSelector('#map[data-drawn="true"]', { timeout: 60_000 });
  await page.waitForTimeout(1500);
  const seen = await colours(page, "#canvas");
  // The ramp has 249 colours; a blank canvas has one.
  assert.ok(seen.count > 60 && seen.share > 0.2, JSON.stringify(seen));
  assert.match(await page.textContent("#legend"), /-10 °C.*20 °C/);
  const box = await page.locator("#canvas").boundingBox();
  let reading = "";
  for (let step = 0; step < 12 && !/°C/.test(reading); step += 1) {
    await page.mouse.move(box.x + box.width * (0.4 + step * 0.02), box.y + box.height * (0.4 + step * 0.02));
    await page.waitForTimeout(400);
    reading = await page.textContent("#value");
  }
  assert.match(reading, /^-?\d+\.\d °Cframe \d+, seen \d+° off straight down$/);
  await page.screenshot({ path: path.join(shots, "map-desktop.png") });
  await page.getByText("Heat loss", { exact: true }).first().click();
  assert.match(await page.textContent("#legend"), /150 W\/m².*hatched/s);
  await page.locator("#buildings tbody button").first().press("Enter");
  assert.match(await page.textContent("#buildings"), /Heat loss.*W\/m² \(90 %: .*Property numbers/s);
  await page.waitForTimeout(800);
  await page.screenshot({ path: path.join(shots, "heatloss-desktop.png") });
  assert.deepEqual(page.wrong, []);
});

test("values and outlines are those that GDAL's own programs read", async () => {
  const url = await serve(run);
  const { bounds } = JSON.parse(readFileSync(path.join(run, "tiles/tilejson.json"), "utf8"));
  let numbers = 0;
  for (let step = 1; step < 8; step += 1) {
    const [lon, lat] = [bounds[0] + ((bounds[2] - bounds[0]) * step) / 8, bounds[1] + ((bounds[3] - bounds[1]) * step) / 8];
    for (const [layer, file] of [["temperature", "tiles/temperature.tif"], ["heatloss", "tiles/heatloss.tif"]]) {
      const { values } = await (await fetch(new URL(`/api/value?layer=${layer}&lon=${lon}&lat=${lat}`, url))).json();
      const other = spawnSync("gdallocationinfo", ["-valonly", "-wgs84", path.join(run, file), String(lon), String(lat)], { encoding: "utf8" });
      const expected = other.stdout.trim().split("\n").map((value) => (value === "nan" ? null : Number(value)));
      assert.equal(values.length, 3);
      values.forEach((value, band) => assert.ok(value === expected[band] || Math.abs(value - expected[band]) < 1e-3, `${layer} ${band}: ${value}, ${expected[band]}`));
      numbers += values.filter((value) => value !== null).length;
    }
  }
  assert.ok(numbers > 10, `${numbers}`);
  const outside = await (await fetch(new URL("/api/value?layer=temperature&lon=10&lat=50", url))).json();
  assert.deepEqual(outside.values, [null, null, null]);
  const { features } = await (await fetch(new URL("/api/outlines", url))).json();
  const other = spawnSync("ogr2ogr", ["-f", "GeoJSON", "-t_srs", "EPSG:4326", "/vsistdout/", path.join(run, "buildings/buildings.gpkg"), "buildings"], { encoding: "utf8" });
  const expected = JSON.parse(other.stdout).features;
  assert.equal(features.length, 18);
  const flat = ({ geometry }) => geometry.coordinates.flat(Infinity);
  features.forEach((feature, at) => {
    assert.equal(feature.properties.id, expected[at].properties.id);
    flat(feature).forEach((value, number) => assert.ok(Math.abs(value - flat(expected[at])[number]) < 2e-7));
  });
});

test("an entry is found by filter and read by keyboard", async () => {
  const page = await open(`${await serve(run)}#log`);
  await page.fill("#log [name=text]", "beyond-ENVELOPE");
  await page.waitForFunction(() => document.querySelector("#log .count").textContent === "3 entries");
  await page.press("#log [name=text]", "Enter");
  await page.waitForSelector("#log .detail h3");
  assert.match(await page.textContent("#log .detail"), /Frame \d+ was withheld/);
  const first = await page.textContent("#log .detail h3");
  await page.keyboard.press("ArrowDown");
  await page.waitForFunction((before) => document.querySelector("#log .detail h3").textContent !== before, first);
  assert.equal(await page.locator("#log [aria-selected=true]").count(), 1);
  await page.screenshot({ path: path.join(shots, "log-desktop.png") });
  await page.fill("#log [name=text]", "");
  await page.selectOption("#log [name=type]", "frame.detected");
  await page.selectOption("#log [name=class]", "vehicle");
  const vehicles = entriesOf(run).filter((entry) => entry.type === "frame.detected" && entry.found.some((find) => find.class === "vehicle")).length;
  await page.waitForFunction((count) => document.querySelector("#log .count").textContent === `${count} entries`, vehicles);
  await page.locator("#log .list").focus();
  await page.keyboard.press("End");
  await page.waitForSelector("#log .detail table");
  assert.match(await page.textContent("#log .detail table"), /vehicle/);
  await page.getByRole("button", { name: "Clear" }).click();
  await page.waitForFunction((count) => document.querySelector("#log .count").textContent === `${count} entries`, entriesOf(run).length);
  assert.deepEqual(page.wrong, []);
});

const entriesOf = (folder) => readFileSync(path.join(folder, "audit/entries.jsonl"), "utf8").trim().split("\n").map((line) => JSON.parse(line));

test("the queue is worked by keyboard alone", async () => {
  const page = await open(`${await serve(run)}#review`);
  await page.waitForFunction(() => document.querySelector("#review .count").textContent === "3 frames to decide, 0 decided");
  for (let step = 0; step < 12 && !(await page.evaluate(() => document.activeElement.matches("#review .list"))); step += 1) await page.keyboard.press("Tab");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await page.waitForSelector("#review .decide");
  const frame = /Frame (\d+)/.exec(await page.textContent("#review .detail h3"))[1];
  await page.keyboard.press("r");
  await page.waitForFunction(() => document.activeElement.name === "reason");
  await page.keyboard.type("it's a garden");
  const command = await page.textContent("#review .command");
  assert.equal(command, `heatveil review ${run} reject ${frame} --key my-review.key --reason='it'\\''s a garden'`);
  await page.screenshot({ path: path.join(shots, "review-desktop.png") });
  assert.deepEqual(page.wrong, []);
});

test("the page checks key, kept checkpoint and files", async () => {
  const key = path.join(run, "audit/verifier.key");
  const page = await open(`${await serve(run, "--key", key)}#check`);
  assert.equal(await page.textContent("#verdict-words"), "Verified");
  await page.fill("[name=note]", readFileSync(path.join(run, "audit/checkpoint"), "utf8").trimEnd());
  await page.getByRole("button", { name: "Compare" }).click();
  await page.waitForSelector("#kept-words.good");
  await page.fill("[name=note]", "mail, not a checkpoint");
  await page.getByRole("button", { name: "Compare" }).click();
  await page.waitForSelector("#kept-words.warning");
  assert.equal(await page.getAttribute("body", "data-state"), "good");
  await page.getByRole("button", { name: "Check files" }).click();
  await page.waitForSelector("#files-words.good", { timeout: 60_000 });
  assert.match(await page.textContent("#files-words"), /^\d+ files as in the log\.$/);
  await page.screenshot({ path: path.join(shots, "check-desktop.png"), fullPage: true });
  // Another key: the page must not stay green.
  await page.fill("[name=key]", "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW");
  await page.getByRole("button", { name: "Check with this key" }).click();
  await page.waitForSelector('body[data-state="bad"]');
  assert.deepEqual(page.wrong, []);
});

test("a log tampered with turns the page red, and nothing is decided from it", async () => {
  const folder = copy("tampered");
  const file = path.join(folder, "audit/entries.jsonl");
  const text = readFileSync(file, "utf8");
  const at = text.indexOf('"class":"person"');
  assert.ok(at > 0);
  writeFileSync(file, `${text.slice(0, at)}"class":"parson"${text.slice(at + 16)}`);
  const page = await open(`${await serve(folder)}#check`, { state: "bad" });
  assert.equal(await red(page), "rgb(179, 38, 30)");
  assert.match(await page.title(), /^NOT VERIFIED/);
  assert.match(await page.textContent("#report"), /another root.*the log was changed/s);
  await page.screenshot({ path: path.join(shots, "tampered-desktop.png") });
  await page.click('nav a[href="#review"]');
  await page.locator("#review .list").focus();
  await page.keyboard.press("ArrowDown");
  await page.waitForSelector("#review .detail h3");
  assert.equal(await page.locator("#review .decide").count(), 0);
  assert.match(await page.textContent("#review .detail"), /Do not decide anything from it/);
  // Put right again, the page is green again: what is on disk counts.
  writeFileSync(file, text);
  await page.reload();
  await page.waitForSelector('body[data-state="good"]');
  assert.deepEqual(page.wrong, []);
});

test("a changed file, a missing one and a link turn the page red", async () => {
  const folder = copy("changed");
  const tiles = path.join(folder, "tiles");
  appendFileSync(path.join(tiles, "temperature.qml"), " ");
  renameSync(path.join(tiles, "stac/item.json"), path.join(folder, "item.json"));
  symlinkSync("../../item.json", path.join(tiles, "stac/item.json"));
  const page = await open(`${await serve(folder)}#check`);
  await page.getByRole("button", { name: "Check files" }).click();
  await page.waitForSelector("#files-words.warning", { timeout: 60_000 });
  assert.equal(await red(page), "rgb(179, 38, 30)");
  const words = await page.textContent("#files-words");
  assert.match(words, /temperature\.qml is not the file of the log/);
  assert.match(words, /item\.json cannot be read/);
});

test("the page fits a phone, by day and by night", async () => {
  const url = await serve(run);
  for (const view of ["map", "log", "review", "check"]) {
    for (const scheme of ["light", "dark"]) {
      const page = await open(`${url}#${view}`, { size: PHONE, scheme });
      if (view === "map") await page.waitForSelector('#map[data-drawn="true"]', { timeout: 60_000 });
      if (view === "log" || view === "review") {
        await page.locator(`#${view} .row`).first().click();
        await page.waitForSelector(`#${view} .detail h3`);
      }
      await page.waitForTimeout(500);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.equal(wide, PHONE.width, view);
      await page.screenshot({ path: path.join(shots, `${view}-phone-${scheme}.png`), fullPage: true });
      assert.deepEqual(page.wrong, []);
      await page.context().close();
    }
  }
});

test("text stands out from its ground as WCAG AA asks, and every control has a name", async () => {
  const url = await serve(run);
  for (const scheme of ["light", "dark"]) {
    for (const view of ["map", "log", "review", "check"]) {
      const page = await open(`${url}#${view}`, { scheme });
      if (view === "map") await page.waitForSelector('#map[data-drawn="true"]', { timeout: 60_000 });
      if (view === "log" || view === "review") {
        await page.locator(`#${view} .row`).first().click();
        await page.waitForSelector(`#${view} .detail h3`);
      }
      assert.deepEqual(await page.evaluate(faint), [], `${view} ${scheme}`);
      assert.deepEqual(await page.evaluate(nameless), [], `${view} ${scheme}`);
      await page.context().close();
    }
  }
});

/** Texts whose contrast against the nearest opaque ground is below 4.5 (WCAG 2.2, 1.4.3). Runs in the page. */
function faint() {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const channel = (value) => (value / 255 <= 0.03928 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
  const luminance = ([red, green, blue]) => 0.2126 * channel(red) + 0.7152 * channel(green) + 0.0722 * channel(blue);
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = rgba(getComputedStyle(at).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return [255, 255, 255, 255];
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (walker.currentNode.textContent.trim() === "" || !element.checkVisibility({ checkVisibilityCSS: true }) || element.closest("noscript, :disabled, .unseen, #canvas")) continue;
    const [one, other] = [luminance(rgba(getComputedStyle(element).color)), luminance(ground(element))].sort((a, b) => b - a);
    const contrast = (one + 0.05) / (other + 0.05);
    if (contrast < 4.5) found.push(`${walker.currentNode.textContent.trim().slice(0, 40)}: ${contrast.toFixed(2)}`);
  }
  return found;
}

/** Controls without a name for who does not see them. Runs in the page. */
function nameless() {
  const controls = [...document.querySelectorAll("button, input, select, textarea, a, [role=listbox], [role=region], canvas")];
  return controls.filter((control) => control.checkVisibility() && !(control.textContent.trim() || control.getAttribute("aria-label") ||
    control.title || control.labels?.[0]?.textContent.trim())).map((control) => control.outerHTML);
}

test("with a token the address opens the page once entered, and nothing without it", async () => {
  const url = await serve(run, "--token");
  const page = await open(url);
  assert.equal(new URL(page.url()).search, "");
  const bare = await (await browser.newContext()).newPage();
  assert.equal((await bare.goto(new URL("/", url).href)).status(), 401);
});

test("a hundred thousand entries are checked, filtered and scrolled", async (context) => {
  const folder = path.join(shots, "large");
  await writeLarge(folder, 100_000);
  const started = performance.now();
  const page = await open(`${await serve(folder)}#log`, { state: null });
  await page.waitForSelector('body[data-state="good"]', { timeout: 120_000 });
  const checked = performance.now();
  assert.equal(await page.textContent("#log .count"), "100\u202f002 entries");
  await page.locator("#log .list").focus();
  await page.keyboard.press("End");
  await page.waitForFunction(() => /The run ended/.test(document.querySelector("#log .detail").textContent));
  assert.ok((await page.locator("#log .row").count()) < 60);
  const typed = performance.now();
  await page.fill("#log [name=frame]", "49999");
  await page.waitForFunction(() => document.querySelector("#log .count").textContent === "2 entries");
  context.diagnostic(`checked in ${((checked - started) / 1000).toFixed(1)} s, filtered in ${(performance.now() - typed).toFixed(0)} ms`);
  assert.deepEqual(page.wrong, []);
});

const sha256 = (...pieces) => pieces.reduce((hash, piece) => hash.update(piece), createHash("sha256")).digest();

/** The tree head as RFC 6962, section 2.1, writes it down, with node's own hash: none of the page's code. */
function head(leaves) {
  if (leaves.length === 1) return sha256(Uint8Array.of(0), leaves[0]);
  const split = 2 ** Math.floor(Math.log2(leaves.length - 1));
  return sha256(Uint8Array.of(1), head(leaves.slice(0, split)), head(leaves.slice(split)));
}

/** A log of `count` entries about frames, signed by a key made here. */
async function writeLarge(folder, count) {
  const encoder = new TextEncoder();
  const commitment = (frame) => frame.toString(16).padStart(64, "0");
  const frames = count / 2;
  const commitments = Array.from({ length: frames }, (_, frame) => Buffer.from(commitment(frame), "hex"));
  const entries = [{ at: 1, beyond_envelope: "", heatveil: "test", libraries: [], lines: ["model"], manifest: { count: frames, root: head(commitments).toString("hex") },
    models: [], operator: "", policy_sha256: "0".repeat(64), purpose: "", recipients: [], type: "run.opened" }];
  const detail = "a line of the length that such lines have ".repeat(12);
  for (let frame = 0; frame < frames; frame += 1) {
    entries.push({ bytes: 1, camera: "", commitment: commitment(frame), format: "", frame, type: "frame.ingested" });
    entries.push({ detail, frame, reason: "damaged", type: "frame.rejected" });
  }
  entries.push({ at: 2, published: 0, rejected: frames, total: frames, type: "run.closed", withheld: 0 });
  const lines = entries.map((entry) => encoder.encode(canonical(entry)));
  const pair = await crypto.subtle.generateKey({ name: "Ed25519" }, true, ["sign", "verify"]);
  const typed = Buffer.from([1, ...new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey))]);
  const id = Buffer.from(await crypto.subtle.digest("SHA-256", Buffer.concat([Buffer.from("large\n"), typed]))).subarray(0, 4);
  const text = `large\n${lines.length}\n${head(lines).toString("base64")}\n`;
  const signature = Buffer.from(await crypto.subtle.sign({ name: "Ed25519" }, pair.privateKey, encoder.encode(text)));
  mkdirSync(path.join(folder, "audit"), { recursive: true });
  writeFileSync(path.join(folder, "audit/entries.jsonl"), Buffer.concat(lines.flatMap((line) => [line, Buffer.from("\n")])));
  writeFileSync(path.join(folder, "audit/checkpoint"), `${text}\n\u2014 large ${Buffer.concat([id, signature]).toString("base64")}\n`);
  writeFileSync(path.join(folder, "audit/verifier.key"), `large+${id.toString("hex")}+${typed.toString("base64")}\n`);
}
