// The RFC 6962 tree over lines, with the browser's own SHA-256.
// In: bytes. Out: hashes of 32 bytes. Knows nothing of logs.

const LEAF = 0;
const NODE = 1;
/** Bytes of a hash. */
export const HASH = 32;
/** Digests asked for at once: enough to keep the browser busy, few enough to keep memory flat. */
const BATCH = 2048;

/** SHA-256 of bytes. */
export async function sha256(bytes) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}

/** Leaf hash of a line: SHA-256(0x00 || line). */
export async function leafHash(line) {
  const bytes = new Uint8Array(line.length + 1);
  bytes[0] = LEAF;
  bytes.set(line, 1);
  return sha256(bytes);
}

/**
 * Leaf hashes of `count` lines, one behind the other.
 * `line(index)` gives the bytes; `progress(done)` is called now and then.
 */
export async function leafHashes(count, line, progress = () => {}) {
  const hashes = new Uint8Array(count * HASH);
  for (let start = 0; start < count; start += BATCH) {
    const end = Math.min(start + BATCH, count);
    const batch = [];
    for (let index = start; index < end; index += 1) batch.push(leafHash(line(index)));
    (await Promise.all(batch)).forEach((hash, at) => hashes.set(hash, (start + at) * HASH));
    progress(end);
  }
  return hashes;
}

/** The tree head over leaf hashes that stand one behind the other; over none, SHA-256 of nothing. */
export async function root(leaves) {
  if (leaves.length === 0) return sha256(new Uint8Array());
  let level = leaves;
  while (level.length > HASH) level = await parents(level);
  return level.slice();
}

/** One level up: pairs are joined, a last one without a partner rises as it is. */
async function parents(level) {
  const count = level.length / HASH;
  const pairs = Math.floor(count / 2);
  const next = new Uint8Array(Math.ceil(count / 2) * HASH);
  for (let start = 0; start < pairs; start += BATCH) {
    const end = Math.min(start + BATCH, pairs);
    const batch = [];
    for (let pair = start; pair < end; pair += 1) {
      const bytes = new Uint8Array(1 + 2 * HASH);
      bytes[0] = NODE;
      bytes.set(level.subarray(pair * 2 * HASH, (pair + 1) * 2 * HASH), 1);
      batch.push(sha256(bytes));
    }
    (await Promise.all(batch)).forEach((hash, at) => next.set(hash, (start + at) * HASH));
  }
  if (count % 2 === 1) next.set(level.subarray((count - 1) * HASH), pairs * HASH);
  return next;
}

/** Lower-case hex. */
export function hex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Bytes of lower-case hex; null for anything else. */
export function fromHex(text) {
  if (typeof text !== "string" || !/^([0-9a-f]{2})*$/.test(text)) return null;
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}
