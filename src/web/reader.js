// The log's bytes as they came, cut into lines.
// In: pieces of any length. Out: lines by number. What is shown is what was hashed: the log is read once.

const NEWLINE = 10;
/** Longest line of a log (docs/audit-log.md). */
export const LONGEST = 65535;

/** A log that grows piece by piece. */
export class Lines {
  #bytes;
  #length = 0;
  #ends = [];
  #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  #strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  /** Whether something stands behind the last newline. */
  torn = false;

  constructor(expected = 1 << 20) {
    this.#bytes = new Uint8Array(Math.max(expected, 1024));
  }

  /** Takes the next piece. */
  push(piece) {
    if (this.#length + piece.length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(2 * this.#bytes.length, this.#length + piece.length));
      larger.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = larger;
    }
    this.#bytes.set(piece, this.#length);
    for (let at = piece.indexOf(NEWLINE); at >= 0; at = piece.indexOf(NEWLINE, at + 1)) this.#ends.push(this.#length + at);
    this.#length += piece.length;
  }

  /** No more pieces come: what stands behind the last newline is a line, and a problem. */
  finish() {
    const last = this.#ends.at(-1) ?? -1;
    this.torn = this.#length > last + 1;
    if (this.torn) this.#ends.push(this.#length);
  }

  get count() {
    return this.#ends.length;
  }

  /** Bytes of a line without its newline. */
  bytes(index) {
    return this.#bytes.subarray(index === 0 ? 0 : this.#ends[index - 1] + 1, this.#ends[index]);
  }

  /** A line as text; null where it is not UTF-8. */
  strict(index) {
    try {
      return this.#strict.decode(this.bytes(index));
    } catch {
      return null;
    }
  }

  /** The same as text; what is not UTF-8 shows as U+FFFD. */
  text(index) {
    return this.#decoder.decode(this.bytes(index));
  }
}
