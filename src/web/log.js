// The log browser: filters, a list of any length, one entry in plain words.

import { copyButton, facts, fill, h, whole } from "./dom.js";
import { List } from "./list.js";
import { inWords } from "./words.js";

/** Milliseconds from the last key to the search. */
const PATIENCE = 150;

export class LogView {
  #found = new Uint32Array();
  #timer = 0;
  #turn = 0;

  constructor(root, ask) {
    this.ask = ask;
    this.form = root.querySelector("form");
    this.count = root.querySelector(".count");
    this.detail = root.querySelector(".detail");
    this.list = new List({ label: "Log entries", height: 44, rows: (numbers) => this.#rows(numbers), open: (number) => this.#open(number) });
    root.querySelector(".list-place").append(this.list.element);
    this.form.addEventListener("input", () => this.#soon());
    this.form.addEventListener("reset", () => this.#soon());
    this.form.addEventListener("submit", (event) => event.preventDefault());
    // A form of several fields without a button is not submitted by Enter.
    this.form.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.target.tagName !== "INPUT" || this.#found.length === 0) return;
      event.preventDefault();
      this.list.element.focus();
      this.list.select(0);
    });
  }

  /** Shows another log. */
  async show({ types, classes }) {
    choices(this.form.elements.type, "Every type", types.map(([type, count]) => [type, `${type} (${whole(count)})`]));
    choices(this.form.elements.class, "Every class", classes.map((name) => [name, name]));
    await this.#search();
  }

  /** Shows the entries that fit, such as those of one frame. */
  async look(filter) {
    for (const name of ["type", "frame", "class", "text"]) this.form.elements[name].value = filter[name] ?? "";
    await this.#search();
  }

  #soon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#search(), PATIENCE);
  }

  async #search() {
    const turn = (this.#turn += 1);
    const value = (name) => this.form.elements[name].value;
    const found = await this.ask("filter", { type: value("type"), frame: value("frame"), class: value("class"), text: value("text") });
    if (turn !== this.#turn) return;
    this.#found = found;
    this.count.textContent = this.#found.length === 1 ? "1 entry" : `${whole(this.#found.length)} entries`;
    fill(this.detail, h("p", { class: "empty" }, this.#found.length ? "Choose an entry to read it in plain words." : "No entry fits these filters."));
    this.list.show(this.#found.length);
  }

  async #rows(numbers) {
    const rows = await this.ask("rows", { at: numbers.map((number) => this.#found[number]) });
    return rows.map(({ line, entry }) => [
      h("span", { class: "number" }, whole(line + 1)),
      h("span", { class: "type" }, entry?.type ?? "unreadable"),
      h("span", { class: "frame" }, entry?.frame === undefined ? "" : `frame ${entry.frame}`),
      h("span", { class: "words" }, inWords(entry).line),
    ]);
  }

  async #open(number) {
    const [{ line, entry, text }] = await this.ask("rows", { at: [this.#found[number]] });
    fill(this.detail, ...entryInWords({ line, entry, text }));
  }
}

/** An entry as a reader wants it: words, finds, the line itself. */
export function entryInWords({ line, entry, text }) {
  const words = inWords(entry);
  return [
    h("p", { class: "over" }, `Entry ${whole(line + 1)} \u00b7 ${entry?.type ?? "unreadable"}`),
    h("h3", {}, words.title),
    facts(words.facts),
    words.boxes?.length ? finds(words.boxes) : null,
    h("details", {}, h("summary", {}, "The line itself"), h("pre", { tabindex: "0" }, text), copyButton(() => text, "Copy line")),
  ];
}

function finds(boxes) {
  const head = ["Class", "Score", "Box (left, top, right, bottom)", "Sure"].map((name) => h("th", { scope: "col" }, name));
  const rows = boxes.map(({ name, score, box, sure }) => h("tr", {}, h("td", {}, name), h("td", { class: "figure" }, (score / 1000).toFixed(3)),
    h("td", { class: "figure" }, box.join(", ")), h("td", {}, sure ? "yes" : "no")));
  return h("div", { class: "wide", tabindex: "0", role: "region", "aria-label": "Finds" },
    h("table", {}, h("thead", {}, h("tr", {}, head)), h("tbody", {}, rows)));
}

function choices(select, every, pairs) {
  const before = select.value;
  fill(select, h("option", { value: "" }, every), pairs.map(([value, label]) => h("option", { value }, label)));
  select.value = pairs.some(([value]) => value === before) ? before : "";
}
