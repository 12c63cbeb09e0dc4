// Whether published files are those of the log.
// In: path, SHA-256 and length as the log has them. Out: bytes, or what is wrong. Refuses to hand out bytes that are not the log's.

import { hex, sha256 } from "./merkle.js";

/** Largest file that is read into memory: browsers hash whole buffers. */
const LARGEST = 1_000_000_000;
const LIST = "/manifest.jsonl";

/** The address of a published file. */
export function address(path) {
  return `/files/${path.split("/").map(encodeURIComponent).join("/")}`;
}

/** Bytes of a file of the log; throws with words where it is not that file. */
export async function readListed({ path, sha256: wanted, bytes }) {
  const response = await fetch(address(path), { cache: "no-store" });
  if (!response.ok) throw new Error(`${path} cannot be read: it is missing, or not a plain file`);
  const found = new Uint8Array(await response.arrayBuffer());
  if (found.length !== bytes || hex(await sha256(found)) !== wanted) throw new Error(`${path} is not the file of the log`);
  return found;
}

/** Checks all files, lists and what they list; `progress(done, of)` counts. */
export async function checkFiles(listed, progress) {
  const problems = [];
  const left = [];
  const open = [...listed];
  let done = 0;
  while (open.length > 0) {
    const file = open.shift();
    progress(done, done + open.length + 1);
    if (file.bytes > LARGEST) {
      left.push(file);
    } else {
      try {
        const bytes = await readListed(file);
        if (file.path.endsWith(LIST)) open.push(...below(file.path, bytes));
      } catch (error) {
        problems.push(`${error.message}.`);
      }
    }
    done += 1;
  }
  progress(done, done);
  return { done, problems, left };
}

/** The files of a list, whose own hash was right. */
function below(path, bytes) {
  const folder = path.slice(0, -LIST.length + 1);
  const lines = new TextDecoder().decode(bytes).split("\n").filter((line) => line !== "");
  return lines.map((line) => {
    const file = JSON.parse(line);
    return { ...file, path: folder + file.path };
  });
}
