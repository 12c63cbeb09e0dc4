// Whether a log is what its key signed, and whether it accounts for every frame.
// In: lines, a checkpoint, a verifier key. Out: problems in words; none means that it holds. Of the rules of docs/audit-log.md these
// are 1, 9, 11 and of 2 all but the place of looks; the page says what it leaves to `heatveil verify`.

import { HASH, fromHex, hex, leafHashes, root } from "./merkle.js";
import { LONGEST } from "./reader.js";
import { openCheckpoint } from "./note.js";
import { parseEntry } from "./canonical.js";

/** Problems shown by number of line, at most; a log with more is no better known by them. */
const MOST_LINES = 20;
const OUTCOMES = { "frame.masked": "published", "frame.withheld": "withheld", "frame.rejected": "rejected" };
const AFTERMATH = new Set(["review.decided", "release.approved", "raw.deleted"]);
/** Entries of a run between its beginning and its end; others are not known. */
const RUN = new Set(["run.opened", "run.resumed", "frame.ingested", "frame.detected", "frame.masked", "frame.withheld", "frame.rejected", "frame.placed",
  "flight.placed", "objection.applied", "heatloss.parameters", "buildings.emitted", "tile.emitted", "run.closed"]);

/** What one pass over the entries finds; the worker keeps an index of the same pass. */
export class Story {
  problems = [];
  counts = { published: 0, withheld: 0, rejected: 0 };
  manifest = null;
  closed = null;
  #commitments = [];
  #open = null;
  #bad = 0;

  /** Takes the entry on the line `index` (from 0), null where the line is none. */
  take(index, entry) {
    if (entry === null) {
      this.#bad += 1;
      if (this.#bad <= MOST_LINES) this.problems.push(`Line ${index + 1} is not an entry in canonical form.`);
      return;
    }
    const { type, frame } = entry;
    if ((index === 0) !== (type === "run.opened")) {
      this.problems.push(index === 0 ? "The log does not begin with run.opened." : "run.opened stands there twice.");
    }
    if (!RUN.has(type) && !AFTERMATH.has(type)) this.problems.push(`Line ${index + 1} is of a kind that no log has.`);
    if (this.closed !== null && !AFTERMATH.has(type)) this.problems.push(`Line ${index + 1} comes after the end of the run.`);
    if (this.closed === null && AFTERMATH.has(type)) this.problems.push(`Line ${index + 1} is a decision before the end of the run.`);
    if (type === "run.opened") this.manifest ??= entry.manifest;
    if (type === "run.closed") this.closed ??= entry;
    if (type === "frame.ingested") {
      if (this.#open !== null) this.problems.push(`Frame ${this.#open} has no outcome.`);
      if (frame !== this.#commitments.length) this.problems.push(`Frame ${frame} is not in manifest order.`);
      this.#commitments.push(fromHex(entry.commitment) ?? new Uint8Array());
      this.#open = frame;
    }
    const outcome = OUTCOMES[type];
    if (outcome) {
      if (this.#open !== frame) this.problems.push(`Frame ${frame} has an outcome that does not follow its intake.`);
      this.counts[outcome] += 1;
      this.#open = null;
    }
  }

  /** No more entries come: do they account for every frame of the manifest? */
  async finish() {
    if (this.#bad > MOST_LINES) this.problems.push(`${this.#bad} lines in all are not entries in canonical form.`);
    if (this.closed === null) {
      this.problems.push("The log has no run.closed: the run is not finished.");
      return;
    }
    if (this.#open !== null) this.problems.push(`Frame ${this.#open} has no outcome.`);
    const total = this.counts.published + this.counts.withheld + this.counts.rejected;
    const said = this.closed;
    if (["published", "withheld", "rejected"].some((outcome) => said[outcome] !== this.counts[outcome]) || said.total !== total) {
      this.problems.push("The counts at the end of the run are not those of the entries.");
    }
    if (this.manifest?.count !== this.#commitments.length) {
      this.problems.push(`The manifest has ${this.manifest?.count} frames, the entries tell of ${this.#commitments.length}.`);
      return;
    }
    const leaves = await leafHashes(this.#commitments.length, (frame) => this.#commitments[frame]);
    if (hex(await root(leaves)) !== this.manifest?.root) {
      this.problems.push("The frames' commitments do not give the manifest's root: an input was exchanged.");
    }
  }
}

/**
 * Checks lines against a checkpoint and a key.
 * `each(index, entry)` sees every entry on the way; `progress(done)` counts lines.
 */
export async function verify({ lines, checkpoint, key, kept = null, each = () => {}, progress = () => {} }) {
  const story = new Story();
  for (let index = 0; index < lines.count; index += 1) {
    const text = lines.bytes(index).length > LONGEST ? null : lines.strict(index);
    const entry = text === null ? null : parseEntry(text);
    story.take(index, entry);
    each(index, entry);
  }
  await story.finish();
  const leaves = await leafHashes(lines.count, (index) => lines.bytes(index), progress);
  const found = { entries: lines.count, root: hex(await root(leaves)), counts: story.counts, leaves };
  const problems = lines.torn ? ["The last line of the log is torn."] : [];
  problems.push(...(await checkpointProblems(leaves, checkpoint, key, { all: true })));
  if (kept !== null) problems.push(...(await checkpointProblems(leaves, kept, key, { all: false })));
  problems.push(...story.problems);
  return { ...found, problems };
}

/** Whether a signed checkpoint belongs to the first leaves of a log; with `all`, to all of them. */
export async function checkpointProblems(leaves, checkpoint, key, { all }) {
  const what = all ? "The checkpoint" : "The checkpoint kept elsewhere";
  const entries = leaves.length / HASH;
  let signed;
  try {
    signed = await openCheckpoint(checkpoint, key, { alone: all });
  } catch (error) {
    return [`${what}: ${error.message}.`];
  }
  if (signed.size > entries) return [`${what} covers ${signed.size} entries, the log has only ${entries}.`];
  const problems = [];
  if (all && signed.size !== entries) problems.push(`${what} covers ${signed.size} entries, the log has ${entries}.`);
  if (hex(await root(leaves.subarray(0, signed.size * HASH))) !== hex(signed.root)) {
    problems.push(`${what} has another root over the first ${signed.size} entries: the log was changed.`);
  }
  return problems;
}
