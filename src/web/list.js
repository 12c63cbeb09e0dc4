// A list of any length of which only the rows in sight exist. Keyboard: arrows, Page, Home, End; Enter opens.
// A listbox in the words of ARIA, so that readers say "7 of 100000".

import { h } from "./dom.js";

/** Rows beyond the edge that are drawn too. */
const SPARE = 6;
/** Browsers stop at about 33 million pixels; longer lists scroll proportionally. */
const TALLEST = 16_000_000;

export class List {
  #count = 0;
  #first = -1;
  #active = -1;
  #generation = 0;

  /** `rows(numbers)` gives a promise of one element's children for each; `open(number)` is told of a choice. */
  constructor({ label, height, rows, open }) {
    this.height = height;
    this.rows = rows;
    this.open = open;
    this.space = h("div", { class: "list-space", role: "presentation" });
    this.element = h("div", { class: "list", role: "listbox", tabindex: "0", "aria-label": label }, this.space);
    this.element.addEventListener("scroll", () => this.#draw());
    this.element.addEventListener("keydown", (event) => this.#key(event));
    this.element.addEventListener("click", (event) => {
      const row = event.target.closest("[data-number]");
      if (row) this.select(Number(row.dataset.number));
    });
    new ResizeObserver(() => this.#draw(true)).observe(this.element);
  }

  get active() {
    return this.#active;
  }

  /** Another content of `count` rows, from its start. */
  show(count) {
    this.#count = count;
    this.#active = -1;
    this.element.removeAttribute("aria-activedescendant");
    this.space.style.height = `${Math.min(count * this.height, TALLEST)}px`;
    // No taller than its rows: where lists stand above what they open, a short one leaves no gap.
    this.element.style.maxHeight = `${Math.max(count, 1) * this.height + 1}px`;
    this.element.scrollTop = 0;
    this.#draw(true);
  }

  /** Chooses a row, brings it into sight and opens it. */
  select(number) {
    if (this.#count === 0) return;
    this.#active = Math.max(0, Math.min(number, this.#count - 1));
    const seen = Math.max(1, Math.floor(this.element.clientHeight / this.height));
    const first = Math.floor(this.#position());
    if (this.#active < first) this.#scrollTo(this.#active);
    else if (this.#active >= first + seen) this.#scrollTo(this.#active - seen + 1);
    this.#draw(true);
    this.open(this.#active);
  }

  /** Rows that fit below one another before lists scroll proportionally. */
  #scale() {
    const real = this.#count * this.height - this.element.clientHeight;
    const shown = Math.min(this.#count * this.height, TALLEST) - this.element.clientHeight;
    return shown > 0 ? real / shown : 1;
  }

  /** Number of the row at the upper edge, with its fraction. */
  #position() {
    return (this.element.scrollTop * this.#scale()) / this.height;
  }

  #scrollTo(number) {
    this.element.scrollTop = (number * this.height) / this.#scale();
  }

  async #draw(again = false) {
    const position = this.#position();
    const first = Math.max(0, Math.floor(position) - SPARE);
    if (first === this.#first && !again) return;
    this.#first = first;
    const generation = (this.#generation += 1);
    const seen = Math.ceil(this.element.clientHeight / this.height) + 2 * SPARE;
    const numbers = [];
    for (let number = first; number < Math.min(first + seen, this.#count); number += 1) numbers.push(number);
    const rows = numbers.length ? await this.rows(numbers) : [];
    if (generation !== this.#generation) return;
    // Where lists scroll proportionally, rows are laid out from the upper edge of what is in sight.
    const offset = this.element.scrollTop - this.#position() * this.height;
    this.space.replaceChildren(...rows.map((children, at) => {
      const number = numbers[at];
      const row = h("div", {
        class: "row", role: "option", id: `${this.#name()}-${number}`, "data-number": number,
        "aria-setsize": this.#count, "aria-posinset": number + 1, "aria-selected": number === this.#active ? "true" : "false",
      }, children);
      row.style.top = `${number * this.height + offset}px`;
      row.style.height = `${this.height}px`;
      return row;
    }));
    if (this.#active >= 0) this.element.setAttribute("aria-activedescendant", `${this.#name()}-${this.#active}`);
  }

  #name() {
    return (this.element.getAttribute("aria-label") ?? "list").toLowerCase().replace(/\W+/g, "-");
  }

  #key(event) {
    const page = Math.max(1, Math.floor(this.element.clientHeight / this.height) - 1);
    const steps = { ArrowDown: this.#active + 1, ArrowUp: this.#active - 1, PageDown: this.#active + page, PageUp: this.#active - page,
      Home: 0, End: this.#count - 1 };
    if (event.altKey || event.ctrlKey || event.metaKey || !(event.key in steps)) return;
    event.preventDefault();
    this.select(steps[event.key]);
  }
}
