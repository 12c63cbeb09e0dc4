// The page: views, the verdict on top, and what each view is told.
// The verdict is red unless the log was checked to its end: nothing is taken for good before.

import { fill, h, plural, whole } from "./dom.js";
import { checkFiles } from "./files.js";
import { LogView } from "./log.js";
import { MapView } from "./map.js";
import { QueueView } from "./queue.js";

const VIEWS = ["map", "log", "review", "check"];
const worker = new Worker("/web/worker.js", { type: "module" });
const waiting = new Map();
const get = (id) => document.getElementById(id);

let asked = 0;
let run = null;
let log = null;
let fileProblems = [];
let views = {};

/** Asks the worker. */
function ask(what, rest = {}) {
  return new Promise((resolve, reject) => {
    const id = (asked += 1);
    waiting.set(id, { resolve, reject });
    worker.postMessage({ id, ask: what, ...rest });
  });
}

worker.onmessage = ({ data: { id, answer, error, progress } }) => {
  if (progress) {
    say("checking", `Checking the log: ${whole(progress.done)} of ${whole(progress.of)} entries`);
    return;
  }
  const { resolve, reject } = waiting.get(id);
  waiting.delete(id);
  if (error === undefined) resolve(answer);
  else reject(new Error(error));
};
worker.onerror = () => say("bad", "Not verified: the part of the page that checks could not start");

/** The verdict, in colour, words and title. */
function say(state, words) {
  document.body.dataset.state = state;
  if (get("verdict-words").textContent !== words) get("verdict-words").textContent = words;
  const title = { checking: "Checking \u2026", good: "Verified", bad: "NOT VERIFIED" }[state];
  document.title = `${title} \u00b7 heatveil`;
}

/** Reads and checks the log; `key` replaces the one given at start or lying in the folder. */
async function load(key) {
  say("checking", "Checking the log");
  const given = key ?? run.key;
  try {
    log = { ...(await ask("load", { key: given })), given };
  } catch (error) {
    log = null;
    say("bad", "Not verified");
    fill(get("report"), h("p", { class: "warning" }, `The log could not be checked: ${error.message}.`));
    return;
  }
  await views.log.show(log);
  views.review.show(log, log.problems.length === 0);
  const decided = new Set(log.decisions.map((decision) => decision.frame));
  const open = log.queue.filter((entry) => !decided.has(entry.frame)).length;
  get("waiting").hidden = open === 0;
  get("waiting").textContent = `${whole(open)}`;
  get("waiting").setAttribute("aria-label", `${plural(open, "frame")} to decide`);
  // Last: what is on the page is what the verdict is about.
  verdict();
}

/** Puts together what is wrong with the log and with files, and says it. */
function verdict() {
  const problems = [...log.problems, ...fileProblems];
  if (problems.length > 0) say("bad", `Not verified: ${problems.length === 1 ? problems[0] : plural(problems.length, "problem")}`);
  else say("good", log.given ? "Verified" : "Unaltered since it was signed");
  const { published, withheld, rejected } = log.counts;
  fill(get("report"),
    h("p", { class: problems.length ? "warning" : "good" }, problems.length
      ? "This log does not verify. Rely on nothing here: neither map nor entries."
      : `All ${whole(log.entries)} entries are those that were signed, and every frame of the manifest has one outcome: ` +
        `${whole(published)} published, ${whole(withheld)} withheld, ${whole(rejected)} rejected. What this page does not check is listed below.`),
    problems.length ? h("ul", { class: "problems" }, problems.map((problem) => h("li", {}, problem))) : null,
    log.given ? null : h("p", { class: "note" }, "The key came from the folder itself: this shows that nothing changed since it was signed, not who signed."),
    h("dl", { class: "facts" }, h("dt", {}, "Entries"), h("dd", {}, whole(log.entries)), h("dt", {}, "Root"), h("dd", { class: "hash" }, log.root),
      h("dt", {}, "Signed by"), h("dd", { class: "hash" }, (log.given ?? log.own).trim())));
  get("key-form").elements.key.value ||= log.given ?? "";
}

/** A file that the page read is not the log's. */
function fileProblem(words) {
  if (fileProblems.includes(words)) return;
  fileProblems.push(words);
  if (log) verdict();
}

function show() {
  const wanted = location.hash.slice(1).split("?")[0];
  const view = VIEWS.includes(wanted) ? wanted : "map";
  VIEWS.forEach((name) => {
    get(name).hidden = name !== view;
    document.querySelector(`nav a[href="#${name}"]`).toggleAttribute("aria-current", name === view);
  });
  document.querySelector("nav a[aria-current]").setAttribute("aria-current", "page");
  if (view === "map") views.map.shown();
}

function wireForms() {
  get("key-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const key = event.target.elements.key.value.trim();
    get("key-words").textContent = "";
    await load(key === "" ? undefined : key);
    if (log) get("key-words").textContent = log.problems.length ? "The log does not verify with this key." : "The log verifies with this key.";
  });
  get("kept-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const words = get("kept-words");
    if (!log) return;
    // Mail programs turn line ends and drop the last one.
    const note = `${event.target.elements.note.value.replace(/\r\n/g, "\n").replace(/\n+$/, "")}\n`;
    const { isSigned, problems } = await ask("kept", { note, key: log.given ?? log.own });
    words.className = problems.length ? "warning" : "good";
    words.textContent = problems.length ? problems.join(" ") : "This log begins exactly as the kept checkpoint says.";
    if (isSigned) problems.forEach(fileProblem);
  });
  get("files-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const words = get("files-words");
    if (!log) return;
    const button = event.target.querySelector("button");
    button.disabled = true;
    const found = await checkFiles(log.listed, (done, of) => (words.textContent = `${whole(done)} of ${whole(of)} files`));
    button.disabled = false;
    found.problems.forEach(fileProblem);
    const left = found.left.map((file) => file.path).join(", ");
    words.className = found.problems.length ? "warning" : "good";
    words.textContent = (found.problems.length ? found.problems.join(" ") : `${plural(found.done - found.left.length, "file")} as in the log.`) +
      (left ? ` Too large for a browser, check with sha256sum: ${left}.` : "");
  });
}

async function start() {
  run = await (await fetch("/api/run", { cache: "no-store" })).json();
  get("folder").textContent = run.folder;
  views = {
    log: new LogView(get("log"), ask),
    review: new QueueView(get("review"), {
      folder: run.folder,
      showFrame: async (frame) => {
        location.hash = "log";
        await views.log.look({ frame: String(frame) });
      },
    }),
    map: new MapView(get("map"), { hasLibrary: run.has_map_library, problem: fileProblem }),
  };
  wireForms();
  addEventListener("hashchange", () => {
    show();
    get("main").focus({ preventScroll: true });
  });
  show();
  await load();
  if (log) await views.map.show(log.listed);
}

start().catch((error) => say("bad", `Not verified: ${error.message}`));
