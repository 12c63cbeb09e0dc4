"""Reads the simulated flight with other people's readers and compares it with its truth.

Usage: check_simulated.py [FLIGHT]   (default: fixtures/flight; needs the PyPI packages flyr 5.1 and numpy)
"""

import json
import sys
from pathlib import Path

import flyr
import numpy
from PIL import Image

TOLERANCE_K = 0.1


def is_big_endian(path):
    """Whether a FLIR file is one that flyr can read."""
    data = path.read_bytes()
    start = data.index(b"FFF\0")
    return data[start + 0x14 : start + 0x18] == b"\0\0\0\x64"


def celsius(path, kind):
    if kind == "flir-rjpeg":
        thermogram = flyr.unpack(str(path))
        assert thermogram.optical is not None, f"{path.name}: the visible photo is missing"
        return thermogram.celsius
    samples = numpy.asarray(Image.open(path)).astype(float)
    return samples * 0.04 - 273.15 if kind == "tiff-u16" else samples


def main():
    root = Path(__file__).resolve().parents[2]
    flight = Path(sys.argv[1]) if len(sys.argv) > 1 else root / "fixtures/flight"
    read = {}
    for frame in json.loads((flight / "truth/poses.json").read_text())["frames"]:
        path, kind = flight / "frames" / frame["file"], frame["format"]
        if kind == "dji-rjpeg" or (kind == "flir-rjpeg" and not is_big_endian(path)):
            continue
        found = celsius(path, kind)
        worst = max(abs(float(found[p["y"]][p["x"]]) - p["celsius"]) for p in frame["probes"])
        print(f"{path.name} ({kind}): {len(frame['probes'])} probes, worst difference {worst:.4f} K")
        assert worst <= TOLERANCE_K, f"{path.name}: {worst} K off"
        read[kind] = True
    assert sorted(read) == ["flir-rjpeg", "tiff-f32", "tiff-u16"], f"only {sorted(read)} were read"


if __name__ == "__main__":
    main()
