// Canonical JSON (RFC 8785) of what a log holds: objects, lists, text, whole numbers, true and false.

/** The canonical text of a value; throws on anything that no entry holds. */
export function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value !== null && typeof value === "object") {
    // `sort` compares UTF-16 code units, as the RFC asks.
    const members = Object.keys(value).sort().map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`);
    return `{${members.join(",")}}`;
  }
  if (typeof value === "string" || typeof value === "boolean" || Number.isSafeInteger(value)) return JSON.stringify(value);
  throw new Error("not a value of an entry");
}

/** The entry on a line; null where the line is not a canonical object with a type. */
export function parseEntry(line) {
  try {
    const entry = JSON.parse(line);
    return typeof entry?.type === "string" && canonical(entry) === line ? entry : null;
  } catch {
    return null;
  }
}
