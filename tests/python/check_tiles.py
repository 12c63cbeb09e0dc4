#!/usr/bin/env python3
"""Checks the tiles of an output folder with tools that heatveil did not write.

usage: check_tiles.py OUT

rio-cogeo (strict) and GDAL's own validator must accept OUT/tiles/temperature.tif, the PyPI reader must
find every tile of OUT/tiles/temperature.pmtiles, and OUT/tiles/tilejson.json must describe them. SQLite must find the same
tiles in OUT/tiles/temperature.mbtiles, and GDAL must draw them where they belong. The stops of
OUT/tiles/temperature.qml, drawn by gdaldem and cut by gdal2tiles.py, must give the finest web tiles. Folders of pictures must hold
the same, and redacted frames, where they were kept, only what is allowed.
Needs: rio-cogeo, pmtiles, pillow (PyPI); GDAL's validator is run by Debian's Python where it is installed.
"""

import hashlib
import io
import json
import math
import pathlib
import sqlite3
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

import numpy
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
            assert picture.format == "PNG" and picture.size == (256, 256) and picture.mode == "P"
            alpha = set(picture.convert("RGBA").getchannel("A").tobytes())
            assert alpha <= {0, 255} and 255 in alpha, "a tile without data, or half transparent"
            seen[zoom] = seen.get(zoom, 0) + 1
        assert sorted(seen) == list(range(tilejson["minzoom"], tilejson["maxzoom"] + 1)), seen
        assert sum(seen.values()) == header["addressed_tiles_count"]
        west, south, east, north = tilejson["bounds"]
        for key, value in [("min_lon_e7", west), ("min_lat_e7", south), ("max_lon_e7", east), ("max_lat_e7", north)]:
            assert abs(header[key] / 1e7 - value) < 2e-7, key
    print(f"ok: {sum(seen.values())} tiles read back, by zoom {seen}")


def check_mbtiles(path, archive, tilejson):
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
        tables = {name for name, in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        assert tables == {"metadata", "tiles"}, tables
        metadata = dict(database.execute("SELECT name, value FROM metadata"))
        assert metadata["format"] == "png" and metadata["name"] == tilejson["name"]
        assert [int(metadata["minzoom"]), int(metadata["maxzoom"])] == [tilejson["minzoom"], tilejson["maxzoom"]]
        assert [float(edge) for edge in metadata["bounds"].split(",")] == tilejson["bounds"]
        assert json.loads(metadata["heatveil:ramp"]) == tilejson["heatveil:ramp"]
        # Rows are counted from the south (TMS).
        rows = database.execute("SELECT zoom_level, tile_column, (1 << zoom_level) - 1 - tile_row, tile_data FROM tiles")
        found = {(zoom, x, y): bytes(data) for zoom, x, y, data in rows}
    with open(archive, "rb") as file:
        wanted = {place: bytes(data) for place, data in all_tiles(MmapSource(file))}
    assert found == wanted, "not the tiles of the PMTiles archive"
    zoom = tilejson["maxzoom"]
    compared = 0
    for place, colour in list(samples(wanted, zoom, 96)):
        if colour[3] == 0:
            continue
        drawn = [int(value) for value in at_places(path, [place]) if value]
        # GDAL answers for the pixel that holds the place.
        assert drawn == list(colour), (place, drawn, colour)
        compared += 1
        if compared == 12:
            break
    assert compared == 12
    print(f"ok: MBTiles: {len(found)} tiles as in the PMTiles archive; GDAL draws them in place")


def check_xyz(folder, archive):
    found = {tuple(int(part) for part in path.relative_to(folder).with_suffix("").parts): path.read_bytes() for path in folder.glob("*/*/*.png")}
    with open(archive, "rb") as file:
        assert found == {place: bytes(data) for place, data in all_tiles(MmapSource(file))}
    listed = {line["path"]: line for line in map(json.loads, (folder / "manifest.jsonl").read_text().splitlines())}
    assert listed.keys() == {"%d/%d/%d.png" % place for place in found}
    assert all(hashlib.sha256((folder / path).read_bytes()).hexdigest() == line["sha256"] for path, line in listed.items())
    print(f"ok: {folder.name}/zoom/column/row.png: {len(found)} tiles as in the PMTiles archive")


def check_frames(folder):
    """Redacted frames: float TIFF that others read, with the allow-listed tags and no more."""
    # OpenDroneMap (opendm/geo.py) takes the first line for the system and skips comments.
    system, heights, *lines = (folder / "geo.txt").read_text().splitlines()
    assert system == "EPSG:4326" and heights.startswith("# Heights in metres "), (system, heights)
    poses = {line.split()[0]: [float(word) for word in line.split()[1:]] for line in lines}
    files = sorted(folder.glob("*.tif"))
    assert files and [path.name for path in files] == sorted(poses)
    holes = 0
    for path in files:
        picture = Image.open(path)
        assert picture.mode == "F" and picture.size == (640, 512), (path, picture.mode, picture.size)
        celsius = numpy.asarray(picture)
        known = celsius[numpy.isfinite(celsius)]
        assert len(known) > 1000 and -60 < known.min() and known.max() < 150, path
        holes += numpy.isnan(celsius).sum()
        # Baseline TIFF: size, bits, compression, photometry, strips, resolution, sample format; then Exif, GPS, GDAL's no data.
        tags = set(picture.tag_v2)
        assert tags <= {256, 257, 258, 259, 262, 273, 277, 278, 279, 282, 283, 296, 317, 339, 34665, 34853, 42113}, tags
        exif = picture.getexif()
        assert set(exif.get_ifd(34665)) == {0xA405}
        gps = exif.get_ifd(34853)
        assert set(gps) == {1, 2, 3, 4}, gps
        longitude, latitude = poses[path.name][:2]
        degrees = lambda parts: float(parts[0]) + float(parts[1]) / 60 + float(parts[2]) / 3600
        assert abs(degrees(gps[2]) - abs(latitude)) < 3e-7 and gps[1] == ("N" if latitude >= 0 else "S")
        assert abs(degrees(gps[4]) - abs(longitude)) < 3e-7 and gps[3] == ("E" if longitude >= 0 else "W")
        info = json.loads(subprocess.check_output(["gdalinfo", "-json", str(path)]))
        assert info["bands"][0]["type"] == "Float32" and str(info["bands"][0]["noDataValue"]).lower() == "nan"
    assert holes > 0, "nothing is masked in any frame"
    print(f"ok: {len(files)} redacted frames, {holes} pixels without data")


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
        compare_with_gdal2tiles(picture, tiles / "temperature.pmtiles", tilejson["maxzoom"], f"{work}/cut")


def samples(tiles, zoom, step):
    """Longitude, latitude and colour of every `step`th pixel of the tiles of a zoom level."""
    for (tile_zoom, x, y), data in tiles.items():
        if tile_zoom != zoom:
            continue
        pixels = Image.open(io.BytesIO(data)).convert("RGBA").load()
        for row in range(step // 2, 256, step):
            for column in range(step // 2, 256, step):
                east, south = (x + (column + 0.5) / 256) / 2**zoom, (y + (row + 0.5) / 256) / 2**zoom
                latitude = math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * south))))
                yield f"{east * 360 - 180:.10f} {latitude:.10f}", pixels[column, row]


def at_places(path, places):
    command = ["gdallocationinfo", "-valonly", "-wgs84", str(path)]
    text = subprocess.run(command, input="\n".join(places), capture_output=True, text=True, check=True).stdout
    return text.split("\n")


def compare_with_gdal2tiles(picture, archive, zoom, work):
    """Every pixel of the finest web tiles against those that gdal2tiles.py cuts from the same raster."""
    command = ["gdal2tiles.py", "--xyz", "-q", "-r", "near", "-z", str(zoom), "-w", "none", picture, work]
    subprocess.run(command, check=True)
    theirs = {
        (int(path.parts[-2]), int(path.stem)): numpy.asarray(Image.open(path).convert("RGBA"))
        for path in pathlib.Path(work, str(zoom)).glob("*/*.png")
    }
    with open(archive, "rb") as file:
        tiles = {(x, y): data for (z, x, y), data in all_tiles(MmapSource(file)) if z == zoom}
    ours = {place: numpy.asarray(Image.open(io.BytesIO(data)).convert("RGBA")) for place, data in tiles.items()}
    shown = differing = wrong = 0
    for place in ours.keys() | theirs.keys():
        shown += (around(ours, place, 0)[..., 3] > 0).sum()
        wanted = around(theirs, place, 0)
        # 249 colours in the tiles, straight lines there: half a step of the ramp is 3 of 255 at most.
        rows, columns = (abs(wanted - around(ours, place, 0)) > 4).any(axis=-1).nonzero()
        differing += len(rows)
        # gdal2tiles takes nearest pixels twice: on its own grid of the raster's resolution, then for the tile. So what differs
        # must be what we show within a pixel of the map, which is at most two of the finest tiles.
        field = around(ours, place, 2)
        near = [abs(wanted[rows, columns] - field[rows + dy, columns + dx]).max(axis=-1) for dy in range(5) for dx in range(5)]
        wrong += (numpy.min(near, axis=0) > 4).sum()
    assert shown > 100_000 and differing < shown // 20 and wrong < shown // 10_000, (shown, differing, wrong)
    print(f"ok: gdal2tiles.py: of {shown} pixels of zoom {zoom} {differing} differ, {wrong} by more than their place")


def around(tiles, place, margin):
    """A tile with a margin of pixels from its neighbours."""
    (x, y), side = place, 256
    field = numpy.zeros((3 * side, 3 * side, 4), int)
    for row in range(3):
        for column in range(3):
            tile = tiles.get((x + column - 1, y + row - 1))
            if tile is not None:
                field[row * side : (row + 1) * side, column * side : (column + 1) * side] = tile
    return field[side - margin : 2 * side + margin, side - margin : 2 * side + margin]


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    tiles = pathlib.Path(sys.argv[1]) / "tiles"
    tilejson = json.loads((tiles / "tilejson.json").read_text())
    check_tilejson(tilejson)
    check_cog(tiles / "temperature.tif")
    check_pyramid(tiles / "temperature.pmtiles", tilejson)
    check_mbtiles(tiles / "temperature.mbtiles", tiles / "temperature.pmtiles", tilejson)
    check_style(tiles, tilejson)
    for name in ("temperature", "heatloss"):
        if (tiles / name).is_dir():
            check_xyz(tiles / name, tiles / f"{name}.pmtiles")
    if (tiles.parent / "frames").is_dir():
        check_frames(tiles.parent / "frames")


if __name__ == "__main__":
    main()
