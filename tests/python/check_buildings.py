#!/usr/bin/env python3
"""Checks heat loss and the table of buildings of an output folder with tools that heatveil did not write.

usage: check_buildings.py OUT

Zonal means, counts and shares of OUT/buildings/buildings.gpkg must be those of exactextract on OUT/tiles/temperature.tif;
OGR must open the tables, CSV, GeoPackage and GeoParquet must agree, and every pixel of OUT/tiles/heatloss.tif must lie within its interval.
Needs: exactextract, pyarrow, rasterio (PyPI), ogr2ogr (Debian's gdal-bin).
"""

import csv
import json
import pathlib
import struct
import subprocess
import sys

import numpy
import rasterio
from exactextract import exact_extract
from pyarrow import parquet


def read_gpkg(path, layer):
    text = subprocess.check_output(["ogr2ogr", "-f", "GeoJSON", "-lco", "COORDINATE_PRECISION=9", "/vsistdout/", path, layer])
    return json.loads(text)["features"]


def read_parts(out):
    """The facets of a run with a surface model, the same in CSV, GeoParquet and GeoPackage."""
    if not (out / "buildings/building_parts.csv").exists():
        return []
    parts = read_gpkg(out / "buildings/buildings.gpkg", "building_parts")
    with open(out / "buildings/building_parts.csv", newline="") as file:
        names = [(row["id"], int(row["part"])) for row in csv.DictReader(file)]
    table = parquet.read_table(out / "buildings/building_parts.parquet")
    assert names == [(part["properties"]["id"], part["properties"]["part"]) for part in parts]
    assert names == list(zip(table["id"].to_pylist(), table["part"].to_pylist()))
    return parts


def check_zones(out, features, what):
    with rasterio.open(out / "tiles/temperature.tif") as raster:
        cell = raster.res[0] ** 2
        found = exact_extract(raster, features, ["mean", "count"])
    worst = 0.0
    measured = 0
    for feature, zone in zip(features, found):
        row, zone = feature["properties"], zone["properties"]
        visible = zone["band_1_count"] * cell / row["area"]
        assert abs(visible - row["visible"]) < 0.006, (row["id"], visible, row["visible"])
        if row["apparent_mean"] is None:
            assert visible < 0.26, (row["id"], visible)
            continue
        worst = max(worst, abs(zone["band_1_mean"] - row["apparent_mean"]))
        measured += 1
    assert measured > 0 and worst < 1e-3, worst
    print(f"ok: means of {measured} {what} within {worst:.5f} K of exactextract")


def check_tables(out, features):
    with open(out / "buildings/buildings.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == [feature["properties"]["id"] for feature in features]
    for row, feature in zip(rows, features):
        for name, text in row.items():
            value = feature["properties"][name]
            same = text == "" if value is None else str(value) == text or abs(float(value) - float(text)) < 1e-9
            assert same, (name, text, value)
    links = read_gpkg(out / "buildings/buildings.gpkg", "uprn")
    with open(out / "buildings/uprn.csv", newline="") as file:
        assert list(csv.DictReader(file)) == [link["properties"] for link in links]
    summary = subprocess.check_output(["ogrinfo", "-so", out / "buildings/buildings.gpkg", "buildings"], text=True)
    assert f"Feature Count: {len(rows)}" in summary and "Multi Polygon" in summary
    print(f"ok: {len(rows)} rows, the same in CSV and GeoPackage, {len(links)} property numbers")


def rings(wkb):
    """Rings of a multipolygon's WKB, by hand (OGC 06-103r4)."""
    at, found = 9, []
    assert wkb[:5] == b"\x01\x06\0\0\0"
    for _ in range(struct.unpack_from("<I", wkb, 5)[0]):
        (count,), at = struct.unpack_from("<I", wkb, at + 5), at + 9
        for _ in range(count):
            (points,), at = struct.unpack_from("<I", wkb, at), at + 4
            flat = struct.unpack_from(f"<{2 * points}d", wkb, at)
            found.append(list(zip(flat[::2], flat[1::2])))
            at += 16 * points
    assert at == len(wkb)
    return found


def check_parquet(out, features):
    table = parquet.read_table(out / "buildings/buildings.parquet")
    geo = json.loads(table.schema.metadata[b"geo"])
    column = geo["columns"][geo["primary_column"]]
    assert geo["version"] == "1.1.0" and column["encoding"] == "WKB" and column["crs"]["type"] == "ProjectedCRS"
    rows = table.to_pylist()
    assert len(rows) == len(features)
    for row, feature in zip(rows, features):
        outline = rings(row.pop("geometry"))
        assert row == feature["properties"], row
        coordinates = [ring for polygon in feature["geometry"]["coordinates"] for ring in polygon]
        assert numpy.allclose(outline, coordinates, atol=1e-6)
    print(f"ok: {len(rows)} rows, the same in GeoParquet")


def check_heat_loss(out):
    with rasterio.open(out / "tiles/heatloss.tif") as raster, rasterio.open(out / "tiles/temperature.tif") as map_:
        assert raster.transform == map_.transform and raster.shape == map_.shape and raster.crs == map_.crs
        estimate, low, high = raster.read()
        celsius = map_.read(1)
    assert (numpy.isfinite(estimate) == numpy.isfinite(celsius)).all(), "heat loss without a temperature, or the other way round"
    some = numpy.isfinite(estimate)
    assert some.any() and (low[some] < estimate[some]).all() and (estimate[some] < high[some]).all()
    tilejson = json.loads((out / "tiles/heatloss.json").read_text())
    assert tilejson["heatveil:ramp"]["unit"] == "W/m\u00b2" and len(tilejson["heatveil:uncertainty"]) == 3
    print(f"ok: heat loss of {some.sum()} pixels within its interval")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    out = pathlib.Path(sys.argv[1])
    features = read_gpkg(out / "buildings/buildings.gpkg", "buildings")
    check_tables(out, features)
    check_parquet(out, features)
    check_zones(out, features, "buildings")
    parts = read_parts(out)
    if parts:
        check_zones(out, parts, "parts of roofs")
    check_heat_loss(out)


if __name__ == "__main__":
    main()
