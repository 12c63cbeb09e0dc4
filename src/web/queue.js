// The queue of frames that need a human: why, what was decided, and the command that decides.
// Decisions are signed with the reviewer's own key, which a web page must never see: the page writes the command, the reviewer runs it.

import { copyButton, facts, fill, h, plural } from "./dom.js";
import { List } from "./list.js";
import { inWords, time } from "./words.js";

/** Choices, and the keys that make them while the list has the focus. */
const CHOICES = [
  { key: "a", name: "approve", words: "Approve", help: "Publish with the run's masks. Add what else must be hidden." },
  { key: "r", name: "reject", words: "Reject", help: "Never publish." },
  { key: "l", name: "release", words: "Release as it is", help: "Less is hidden than the run would. Needs a reason and a second person's key." },
];

export class QueueView {
  #frames = [];
  #chosen = null;

  constructor(root, { folder, showFrame }) {
    this.folder = folder;
    this.showFrame = showFrame;
    this.count = root.querySelector(".count");
    this.detail = root.querySelector(".detail");
    this.trusted = false;
    this.list = new List({ label: "Review queue", height: 56, rows: async (numbers) => numbers.map((number) => this.#row(number)),
      open: (number) => this.#open(number) });
    this.list.element.setAttribute("aria-describedby", "queue-keys");
    this.list.element.addEventListener("keydown", (event) => this.#key(event));
    root.querySelector(".list-place").append(this.list.element);
  }

  /** Shows another log; where it does not hold, nothing is to be decided from it. */
  show({ queue, decisions }, trusted) {
    this.trusted = trusted;
    const decided = new Map();
    decisions.forEach((decision) => decided.set(decision.frame, [...(decided.get(decision.frame) ?? []), decision]));
    this.#frames = queue.map((entry) => ({ entry, decided: decided.get(entry.frame) ?? [] }));
    this.#frames.sort((one, other) => Number(one.decided.length > 0) - Number(other.decided.length > 0) || one.entry.frame - other.entry.frame);
    const open = this.#frames.filter((frame) => frame.decided.length === 0).length;
    this.count.textContent = this.#frames.length === 0 ? "No frame was withheld." : `${plural(open, "frame")} to decide, ${this.#frames.length - open} decided`;
    fill(this.detail, h("p", { class: "empty" }, this.#frames.length ? "Choose a frame to see why it was withheld." : "Nothing waits for a decision."));
    this.list.show(this.#frames.length);
  }

  #row(number) {
    const { entry, decided } = this.#frames[number];
    return [
      h("span", { class: "frame" }, `Frame ${entry.frame}`),
      h("span", { class: decided.length ? "tag done" : "tag" }, decided.at(-1)?.decision ?? "to decide"),
      h("span", { class: "words" }, entry.detail || entry.reason),
    ];
  }

  #open(number, choice = null) {
    const { entry, decided } = this.#frames[number];
    this.#chosen = number;
    fill(this.detail,
      h("p", { class: "over" }, `Entry ${entry.line + 1} `, h("button", { type: "button", class: "plain", onclick: () => this.showFrame(entry.frame) },
        "All entries of this frame")),
      h("h3", {}, `Frame ${entry.frame} was withheld`),
      facts(inWords({ ...entry, type: "frame.withheld" }).facts),
      decided.length ? facts(decided.map((decision) => [`Decided ${time(decision.at)}`, `${decision.decision}: ${decision.reason}`])) : null,
      this.trusted ? this.#form(entry.frame, choice) : h("p", { class: "warning" },
        "This log does not verify. Do not decide anything from it: get a copy that does."));
  }

  /** Decision, reason, and the command that they give. */
  #form(frame, choice) {
    const command = h("pre", { tabindex: "0", class: "command", "aria-label": "Command" });
    const copy = copyButton(() => command.textContent, "Copy command");
    const look = `${commandFor(this.folder, "show", frame)} --out frame-${frame}.png`;
    const reason = h("input", { name: "reason", autocomplete: "off", spellcheck: "true" });
    const hide = h("input", { name: "hide", autocomplete: "off", placeholder: "312,96,340,132 20,40,60,90" });
    const hideLabel = h("label", { hidden: true }, "Also hide, in pixels: left,top,right,bottom of each box", hide);
    const radios = CHOICES.map(({ name, words, help, key }) => h("label", { class: "choice" },
      h("input", { type: "radio", name: "decision", value: name, checked: name === choice }),
      h("span", {}, h("strong", {}, words), " ", h("kbd", {}, key), h("small", {}, help))));
    const form = h("form", { class: "decide" },
      h("p", { class: "note" }, "First look at the redacted frame: ", h("code", {}, look), " ", copyButton(() => look)),
      h("fieldset", {}, h("legend", {}, "Your decision"), radios),
      h("label", {}, "Reason, in your words", reason), hideLabel, h("div", { class: "run", hidden: true },
        h("p", {}, "Run this where your key is. The page never sees the key."), command, copy));
    const update = () => {
      const decision = new FormData(form).get("decision");
      form.querySelector(".run").hidden = decision === null;
      hideLabel.hidden = decision !== "approve";
      const boxes = decision === "approve" ? boxesOf(hide.value) : [];
      hide.setAttribute("aria-invalid", boxes === null ? "true" : "false");
      command.textContent = decision === null ? "" : commandFor(this.folder, decision, frame, { reason: reason.value, boxes: boxes ?? [] });
      copy.disabled = boxes === null || (decision === "release" && reason.value.trim() === "");
      copy.scrollIntoView({ block: "nearest" });
    };
    form.addEventListener("input", update);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (!copy.disabled) copy.click();
    });
    update();
    return form;
  }

  #key(event) {
    const choice = CHOICES.find(({ key }) => key === event.key);
    if (this.#chosen === null && event.key === "Enter") this.list.select(0);
    if (event.altKey || event.ctrlKey || event.metaKey || this.list.active < 0 || !this.trusted) return;
    if (choice) {
      event.preventDefault();
      this.#open(this.list.active, choice.name);
      this.detail.querySelector("[name=reason]").focus();
    }
  }
}

/** Boxes as the command takes them; null where the text is something else. */
export function boxesOf(text) {
  const words = text.trim().split(/[\s;]+/).filter((word) => word !== "");
  const isBox = (word) => {
    const [, left, top, right, bottom] = (/^(\d{1,6}),(\d{1,6}),(\d{1,6}),(\d{1,6})$/.exec(word) ?? []).map(Number);
    return left < right && top < bottom;
  };
  return words.every(isBox) ? words : null;
}

/** The command of a decision (or of `show`), for a POSIX shell. */
export function commandFor(folder, what, frame, { reason = "", boxes = [] } = {}) {
  // A folder's name must not read as an option.
  const named = folder.startsWith("-") ? `./${folder}` : folder;
  const words = ["heatveil", "review", quoted(named), what, String(frame)];
  boxes.forEach((box) => words.push("--hide", box));
  if (what !== "show") words.push("--key", "my-review.key");
  // Joined: a reason may begin with a dash.
  if (reason.trim() !== "") words.push(`--reason=${quoted(reason.trim())}`);
  if (what === "release") words.push("--second-key", "second-person.key");
  return words.join(" ");
}

/** A word as a POSIX shell takes it: nothing in it is special. */
export function quoted(word) {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
