// The map of published tiles, its legend, and the value under the cursor.
// Everything comes from this server: there is no background map, since asking for one would tell others which street is looked at.

import { Buildings } from "./buildings.js";
import { parseCsv } from "./csv.js";
import { facts, fill, h } from "./dom.js";
import { address, readListed } from "./files.js";

const LAYERS = {
  temperature: { label: "Temperature", tiles: "tiles/temperature.pmtiles", description: "tiles/tilejson.json", map: "tiles/temperature.tif" },
  heatloss: { label: "Heat loss", tiles: "tiles/heatloss.pmtiles", description: "tiles/heatloss.json", map: "tiles/heatloss.tif" },
};
const TABLE = "buildings/buildings.csv";
const OUTLINES = "buildings/buildings.gpkg";
/** Zooms beyond the finest tiles. */
const CLOSER = 3;
/** Milliseconds between two questions for a value. */
const PATIENCE = 80;
const decoder = new TextDecoder();

export class MapView {
  #map = null;
  #layer = null;
  #ramps = new Map();
  #timer = 0;
  #asked = 0;

  constructor(root, { hasLibrary, problem }) {
    this.root = root;
    this.problem = problem;
    this.hasLibrary = hasLibrary;
    const part = (selector) => root.querySelector(selector);
    [this.layers, this.legend, this.value, this.words] = ["#layers", "#legend", "#value", "#map-words"].map(part);
    this.buildings = new Buildings(part("#buildings"), (id) => this.#outline(id));
  }

  /** The view came into sight. */
  shown() {
    this.#map?.resize();
  }

  /** Shows what a log lists. */
  async show(listed) {
    const files = new Map(listed.map((file) => [file.path, file]));
    const there = Object.keys(LAYERS).filter((name) => files.has(LAYERS[name].tiles) && files.has(LAYERS[name].description));
    await this.#table(files);
    if (there.length === 0) return this.#say("This run published no map.");
    for (const name of there) await this.#ramp(name, files);
    const shown = there.filter((name) => this.#ramps.has(name));
    if (shown.length === 0) return this.#say("The description of the map is not the log's: nothing is shown.");
    this.#switch(shown, files);
    if (!this.hasLibrary) {
      return this.#say(h("p", {}, "This heatveil was built without the map library. ", h("code", {}, "make web"), " fetches it, then build again."));
    }
    await this.#draw(shown, files);
    this.#choose(shown[0]);
  }

  #say(words) {
    fill(this.words, words);
    this.words.hidden = false;
  }

  async #read(file) {
    try {
      return decoder.decode(await readListed(file));
    } catch (error) {
      this.problem(`${error.message}.`);
      return null;
    }
  }

  async #ramp(name, files) {
    const text = await this.#read(files.get(LAYERS[name].description));
    if (text === null) return;
    const description = JSON.parse(text);
    this.#ramps.set(name, { ...description["heatveil:ramp"], uncertainty: description["heatveil:uncertainty"] ?? [], bounds: description.bounds });
  }

  async #table(files) {
    if (!files.has(TABLE)) return;
    const text = await this.#read(files.get(TABLE));
    if (text !== null) this.buildings.show(parseCsv(text));
  }

  async #draw(shown, files) {
    let library;
    try {
      library = await import("/web/map-library.js");
      this.root.append(h("link", { rel: "stylesheet", href: "/web/map-library.css" }));
      library.setWorkerUrl("/web/map-worker.js");
      const protocol = new library.Protocol();
      library.addProtocol("pmtiles", protocol.tile);
      const sources = shown.map((name) => [name, {
        type: "raster", url: `pmtiles://${location.origin}${address(LAYERS[name].tiles)}`, tileSize: 256,
      }]);
      const layers = shown.map((name) => ({
        id: name, type: "raster", source: name, layout: { visibility: "none" }, paint: { "raster-resampling": "nearest", "raster-fade-duration": 0 },
      }));
      this.#map = new library.Map({
        container: "canvas", style: { version: 8, sources: Object.fromEntries(sources), layers },
        bounds: this.#ramps.get(shown[0]).bounds, fitBoundsOptions: { padding: 32 }, attributionControl: false, dragRotate: false,
        pitchWithRotate: false, touchPitch: false, maxPitch: 0, maxZoom: 22 + CLOSER,
        canvasContextAttributes: { preserveDrawingBuffer: false },
      });
    } catch (error) {
      this.#map = null;
      return this.#say(`The map cannot be drawn here: ${error.message}.`);
    }
    this.#map.touchZoomRotate.disableRotation();
    this.#map.keyboard.disableRotation();
    // The library's own buttons are pictures in its style sheet, which the page's policy does not let in.
    this.root.querySelectorAll("[data-zoom]").forEach((button) =>
      button.addEventListener("click", () => this.#map.zoomTo(this.#map.getZoom() + Number(button.dataset.zoom))));
    this.root.querySelector(".zoom").hidden = false;
    this.#map.addControl(new library.ScaleControl({ maxWidth: 120 }), "bottom-left");
    this.#map.getCanvas().setAttribute("aria-label", "Map: arrow keys move it, plus and minus zoom; the value is that of its middle");
    this.#map.on("mousemove", (event) => this.#soon(event.lngLat));
    this.#map.on("click", (event) => this.#soon(event.lngLat));
    this.#map.on("moveend", (event) => {
      // By mouse the cursor says where; by keyboard the middle does.
      if (document.activeElement === this.#map.getCanvas() && !event.originalEvent?.clientX) this.#soon(this.#map.getCenter());
    });
    this.#map.on("error", ({ error }) => this.problem(`The map's tiles cannot be read: ${error.message}.`));
    await new Promise((resolve) => this.#map.once("load", resolve));
    if (files.has(OUTLINES)) await this.#outlines();
    this.root.dataset.drawn = "true";
  }

  async #outlines() {
    const response = await fetch("/api/outlines", { cache: "no-store" });
    if (!response.ok) return;
    this.#map.addSource("outlines", { type: "geojson", data: await response.json() });
    this.#map.addLayer({ id: "areas", type: "fill", source: "outlines", paint: { "fill-opacity": 0 } });
    this.#map.addLayer({ id: "outlines", type: "line", source: "outlines", paint: { "line-color": "#ffffff", "line-width": 1.5, "line-opacity": 0.75 } });
    this.#map.addLayer({ id: "chosen", type: "line", source: "outlines", filter: ["==", ["get", "id"], ""],
      paint: { "line-color": "#39c5ff", "line-width": 4 } });
    this.#map.on("click", "areas", ({ features }) => this.buildings.look(features[0].properties.id));
  }

  #outline(id) {
    if (this.#map?.getLayer("chosen")) this.#map.setFilter("chosen", ["==", ["get", "id"], id ?? ""]);
  }

  #switch(shown, files) {
    const choices = shown.map((name) => h("label", {},
      h("input", { type: "radio", name: "layer", value: name, onchange: () => this.#choose(name) }), h("span", {}, LAYERS[name].label)));
    this.layers.append(...choices);
    this.hasValues = new Set(shown.filter((name) => files.has(LAYERS[name].map)));
    this.#choose(shown[0]);
  }

  #choose(name) {
    this.#layer = name;
    this.layers.querySelector(`[value=${name}]`).checked = true;
    for (const other of this.#ramps.keys()) {
      if (this.#map?.getLayer(other)) this.#map.setLayoutProperty(other, "visibility", other === name ? "visible" : "none");
    }
    this.#drawLegend();
    this.#showValue(null);
  }

  #drawLegend() {
    const { min, max, unit, stops, uncertainty } = this.#ramps.get(this.#layer);
    const bar = h("div", { class: "bar", "aria-hidden": "true" }, h("span", { class: "pointer", hidden: true }));
    const shares = stops.map(([value, colour]) => `${colour} ${(100 * (value - min)) / (max - min)}%`);
    bar.style.background = `linear-gradient(to right, ${shares.join(", ")})`;
    const ticks = [min, (min + max) / 2, max].map((value) => h("span", {}, `${value} ${unit}`));
    fill(this.legend, h("h3", {}, LAYERS[this.#layer].label), bar, h("div", { class: "ticks" }, ticks),
      uncertainty.length ? facts(uncertainty.map(({ shown, when }) => [shown, when])) : null,
      h("p", { class: "note" }, "The same colours in every map and year. Holes are masked or were not seen."));
  }

  #soon(place) {
    this.#asked += 1;
    const asked = this.#asked;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ask(place, asked), PATIENCE);
  }

  async #ask({ lng, lat }, asked) {
    if (!this.hasValues.has(this.#layer)) return;
    const query = new URLSearchParams({ layer: this.#layer, lon: lng.toFixed(8), lat: lat.toFixed(8) });
    const response = await fetch(`/api/value?${query}`, { cache: "no-store" });
    const values = response.ok ? (await response.json()).values : [null];
    if (asked === this.#asked) this.#showValue(values);
  }

  /** Bands of the map under the cursor; `null` before any. */
  #showValue(values) {
    const { min, max, unit } = this.#ramps.get(this.#layer);
    const pointer = this.legend.querySelector(".pointer");
    const value = values?.[0] ?? null;
    pointer.hidden = value === null;
    if (value !== null) pointer.style.left = `${100 * Math.max(0, Math.min(1, (value - min) / (max - min)))}%`;
    const [, second, third] = values ?? [];
    const more = this.#layer === "temperature"
      ? [second ?? null, third ?? null].every((band) => band !== null) ? `frame ${third}, seen ${second.toFixed(0)}\u00b0 off straight down` : ""
      : second !== undefined && second !== null ? `90 %: ${second.toFixed(0)} to ${third.toFixed(0)} ${unit}` : "";
    let words = "Point at the map";
    if (values !== null) words = value === null ? "No data here" : `${value.toFixed(this.#layer === "temperature" ? 1 : 0)} ${unit}`;
    fill(this.value, h("p", { class: "reading" }, words), h("p", { class: "note" }, value === null ? "\u00a0" : more));
  }
}
