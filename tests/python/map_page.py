#!/usr/bin/env python3
"""Shows both web archives of an output folder in a map page and takes a picture of it.

usage: map_page.py OUT PICTURE.png

Leaflet and the PMTiles reader of protomaps read OUT/tiles/temperature.pmtiles and heatloss.pmtiles by range requests, as a web map would.
Needs: npm and Debian's chromium. Not part of CI; `make map-page` calls it.
"""

import functools
import http.server
import pathlib
import subprocess
import sys
import tempfile
import threading

PACKAGES = ["leaflet@1.9.4", "pmtiles@4.5.0"]
PAGE = """<!doctype html><meta charset="utf-8"><title>heatveil</title>
<link rel="stylesheet" href="leaflet/dist/leaflet.css"><script src="leaflet/dist/leaflet.js"></script>
<script src="pmtiles/dist/pmtiles.js"></script>
<style>body{margin:0;display:flex;font:14px sans-serif;background:#fff}figure{margin:0 0 0 4px;width:50%}div.map{height:400px;background:#dde3e8}
figcaption{padding:8px;height:64px}i{display:inline-block;width:20px;height:14px;margin-left:10px;vertical-align:-2px}</style>
<script>
async function show(name, description, title) {
  const told = await (await fetch("tiles/" + description)).json();
  const figure = document.body.appendChild(document.createElement("figure"));
  const box = figure.appendChild(document.createElement("div")); box.className = "map";
  const map = L.map(box, {zoomControl: false, fadeAnimation: false, zoomAnimation: false});
  const [west, south, east, north] = told.bounds;
  map.fitBounds([[south, west], [north, east]]);
  const archive = new pmtiles.PMTiles("tiles/" + name + ".pmtiles");
  pmtiles.leafletRasterLayer(archive, {attribution: told.attribution, maxNativeZoom: told.maxzoom, maxZoom: 24}).addTo(map);
  L.control.scale({imperial: false}).addTo(map);
  const ramp = told["heatveil:ramp"];
  const caption = figure.appendChild(document.createElement("figcaption"));
  caption.append(title + ", " + ramp.unit);
  for (const [value, colour] of ramp.stops) { const i = document.createElement("i"); i.style.background = colour; caption.append(i, " " + value); }
  for (const entry of told["heatveil:uncertainty"] || []) { const line = document.createElement("small"); line.textContent = entry.shown + ": " + entry.when;
    caption.append(document.createElement("br"), line); }
}
show("temperature", "tilejson.json", "Temperature").then(() => show("heatloss", "heatloss.json", "Heat loss"));
</script>"""


class Ranges(http.server.SimpleHTTPRequestHandler):
    """Answers range requests, which Python's own handler does not."""

    def do_GET(self):
        asked = self.headers.get("Range")
        path = pathlib.Path(self.translate_path(self.path))
        if not asked or not path.is_file():
            return super().do_GET()
        data = path.read_bytes()
        first, last = asked.removeprefix("bytes=").split("-")
        part = data[int(first) : int(last or len(data) - 1) + 1]
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {first}-{int(first) + len(part) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        self.wfile.write(part)

    def log_message(self, *_):
        pass


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    out, picture = (pathlib.Path(path).resolve() for path in sys.argv[1:])
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        for package in PACKAGES:
            archive = subprocess.check_output(["npm", "pack", "--silent", package], cwd=work, text=True).strip()
            folder = work / package.split("@")[0]
            folder.mkdir()
            subprocess.run(["tar", "-xzf", archive, "-C", folder, "--strip-components=1"], cwd=work, check=True)
        (work / "tiles").symlink_to(out / "tiles")
        (work / "index.html").write_text(PAGE)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Ranges, directory=str(work)))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        quiet = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync"
        command = ["chromium", *quiet.split(), f"--user-data-dir={work}/profile", "--window-size=1500,500", "--virtual-time-budget=20000"]
        page = f"http://127.0.0.1:{server.server_port}/index.html"
        subprocess.run([*command, f"--screenshot={picture}", page], check=True, stderr=subprocess.DEVNULL)
        server.shutdown()


if __name__ == "__main__":
    main()
