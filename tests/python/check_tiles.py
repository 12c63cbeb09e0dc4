#!/usr/bin/env python3
"""Checks the tiles of an output folder with tools that heatveil did not write.

usage: check_tiles.py OUT

rio-cogeo (strict) and GDAL's own validator must accept OUT/tiles/temperature.tif, the PyPI reader must
find every tile of OUT/tiles/temperature.pmtiles, and OUT/tiles/tilejson.json must describe them. The stops of
OUT/tiles/temperature.qml, drawn by gdaldem, must give the colours of the web tiles.
Needs: rio-cogeo, pmtiles, pillow (PyPI); GDAL's validator is run by Debian's Python where it is installed.
"""

import io
import json
import math
import pathlib
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

from PIL import Image
from pmtiles.reader import MmapSource, Reader, all_tiles
from rio_cogeo.cogeo import cog_validate


def check_cog(path):
    valid, errors, warnings = cog_validate(str(path), strict=True)
    assert valid and not errors and not warnings, (errors, warnings)
    print("ok: rio cogeo validate --strict")
    known = subprocess.run(["/usr/bin/python3", "-c", "import osgeo_utils.samples.validate_cloud_optimized_geotiff"])
    if known.returncode != 0:
        print("SKIPPED: GDAL's validator (install python3-gdal)")
        return
    command = ["/usr/bin/python3", "-m", "osgeo_utils.samples.validate_cloud_optimized_geotiff", str(path)]
    result = subprocess.run(command, capture_output=True, text=True)
    text = result.stdout + result.stderr
    assert result.returncode == 0 and "is a valid cloud optimized GeoTIFF" in text, text
    assert "warning" not in text.lower(), text
    print("ok: GDAL's validator")
    info = json.loads(subprocess.check_output(["gdalinfo", "-json", str(path)]))
    names = [(band["description"], band.get("unit", ""), band["type"]) for band in info["bands"]]
    assert names == [
        ("temperature", "\u00b0C", "Float32"),
        ("off-nadir angle", "degree", "Float32"),
        ("source frame", "", "Float32"),
    ], names
    for band in info["bands"]:
        assert str(band["noDataValue"]).lower() == "nan", band
        assert not any(key.startswith("STATISTICS") for key in band.get("metadata", {}).get("", {})), band
    print("ok: bands, units, no data, no statistics")


def check_pyramid(path, tilejson):
    with open(path, "rb") as file:
        source = MmapSource(file)
        header, metadata = Reader(source).header(), Reader(source).metadata()
        assert header["clustered"], "the archive is not clustered"
        assert (header["min_zoom"], header["max_zoom"]) == (tilejson["minzoom"], tilejson["maxzoom"])
        assert metadata["heatveil:ramp"] == tilejson["heatveil:ramp"]
        seen = {}
        for (zoom, _x, _y), data in all_tiles(source):
            picture = Image.open(io.BytesIO(data))
            assert picture.format == "PNG" and picture.size == (256, 256) and picture.mode == "RGBA"
            alpha = set(picture.getchannel("A").tobytes())
            assert alpha <= {0, 255} and 255 in alpha, "a tile without data, or half transparent"
            seen[zoom] = seen.get(zoom, 0) + 1
        assert sorted(seen) == list(range(tilejson["minzoom"], tilejson["maxzoom"] + 1)), seen
        assert sum(seen.values()) == header["addressed_tiles_count"]
        west, south, east, north = tilejson["bounds"]
        for key, value in [("min_lon_e7", west), ("min_lat_e7", south), ("max_lon_e7", east), ("max_lat_e7", north)]:
            assert abs(header[key] / 1e7 - value) < 2e-7, key
    print(f"ok: {sum(seen.values())} tiles read back, by zoom {seen}")


def check_tilejson(tilejson):
    assert tilejson["tilejson"] == "3.0.0" and len(tilejson["tiles"]) == 1
    west, south, east, north = tilejson["bounds"]
    longitude, latitude, zoom = tilejson["center"]
    assert -180 <= west < longitude < east <= 180 and -90 <= south < latitude < north <= 90
    assert 0 <= tilejson["minzoom"] <= zoom <= tilejson["maxzoom"] <= 30
    ramp = tilejson["heatveil:ramp"]
    assert ramp["min"] < ramp["max"] and len(ramp["stops"]) >= 2
    print("ok: TileJSON 3.0")


def check_style(tiles, tilejson):
    root = xml.etree.ElementTree.parse(tiles / "temperature.qml").getroot()
    assert root.tag == "qgis" and root.get("version").startswith("3."), root.attrib
    renderer = root.find("pipe/rasterrenderer")
    assert renderer.get("type") == "singlebandpseudocolor" and renderer.get("band") == "1"
    assert renderer.get("nodataColor") == "" and renderer.get("alphaBand") == "-1"
    assert renderer.findtext("minMaxOrigin/limits") == "None", "QGIS would stretch to the screen"
    shader = renderer.find("rastershader/colorrampshader")
    assert shader.get("colorRampType") == "INTERPOLATED" and shader.get("clip") == "0"
    assert shader.find("rampLegendSettings").get("suffix") == " \u00b0C"
    stops = [(float(item.get("value")), item.get("color")) for item in shader.findall("item")]
    assert all(item.get("alpha") == "255" and "\u00b0C" in item.get("label") for item in shader.findall("item"))
    ramp = tilejson["heatveil:ramp"]
    assert stops == [(value, colour) for value, colour in ramp["stops"]], "not the ramp of the web tiles"
    with tempfile.TemporaryDirectory() as work:
        table, picture = f"{work}/table", f"{work}/picture.tif"
        lines = [f"{value} {int(c[1:3], 16)} {int(c[3:5], 16)} {int(c[5:7], 16)} 255" for value, c in stops]
        pathlib.Path(table).write_text("\n".join(lines + ["nv 0 0 0 0"]) + "\n")
        command = ["gdaldem", "color-relief", "-q", "-alpha", str(tiles / "temperature.tif"), table, picture]
        subprocess.run(command, check=True)
        with open(tiles / "temperature.pmtiles", "rb") as file:
            compared, empty = compare_colours(picture, MmapSource(file), tilejson["maxzoom"])
    assert compared > 100 and empty > 10, (compared, empty)
    print(f"ok: style of QGIS: {compared} coloured and {empty} transparent samples as in the web tiles")


def compare_colours(picture, source, zoom):
    """Samples pixels of the finest web tiles and asks GDAL for the drawn picture at the same places."""
    wanted, places = [], []
    for (tile_zoom, x, y), data in all_tiles(source):
        if tile_zoom != zoom:
            continue
        pixels = Image.open(io.BytesIO(data)).load()
        for row in range(8, 256, 48):
            for column in range(8, 256, 48):
                east, south = (x + (column + 0.5) / 256) / 2**zoom, (y + (row + 0.5) / 256) / 2**zoom
                latitude = math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * south))))
                places.append(f"{east * 360 - 180:.10f} {latitude:.10f}")
                wanted.append(pixels[column, row])
    answer = []
    for band in "1234":
        command = ["gdallocationinfo", "-valonly", "-wgs84", "-b", band, picture]
        text = subprocess.run(command, input="\n".join(places), capture_output=True, text=True, check=True).stdout
        answer.append(text.split("\n")[: len(places)])
    compared = empty = differing = 0
    for colour, *drawn in zip(wanted, *answer):
        if colour[3] == 0:
            empty += drawn[3] in ("", "0")
            differing += drawn[3] not in ("", "0")
            continue
        compared += 1
        # 256 colours in the tiles, straight lines here: half a step of the ramp is 3 of 255 at most.
        differing += any(value == "" or abs(int(value) - part) > 4 for value, part in zip(drawn, colour))
    # A sample at the edge of a map pixel may fall into its neighbour.
    assert differing <= (compared + empty) // 100, (differing, compared, empty)
    return compared, empty


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    tiles = pathlib.Path(sys.argv[1]) / "tiles"
    tilejson = json.loads((tiles / "tilejson.json").read_text())
    check_tilejson(tilejson)
    check_cog(tiles / "temperature.tif")
    check_pyramid(tiles / "temperature.pmtiles", tilejson)
    check_style(tiles, tilejson)


if __name__ == "__main__":
    main()
