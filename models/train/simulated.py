"""Frames of `heatveil simulate` as training pictures: thermal, with perfect boxes, of nobody and nowhere."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dataset import IGNORE, Frame, stretched

PEOPLE = {"person": 0, "vehicle": 1, "bicycle": 2}
WINDOWS = {"window": 0}
"""Categories to learn, with their channel; the others stay unlabelled."""
LEAST_VISIBLE = 0.35
"""An object hidden to more than this is no lesson: it becomes an ignore region."""


def raw_samples(jpeg: bytes, width: int, height: int) -> NDArray[np.uint16]:
    """The raw frame of a DJI R-JPEG: the APP3 segments, joined, little-endian."""
    raw, at = bytearray(), 2
    while at + 4 <= len(jpeg) and jpeg[at] == 0xFF and jpeg[at + 1] != 0xDA:
        (length,) = struct.unpack_from(">H", jpeg, at + 2)
        if jpeg[at + 1] == 0xE3:
            raw += jpeg[at + 4 : at + 2 + length]
        at += 2 + length
    return np.frombuffer(bytes(raw), "<u2", width * height).reshape(height, width)


def load_simulated(folder: Path, wanted: dict[str, int] = PEOPLE) -> list[Frame]:
    """Reads `<folder>/truth/coco.json` and the DJI frames that it names; other formats are passed over."""
    coco = json.loads((folder / "truth" / "coco.json").read_text())
    names = {category["id"]: category["name"] for category in coco["categories"]}
    frames = []
    for image in coco["images"]:
        path = folder / "frames" / image["file_name"]
        if not path.name.endswith("_T.JPG"):
            continue
        boxes = []
        for annotation in coco["annotations"]:
            name = names[annotation["category_id"]]
            if annotation["image_id"] != image["id"] or name not in wanted:
                continue
            x, y, width, height = annotation["bbox"]
            seen = annotation["visible_share"] >= LEAST_VISIBLE
            boxes.append([x, y, x + width, y + height, wanted[name] if seen else IGNORE])
        samples = raw_samples(path.read_bytes(), image["width"], image["height"])
        pixels = stretched(samples).round().astype(np.uint8)
        # A name of HIT-UAV's form, so that all frames say altitude and angle alike.
        frames.append(Frame(f"1_50_90_0_{image['id']:05}.jpg", pixels, np.array(boxes, np.float32).reshape(-1, 5)))
    return frames
