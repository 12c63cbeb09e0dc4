// Reads, checks, indexes and searches the log off the page's thread.
// In: messages {id, ask, ...}. Out: messages {id, answer} or {id, error}, and {progress} on the way.

import { Lines } from "./reader.js";
import { checkpointProblems, verify } from "./verify.js";
import { openCheckpoint } from "./note.js";
import { parseEntry } from "./canonical.js";

let lines = null;
let leaves = null;
let checkpoint = "";
/** For each line: its type, its frame or -1, the classes that it names. */
let index = [];

/** Reads the log from the server and checks it against `key`, or the folder's own key. */
async function load({ key }) {
  if (!globalThis.crypto?.subtle) {
    throw new Error("this page was not opened on the machine's own address, and browsers give hashing to such pages only: " +
      "open a tunnel (ssh -L) and use http://localhost");
  }
  lines = await readLines("/audit/entries.jsonl");
  checkpoint = await readText("/audit/checkpoint");
  const own = await readText("/audit/verifier.key");
  index = [];
  const found = await verify({
    lines,
    checkpoint,
    key: key ?? own,
    each: (_, entry) => index.push(summary(entry)),
    progress: (done) => postMessage({ progress: { done, of: lines.count } }),
  });
  leaves = found.leaves;
  delete found.leaves;
  return { ...found, checkpoint, own, ...survey() };
}

/** What the views need of the whole log: types, classes, files, frames that need a human, decisions. */
function survey() {
  const types = new Map();
  const classes = new Set();
  const listed = [];
  const queue = [];
  const decisions = [];
  index.forEach(({ type, classes: named }, at) => {
    types.set(type, (types.get(type) ?? 0) + 1);
    named.forEach((name) => classes.add(name));
    if (!["tile.emitted", "buildings.emitted", "frame.withheld", "review.decided", "run.opened"].includes(type)) return;
    const entry = entryAt(at);
    // A file of many frames is told of in parts.
    if (type === "tile.emitted" && listed.at(-1)?.path !== entry.path) listed.push({ path: entry.path, sha256: entry.sha256, bytes: entry.bytes });
    if (type === "buildings.emitted" && listed.at(-1)?.path !== entry.files.at(-1)?.path) listed.push(...entry.files);
    if (type === "frame.withheld") queue.push({ line: at, ...entry });
    if (type === "review.decided") decisions.push({ line: at, ...entry });
  });
  return { types: [...types], classes: [...classes].sort(), listed, queue, decisions };
}

function summary(entry) {
  const named = (entry?.found ?? []).map((find) => find.class);
  return { type: entry?.type ?? "unreadable", frame: entry?.frame ?? -1, classes: [...new Set(named)] };
}

function entryAt(at) {
  return parseEntry(lines.text(at));
}

/** Numbers of the lines that fit: type, frame ("7" or "3-9"), class, text anywhere in the line. */
function filter({ type, frame, class: wanted, text }) {
  const [first, last] = frames(frame);
  const needle = text.trim().toLowerCase();
  const found = [];
  index.forEach((known, at) => {
    if (type && known.type !== type) return;
    if (first !== null && !(known.frame >= first && known.frame <= last)) return;
    if (wanted && !known.classes.includes(wanted)) return;
    if (needle && !lines.text(at).toLowerCase().includes(needle)) return;
    found.push(at);
  });
  return Uint32Array.from(found);
}

function frames(text) {
  const [, first, last] = /^\s*(\d+)\s*(?:[-\u2013]\s*(\d+)\s*)?$/.exec(text) ?? [];
  return first === undefined ? [null, null] : [Number(first), Number(last ?? first)];
}

/** Entries by line, with the line itself. */
function rows({ at }) {
  return at.map((line) => ({ line, text: lines.text(line), entry: entryAt(line) }));
}

/** Whether a checkpoint that a reviewer kept is a beginning of this log; one that the key did not sign says nothing of the log. */
async function kept({ note, key }) {
  try {
    await openCheckpoint(note, key);
  } catch (error) {
    return { isSigned: false, problems: [`This is no checkpoint of this log's key: ${error.message}.`] };
  }
  return { isSigned: true, problems: await checkpointProblems(leaves, note, key, { all: false }) };
}

async function readLines(url) {
  const response = await open(url);
  const log = new Lines(Number(response.headers.get("content-length") ?? 0));
  const reader = response.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    log.push(value);
  }
  log.finish();
  return log;
}

async function readText(url) {
  return (await open(url)).text();
}

async function open(url) {
  const response = await fetch(url, { cache: "no-store" });
  if (!response.ok) throw new Error(`${url} cannot be read (${response.status})`);
  return response;
}

const ASKED = { load, filter, rows, kept };

onmessage = async ({ data: { id, ask, ...rest } }) => {
  try {
    postMessage({ id, answer: await ASKED[ask](rest) });
  } catch (error) {
    postMessage({ id, error: error.message });
  }
};
