// Signed checkpoints (C2SP signed-note and tlog-checkpoint, Ed25519).
// In: text of a note and of a verifier key. Out: size and root that the key signed. Refuses with words.

import { sha256 } from "./merkle.js";

const ED25519 = 1;
const encoder = new TextEncoder();

/** Bytes of standard base64 in its one spelling; null for anything else. */
export function fromBase64(text) {
  try {
    const binary = atob(text);
    return btoa(binary) === text ? Uint8Array.from(binary, (letter) => letter.charCodeAt(0)) : null;
  } catch {
    return null;
  }
}

/** Reads `name+id+base64`. */
export async function parseKey(text) {
  const [name, id, ...rest] = text.trim().split("+");
  const bytes = fromBase64(rest.join("+"));
  if (!name || /\s/.test(name) || !/^[0-9a-f]{8}$/.test(id ?? "") || bytes?.length !== 33 || bytes[0] !== ED25519) {
    throw new Error("the verifier key is not an Ed25519 key of the form name+id+base64");
  }
  const said = parseInt(id, 16);
  const prefix = encoder.encode(`${name}\n`);
  const hashed = new Uint8Array(prefix.length + bytes.length);
  hashed.set(prefix);
  hashed.set(bytes, prefix.length);
  if (number(await sha256(hashed)) !== said) throw new Error("the verifier key's id does not belong to it");
  return { name, id: said, bytes: bytes.subarray(1) };
}

/** Splits a note into the signed text and its signatures. */
export function parseNote(note) {
  const end = note.lastIndexOf("\n\n");
  // Control characters other than the newline have no place in a note.
  if (end < 0 || !note.endsWith("\n") || /[\u0000-\u0009\u000b-\u001f\u007f\ufffd]/.test(note)) {
    throw new Error("not a signed note");
  }
  const signatures = note.slice(end + 2, -1).split("\n").map((line) => {
    const [, name, encoded] = /^\u2014 (\S+) (\S+)$/.exec(line) ?? [];
    const bytes = encoded && fromBase64(encoded);
    if (!bytes || bytes.length < 5) throw new Error("not a signed note: a signature cannot be read");
    return { name, id: number(bytes), bytes: bytes.subarray(4) };
  });
  return { text: note.slice(0, end + 1), signatures };
}

/** Size and root of a checkpoint that `key` (text) signed; with `alone`, and nobody else: a line that somebody added to a log's own file is of nobody. */
export async function openCheckpoint(note, key, { alone = false } = {}) {
  const known = await parseKey(key);
  const { text, signatures } = parseNote(note);
  const own = signatures.filter(({ name, id }) => name === known.name && id === known.id);
  if (own.length === 0) throw new Error(`the checkpoint is not signed by ${known.name} with this key`);
  if (alone && signatures.length > 1) throw new Error("it holds more than one signature of the log");
  for (const signature of own) {
    if (!(await isSigned(known.bytes, signature.bytes, encoder.encode(text)))) {
      throw new Error("the signature does not verify");
    }
  }
  const [origin, size, root] = text.split("\n");
  const hash = fromBase64(root ?? "");
  if (!/^(0|[1-9][0-9]{0,15})$/.test(size ?? "") || hash?.length !== 32) {
    throw new Error("the signed text is not a checkpoint");
  }
  if (origin !== known.name) throw new Error(`its origin is ${origin}, the key's name is ${known.name}`);
  return { origin, size: Number(size), root: hash };
}

async function isSigned(key, signature, message) {
  let imported;
  try {
    imported = await crypto.subtle.importKey("raw", key, { name: "Ed25519" }, false, ["verify"]);
  } catch (error) {
    throw new Error(`this browser cannot check Ed25519 signatures (${error.message}); use a current one`);
  }
  return crypto.subtle.verify({ name: "Ed25519" }, imported, signature, message);
}

/** The first four bytes as a number. */
function number(bytes) {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
}
