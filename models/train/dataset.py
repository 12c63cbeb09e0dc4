"""HIT-UAV in COCO form: labelled frames in memory."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

cv2.setNumThreads(1)

IGNORE = -1
"""Class of a region that is neither a hit nor a false alarm."""
CLASS_OF_CATEGORY = {"person": 0, "car": 1, "other_vehicle": 1, "bicycle": 2, "dont_care": IGNORE}

STRETCH = (0.1, 99.9)
"""Percentiles that become 0 and 255, as in heatveil's own `ModelInput`."""

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Frame:
    """One picture with its boxes; columns are x0, y0, x1, y1, class."""

    name: str
    pixels: NDArray[np.uint8]
    boxes: Floats

    @property
    def is_night(self) -> bool:
        return self.name.split("_")[0] == "1"

    @property
    def altitude(self) -> int:
        return int(self.name.split("_")[1])

    @property
    def camera_angle(self) -> int:
        return int(self.name.split("_")[2])

    @property
    def number(self) -> int:
        """Running number of the video frame; neighbours show nearly the same scene."""
        return int(Path(self.name).stem.split("_")[4])


def stretched(samples: NDArray[Any]) -> Floats:
    """Samples as grey from 0 to 255, like the picture that a network gets from heatveil."""
    low, high = np.percentile(samples, STRETCH)
    return np.clip((samples.astype(np.float32) - low) * (255 / max(high - low, 1e-6)), 0, 255).astype(np.float32)


def padded(grey: NDArray[Any], multiple: int) -> Floats:
    """Grown right and down to the next multiple by repeating the edge, as heatveil does."""
    height, width = grey.shape
    return np.pad(grey.astype(np.float32), ((0, -height % multiple), (0, -width % multiple)), mode="edge")


def load_frames(data: Path, split: str) -> list[Frame]:
    """Reads `<data>/<split>.json` and its pictures into memory (0.3 MB each)."""
    coco = json.loads((data / f"{split}.json").read_text())
    class_of = {category["id"]: CLASS_OF_CATEGORY[category["name"]] for category in coco["categories"]}
    boxes: dict[int, list[list[float]]] = {image["id"]: [] for image in coco["images"]}
    for annotation in coco["annotations"]:
        x, y, width, height = annotation["bbox"]
        if width > 1 and height > 1:
            boxes[annotation["image_id"]].append([x, y, x + width, y + height, class_of[annotation["category_id"]]])
    frames = []
    for image in coco["images"]:
        path = data / "images" / image["file_name"]
        pixels = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if pixels is None:
            raise FileNotFoundError(f"cannot read {path}")
        frames.append(
            Frame(path.name, np.asarray(pixels, np.uint8), np.array(boxes[image["id"]], np.float32).reshape(-1, 5))
        )
    return frames


def normalisation(pixels: NDArray[np.uint8]) -> tuple[float, float]:
    """Offset and divisor of a frame; the exported graph computes the same."""
    values = pixels.astype(np.float32)
    return float(values.mean()), float(values.std()) + 1.0
