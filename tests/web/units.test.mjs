// The page's own modules against values that come from elsewhere. `node --test tests/web/units.test.mjs`, no browser.

import assert from "node:assert/strict";
import { webcrypto } from "node:crypto";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { canonical, parseEntry } from "../../src/web/canonical.js";
import { parseCsv } from "../../src/web/csv.js";
import { HASH, fromHex, hex, leafHashes, root } from "../../src/web/merkle.js";
import { fromBase64, openCheckpoint, parseKey, parseNote } from "../../src/web/note.js";
import { boxesOf, commandFor, quoted } from "../../src/web/queue.js";
import { Lines } from "../../src/web/reader.js";
import { checkpointProblems, verify } from "../../src/web/verify.js";
import { inWords } from "../../src/web/words.js";

// Debian's node 18 has it under this name alone.
globalThis.crypto ??= webcrypto;
const here = path.dirname(fileURLToPath(import.meta.url));
const encoder = new TextEncoder();
const read = (name) => readFileSync(path.join(here, "log", name));

/** The leaves and roots that Certificate Transparency's implementations test with (transparency-dev/merkle, testonly). */
const LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
const ROOTS = [
  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
  "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
  "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
  "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
  "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
  "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

/** Leaf hashes of the first leaves. */
function leavesOf(count) {
  const lines = LEAVES.map(fromHex);
  return leafHashes(count, (index) => lines[index]);
}

test("roots are those of RFC 6962's reference leaves", async () => {
  for (let count = 0; count <= LEAVES.length; count += 1) assert.equal(hex(await root(await leavesOf(count))), ROOTS[count], `${count}`);
});

test("roots of the published vectors are among them", async (context) => {
  const folder = path.join(here, "../../../shared/vectors/merkle/testdata/consistency");
  if (!existsSync(folder)) return context.skip(`no vectors at ${folder}`);
  let checked = 0;
  for (const name of readdirSync(folder, { recursive: true }).filter((file) => file.endsWith("happy-path.json"))) {
    const { size1, size2, root1, root2 } = JSON.parse(readFileSync(path.join(folder, name)));
    for (const [size, said] of [[size1, root1], [size2, root2]]) {
      if (!said || size > LEAVES.length) continue;
      assert.equal(hex(await root(await leavesOf(size))), hex(fromBase64(said)), name);
      checked += 1;
    }
  }
  assert.ok(checked >= 4, `${checked}`);
});

/** The example in the documentation of Go's golang.org/x/mod/sumdb/note. */
const GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const GO_NOTE = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n" +
  "\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

test("Go's example of a signed note verifies, and no changed one does", async () => {
  const { name, bytes } = await parseKey(GO_KEY);
  assert.equal(name, "PeterNeumann");
  assert.equal(bytes.length, 32);
  // The signature holds; what it signs is no checkpoint.
  await assert.rejects(openCheckpoint(GO_NOTE, GO_KEY), /not a checkpoint/);
  await assert.rejects(openCheckpoint(GO_NOTE.replace("answer", "Answer"), GO_KEY), /does not verify/);
  await assert.rejects(parseKey(GO_KEY.replace("c74f20a3", "c74f20a4")), /id does not belong/);
  for (const key of ["", "a+b", "two words+c74f20a3+AR", GO_KEY.replace("+AR", "+BR")]) await assert.rejects(parseKey(key), /verifier key/, key);
});

test("what is no note is refused", () => {
  for (const note of ["", "text\n", "text\n\n", "text\n\nno dash\n", GO_NOTE.slice(0, -1), GO_NOTE.replace("If", "\tIf"), GO_NOTE.replace("x08g", "x08\u00e9")]) {
    assert.throws(() => parseNote(note), /not a signed note/, note);
  }
});

/** RFC 8785, section 3.2.3, without the numbers that no entry holds. */
test("canonical JSON sorts by UTF-16 code units and writes as the RFC does", () => {
  const value = JSON.parse('{"\\u20ac":"Euro Sign","\\r":"Carriage Return","\\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One",' +
    '"\\ud83d\\ude00":"Emoji: Grinning Face","\\u0080":"Control","\\u00f6":"Latin Small Letter O With Diaeresis"}');
  const order = canonical(value).match(/"(Carriage|One|Control|Latin|Euro|Emoji|Hebrew)/g).map((name) => name.slice(1));
  assert.deepEqual(order, ["Carriage", "One", "Control", "Latin", "Euro", "Emoji", "Hebrew"]);
  assert.equal(canonical([56, { d: true, 10: null ?? "x" }]), '[56,{"10":"x","d":true}]');
});

test("lines that are not canonical are no entries", () => {
  assert.deepEqual(parseEntry('{"a":1,"type":"x"}'), { a: 1, type: "x" });
  for (const line of ['{"type":"x","a":1}', '{"a": 1,"type":"x"}', '{"a":1.5,"type":"x"}', '{"a":1.0,"type":"x"}', '{"a":-0,"type":"x"}', '{"a":null,"type":"x"}',
    '{"a":1,"a":1,"type":"x"}', '{"a":9007199254740993,"type":"x"}', '{"a":"\\u0041","type":"x"}', "[]", "", "null"]) {
    assert.equal(parseEntry(line), null, line);
  }
});

/** Lines of bytes that come in pieces of `step`. */
function linesOf(bytes, step = bytes.length || 1) {
  const lines = new Lines();
  for (let at = 0; at < bytes.length; at += step) lines.push(bytes.subarray(at, at + step));
  lines.finish();
  return lines;
}

const key = read("verifier.key").toString();
const checkpoint = read("checkpoint").toString();
const check = (bytes, options = {}) => verify({ lines: linesOf(bytes), checkpoint, key, ...options });

test("a log that heatveil wrote holds, however its bytes come", async () => {
  const bytes = read("entries.jsonl");
  for (const step of [1, 7, bytes.length]) {
    const { problems, entries, counts } = await verify({ lines: linesOf(bytes, step), checkpoint, key });
    assert.deepEqual(problems, []);
    assert.equal(entries, bytes.toString().trim().split("\n").length);
    assert.deepEqual(counts, { published: 1, withheld: 1, rejected: 1 });
  }
});

test("every change of a byte, every missing, doubled and exchanged line is found", async () => {
  const bytes = read("entries.jsonl");
  // Every 97th byte: a prime, so that all places within a line have their turn.
  for (let at = 0; at < bytes.length; at += 97) {
    const changed = Uint8Array.from(bytes);
    changed[at] ^= 1;
    assert.notDeepEqual((await check(changed)).problems, [], `byte ${at}`);
  }
  const lines = bytes.toString().trim().split("\n");
  const written = (list) => encoder.encode(list.map((line) => `${line}\n`).join(""));
  for (let at = 0; at < lines.length; at += 1) {
    const [before, after] = [lines.slice(0, at), lines.slice(at + 1)];
    const exchanged = [...before.slice(0, -1), lines[at], ...before.slice(-1), ...after];
    for (const other of [[...before, ...after], [...before, lines[at], lines[at], ...after], at > 0 ? exchanged : []]) {
      assert.notDeepEqual((await check(written(other))).problems, [], `line ${at}`);
    }
  }
  for (const torn of [bytes.subarray(0, -1), Buffer.concat([bytes, Buffer.from("{}")]), Buffer.concat([bytes, Buffer.from("\n")]), Buffer.alloc(0)]) {
    assert.notDeepEqual((await check(torn)).problems, []);
  }
});

test("an entry of an unknown kind is found, whoever signed it", async () => {
  const lines = read("entries.jsonl").toString().trim().split("\n");
  const with1 = encoder.encode([lines[0], '{"type":"frame.shown"}', ...lines.slice(1)].map((line) => `${line}\n`).join(""));
  const { problems } = await check(with1);
  assert.ok(problems.includes("Line 2 is of a kind that no log has."), problems.join("\n"));
});

test("a changed checkpoint and another key are found", async () => {
  const bytes = read("entries.jsonl");
  for (let at = 0; at < checkpoint.length; at += 1) {
    const changed = checkpoint.slice(0, at) + String.fromCharCode(checkpoint.charCodeAt(at) ^ 1) + checkpoint.slice(at + 1);
    assert.notDeepEqual((await check(bytes, { checkpoint: changed })).problems, [], `byte ${at}`);
  }
  assert.match((await check(bytes, { key: GO_KEY })).problems[0], /not signed by PeterNeumann/);
  // A line that needs no key: the log's own file has none, one that was kept elsewhere may.
  const more = `${checkpoint}\u2014 ico.org.uk AAAAAAAA\n`;
  assert.match((await check(bytes, { checkpoint: more })).problems[0], /more than one signature/);
  assert.deepEqual((await check(bytes, { kept: more })).problems, []);
});

/** A log of our own making, signed by a key made here, to reach what a true run never shows. */
async function signed(entries) {
  const pair = await crypto.subtle.generateKey({ name: "Ed25519" }, true, ["sign", "verify"]);
  const publicKey = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
  const typed = Uint8Array.from([1, ...publicKey]);
  const id = new Uint8Array(await crypto.subtle.digest("SHA-256", Uint8Array.from([...encoder.encode("test\n"), ...typed]))).subarray(0, 4);
  const bytes = encoder.encode(entries.map((entry) => `${canonical(entry)}\n`).join(""));
  const lines = linesOf(bytes);
  const head = await root(await leafHashes(lines.count, (index) => lines.bytes(index)));
  const base64 = (data) => Buffer.from(data).toString("base64");
  const note = async (size, over) => {
    const text = `test\n${size}\n${base64(over)}\n`;
    const signature = new Uint8Array(await crypto.subtle.sign({ name: "Ed25519" }, pair.privateKey, encoder.encode(text)));
    return `${text}\n\u2014 test ${base64(Uint8Array.from([...id, ...signature]))}\n`;
  };
  return { lines, key: `test+${hex(id)}+${base64(typed)}`, checkpoint: await note(lines.count, head), note };
}

test("a log that is signed and does not account for its frames is found", async () => {
  const commitment = "07".repeat(32);
  // Python: hashlib.sha256(b"\x00" + b"\x07" * 32).hexdigest()
  const manifest = { count: 1, root: "0a958d726efea0a71eb66b07c78738717b22d1fbd44756e82803a5ed461e13f9" };
  const opened = { type: "run.opened", manifest };
  const frame = [{ type: "frame.ingested", frame: 0, commitment }, { type: "frame.rejected", frame: 0 }];
  const closed = { type: "run.closed", total: 1, published: 0, withheld: 0, rejected: 1 };
  const found = async (entries) => {
    const log = await signed(entries);
    return (await verify(log)).problems.join(" ");
  };
  assert.equal(await found([opened, ...frame, closed]), "");
  assert.match(await found([opened, frame[0], closed]), /no outcome/);
  assert.match(await found([opened, ...frame, { ...closed, rejected: 0, published: 1 }]), /counts/);
  assert.match(await found([opened, ...frame]), /not finished/);
  assert.match(await found([{ ...opened, manifest: { ...manifest, root: "07".repeat(32) } }, ...frame, closed]), /exchanged/);
  assert.match(await found([{ ...opened, manifest: { ...manifest, count: 2 } }, ...frame, closed]), /manifest has 2/);
  assert.match(await found([opened, ...frame, closed, ...frame]), /after the end/);
  assert.match(await found([opened, { type: "raw.deleted" }, ...frame, closed]), /before the end/);
});

test("a checkpoint kept elsewhere must be a beginning", async () => {
  const entries = [1, 2, 3, 4, 5].map((number) => ({ type: "run.resumed", number }));
  const { lines, key: own, note } = await signed(entries);
  const leaves = await leafHashes(lines.count, (index) => lines.bytes(index));
  const kept = async (size, over) => checkpointProblems(leaves, await note(size, over), own, { all: false });
  for (const size of [0, 1, 2, 3, 4, 5]) assert.deepEqual(await kept(size, await root(leaves.subarray(0, size * HASH))), [], `${size}`);
  assert.match((await kept(3, await root(leaves)))[0], /another root/);
  assert.match((await kept(6, await root(leaves)))[0], /has only 5/);
});

test("every entry of the log reads as words", () => {
  for (const line of read("entries.jsonl").toString().trim().split("\n")) {
    const words = inWords(JSON.parse(line));
    assert.ok(!words.line.startsWith("not known"), line);
    // A field that is not there would read "undefined"; one reason in the log has that word itself.
    assert.ok(!JSON.stringify(words).replaceAll("yaw is undefined", "").includes("undefined"), line);
  }
  assert.match(inWords({ type: "run.opened" }).line, /not known/);
});

test("the examples of the log's page read as words", () => {
  const page = readFileSync(path.join(here, "../../docs/audit-log.md"), "utf8");
  const entries = [...page.matchAll(/^\{.*\}$/gm)].map(([line]) => parseEntry(line)).filter((entry) => entry !== null);
  const types = new Set(entries.map((entry) => entry.type));
  for (const entry of entries) assert.ok(!inWords(entry).line.startsWith("not known"), entry.type);
  assert.ok(types.size >= 14, `${types.size}`);
});

test("a frame says what people hid and opened", () => {
  const page = readFileSync(path.join(here, "../../docs/audit-log.md"), "utf8");
  const lines = page.match(/^\{.*\}$/gm);
  const like = (type) => JSON.parse(lines.find((line) => line.includes(`"type":"${type}"`)));
  const boxes = { hide: [[0, 0, 4, 4]], open: [[4, 4, 8, 8], [8, 8, 9, 9]] };
  const fact = (entry, name) => new Map(inWords(entry).facts).get(name);
  const masked = { ...like("frame.masked"), reviewed: { decision: "release", ...boxes } };
  assert.equal(fact(masked, "People decided"), "release: 1 box hidden, 2 boxes opened");
  assert.ok(!fact({ ...masked, reviewed: undefined }, "People decided"));
  const decided = { ...like("review.decided"), decision: "release", ...boxes };
  assert.equal(fact(decided, "Also hidden"), "1 box");
  assert.equal(fact(decided, "Opened again"), "2 boxes");
});

test("tables are read as RFC 4180 writes them", () => {
  assert.deepEqual(parseCsv('id,reasons\n1,"a, ""b""\nc"\r\n2,\n'), [{ id: "1", reasons: 'a, "b"\nc' }, { id: "2", reasons: "" }]);
  assert.deepEqual(parseCsv(""), []);
});

test("a command is safe to paste into a shell", () => {
  assert.equal(quoted("plain-1.txt"), "plain-1.txt");
  assert.equal(quoted("it's; rm $HOME"), "'it'\\''s; rm $HOME'");
  assert.match(commandFor("-out", "reject", 3), / review \.\/-out reject 3 /);
  assert.match(commandFor("out", "reject", 3, { reason: "-`reboot`" }), / --reason='-`reboot`'$/);
  assert.equal(commandFor("a b", "release", 3, { reason: "x" }), "heatveil review 'a b' release 3 --key my-review.key --reason=x --second-key second-person.key");
});

test("boxes are whole pixels the right way round, or none", () => {
  assert.deepEqual(boxesOf(" 1,2,3,4  5,6,7,8 "), ["1,2,3,4", "5,6,7,8"]);
  assert.deepEqual(boxesOf(""), []);
  for (const text of ["1,2,3", "3,2,1,4", "1,2,1,4", "a,b,c,d", "1,2,3,4;rm", "-1,2,3,4"]) assert.equal(boxesOf(text), null, text);
});
