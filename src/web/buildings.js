// The table of buildings beside the map.

import { facts, fill, h, plural } from "./dom.js";

/** Grades as docs/buildings.md has them. */
const GRADES = { A: "best", B: "good", C: "with care", D: "weak", E: "not to be acted on" };

export class Buildings {
  #rows = [];

  /** `choose(id)` is told which building is looked at. */
  constructor(root, choose) {
    this.root = root;
    this.choose = choose;
  }

  /** Shows the rows of the published table, the greatest loss first. */
  show(rows) {
    this.#rows = [...rows].sort((one, other) => figure(other.index) - figure(one.index));
    this.root.hidden = false;
    this.#list();
  }

  #list() {
    const line = (row) => h("tr", {},
      h("th", { scope: "row" }, h("button", { type: "button", class: "plain", onclick: () => this.look(row.id, true) }, row.id)),
      h("td", { class: "figure" }, row.decile || "\u2013"), h("td", { class: "figure" }, row.flux || "\u2013"),
      h("td", {}, h("span", { class: "grade", title: GRADES[row.grade] }, row.grade)));
    fill(this.root, h("h3", {}, plural(this.#rows.length, "building")),
      h("div", { class: "wide", tabindex: "0", role: "region", "aria-label": "Buildings" }, h("table", {},
        h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Building"), h("th", { scope: "col", class: "figure" }, "Decile"),
          h("th", { scope: "col", class: "figure" }, "W/m\u00b2"), h("th", { scope: "col" }, "Grade"))),
        h("tbody", {}, this.#rows.map(line)))),
      h("p", { class: "note" }, "Decile 10 loses most among comparable neighbours. Ranks are surer than the flux."));
  }

  /** Shows one building; `focus` where the keyboard asked. */
  look(id, focus = false) {
    const row = this.#rows.find((known) => known.id === id);
    if (!row) return;
    const back = h("button", { type: "button", class: "quiet", onclick: () => {
      this.choose(null);
      this.#list();
      this.root.querySelector("button")?.focus();
    } }, "All buildings");
    fill(this.root, h("p", {}, back), h("h3", {}, row.id), facts([
      ["Grade", `${row.grade}, ${GRADES[row.grade] ?? ""}`],
      ["Why no better", row.reasons],
      ["Heat loss", row.flux === "" ? "not known" : `${row.flux} W/m\u00b2 (90 %: ${row.flux_low} to ${row.flux_high})`],
      ["Rank", row.decile === "" ? null : `decile ${row.decile} of ${row.compared_with} comparable buildings`],
      ["U-value, indicative", row.u_indicative === "" ? null : `${row.u_indicative} W/m\u00b2K (${row.u_low} to ${row.u_high})`],
      ["Looks on average", row.apparent_mean === "" ? null : `${row.apparent_mean} \u00b0C`],
      ["Seen", `${Math.round(100 * figure(row.visible))} % of ${row.area} m\u00b2`],
      ["Property numbers", row.uprn.replaceAll(";", ", ")],
    ]));
    this.choose(id);
    if (focus) back.focus();
  }
}

function figure(text) {
  return text === "" ? -1 : Number(text);
}
