// What `make web` bundles for the page: the map library and the reader of its tiles.

export { Map, ScaleControl, addProtocol, setWorkerUrl } from "maplibre-gl";
export { Protocol } from "pmtiles";
