#!/usr/bin/env python3
"""Checks the STAC catalog of an output folder without a network.

usage: check_stac.py OUT

The core schemas of STAC 1.1 come with pystac 1.12; the fields of the extensions projection 2.0 and file 2.1 are checked here by
their documentation (https://github.com/stac-extensions/projection, https://github.com/stac-extensions/file), because no package
brings their schemas. GDAL and the files themselves are asked whether what the catalog says is so.
Needs: pystac 1.12 and jsonschema (PyPI), gdalinfo.
"""

import datetime
import hashlib
import json
import pathlib
import subprocess
import sys

import pystac
from pystac.validation.stac_validator import JsonSchemaSTACValidator

PROJECTION = "https://stac-extensions.github.io/projection/v2.0.0/schema.json"
FILE = "https://stac-extensions.github.io/file/v2.1.0/schema.json"


def check_core(documents):
    validator = JsonSchemaSTACValidator()
    for kind, document in documents.items():
        assert document["stac_version"] == "1.1.0"
        validator.validate_core(document, kind, "1.1.0")
        # A validator that accepts everything would prove nothing.
        broken = {key: value for key, value in document.items() if key != "links"}
        try:
            validator.validate_core(broken, kind, "1.1.0")
        except pystac.STACValidationError:
            continue
        raise AssertionError(f"a {kind} without links was accepted")
    print("ok: STAC 1.1 core schemas")


def check_links(folder, documents):
    for document in documents.values():
        for link in document["links"]:
            assert not link["href"].startswith(("/", "http", "file")), link
            assert (folder / link["href"]).is_file(), link
    catalog = pystac.Collection.from_file(str(folder / "collection.json"))
    items = list(catalog.get_items())
    assert [item.id for item in items] == [documents["Item"]["id"]]
    assert items[0].get_collection().id == catalog.id
    print("ok: pystac walks the links")


def check_time_and_place(item, collection, tilejson):
    start, end = (
        datetime.datetime.fromisoformat(item["properties"][key]) for key in ("start_datetime", "end_datetime")
    )
    assert start <= end and all((time.minute, time.second, time.microsecond) == (0, 0, 0) for time in (start, end))
    assert item["properties"]["datetime"] is None and not {"created", "updated"} & set(item["properties"])
    west, south, east, north = item["bbox"]
    inner = tilejson["bounds"]
    assert west <= inner[0] and south <= inner[1] and east >= inner[2] and north >= inner[3]
    side = 360 / 2 ** tilejson["maxzoom"]
    assert all(abs(a - b) <= side for a, b in zip(item["bbox"], inner)), "wider than a tile"
    # The edges of tiles are whole multiples of a tile's width in longitude, within the seven digits written.
    for longitude in (west, east):
        share = (longitude + 180) / side
        assert abs(share - round(share)) * side < 2e-7
    assert item["geometry"]["coordinates"] == [
        [[west, south], [east, south], [east, north], [west, north], [west, south]]
    ]
    assert collection["extent"]["spatial"]["bbox"] == [item["bbox"]]
    print("ok: hours and whole tiles, nothing finer")


def check_assets(folder, item):
    assert item["stac_extensions"] == [PROJECTION, FILE]
    beside = {path.name for path in folder.parent.iterdir() if path.is_file()}
    assert set(item["assets"]) == beside, set(item["assets"]) ^ beside
    for asset in item["assets"].values():
        path = (folder / asset["href"]).resolve()
        data = path.read_bytes()
        assert asset["file:size"] == len(data)
        # Multihash: sha2-256 is 0x12, its length 0x20.
        assert asset["file:checksum"] == "1220" + hashlib.sha256(data).hexdigest(), asset["href"]
    units = {"\u00b0C": "degree_Celsius", "W/m\u00b2": "W m-2", "": None}
    for name, asset in item["assets"].items():
        if not name.endswith(".tif"):
            assert not any(key.startswith("proj:") for key in asset), name
            continue
        info = json.loads(subprocess.check_output(["gdalinfo", "-json", str(folder.parent / name)]))
        width, height = info["size"]
        west, step, _, north, _, down = info["geoTransform"]
        assert asset["proj:shape"] == [height, width]
        assert asset["proj:transform"] == [step, 0.0, west, 0.0, down, north]
        edges = [west, north + height * down, west + width * step, north]
        assert all(abs(a - b) < 1e-6 for a, b in zip(asset["proj:bbox"], edges)), (asset["proj:bbox"], edges)
        assert asset["proj:code"] == "EPSG:%d" % info["stac"]["proj:epsg"], info["stac"]["proj:epsg"]
        assert [band["name"] for band in asset["bands"]] == [band["description"] for band in info["bands"]]
        assert all(band["data_type"] == "float32" and band["nodata"] == "nan" for band in asset["bands"])
        for band, told in zip(asset["bands"], info["bands"]):
            unit = told.get("unit", "")
            assert band.get("unit") == units.get(unit, unit), (band, told)
    print(f"ok: {len(item['assets'])} assets: size, checksum; grid and bands of rasters")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[1]) / "tiles" / "stac"
    documents = {
        pystac.STACObjectType.COLLECTION: json.loads((folder / "collection.json").read_text()),
        pystac.STACObjectType.ITEM: json.loads((folder / "item.json").read_text()),
    }
    collection, item = documents.values()
    tilejson = json.loads((folder.parent / "tilejson.json").read_text())
    check_core(documents)
    check_links(folder, {"Collection": collection, "Item": item})
    check_time_and_place(item, collection, tilejson)
    check_assets(folder, item)


if __name__ == "__main__":
    main()
