"""Objects cut out of labelled frames, to be pasted into others: it takes people apart from places."""

from __future__ import annotations

import math

import cv2
import numpy as np

from dataset import IGNORE, Floats, Frame, normalisation
from network import CLASSES

SMALLEST_PX = 3.0
"""An object shrunk below this is no lesson."""
MOST_PASTED = 5
CLASS_ODDS = (0.65, 0.15, 0.2)
RIM = 0.3
"""Share of the box added on each side, to know the ground around it."""


class Cuttings:
    """Labelled objects with a rim of their ground, to be pasted into other frames.

    A cutting is laid down as a difference to its own rim, on top of the ground that is there: so it is as much
    warmer than its new surroundings as it was than its old ones, give or take a drawn gain.
    """

    def __init__(self, frames: list[Frame]) -> None:
        self.by_class: list[list[tuple[Frame, Floats]]] = [[] for _ in CLASSES]
        for frame in frames:
            height, width = frame.pixels.shape
            for box in frame.boxes:
                inside = box[0] > 4 and box[1] > 4 and box[2] < width - 4 and box[3] < height - 4
                if box[4] != IGNORE and inside:
                    self.by_class[int(box[4])].append((frame, box))

    def paste(
        self, rng: np.random.Generator, image: Floats, objects: Floats, ignored: Floats, scale: float
    ) -> Floats:
        """Pastes some objects into `image`, in place; returns the boxes with theirs added."""
        taken = np.concatenate([objects, ignored])
        for _ in range(int(rng.integers(1, MOST_PASTED + 1))):
            label = int(rng.choice(len(CLASSES), p=CLASS_ODDS))
            if not self.by_class[label]:
                continue
            frame, box = self.by_class[label][rng.integers(len(self.by_class[label]))]
            difference, inner = self.cutting(rng, frame, box, scale)
            height, width = difference.shape
            if height >= image.shape[0] or width >= image.shape[1] or (inner[2:] - inner[:2]).min() < SMALLEST_PX:
                continue
            x, y = int(rng.integers(image.shape[1] - width)), int(rng.integers(image.shape[0] - height))
            placed = inner + np.array([x, y, x, y], np.float32)
            overlap = np.minimum(taken[:, 2:4], placed[2:]) - np.maximum(taken[:, :2], placed[:2])
            if len(taken) and (overlap > 0).all(axis=1).any():
                continue
            image[y : y + height, x : x + width] += difference
            row = np.array([[*placed, label]], np.float32)
            objects, taken = np.concatenate([objects, row]), np.concatenate([taken, row])
        return objects

    def cutting(self, rng: np.random.Generator, frame: Frame, box: Floats, scale: float) -> tuple[Floats, Floats]:
        """An object as difference to its rim, feathered, and its box within."""
        rim_x, rim_y = (box[2] - box[0]) * RIM + 2, (box[3] - box[1]) * RIM + 2
        height, width = frame.pixels.shape
        x0, y0 = max(int(box[0] - rim_x), 0), max(int(box[1] - rim_y), 0)
        x1, y1 = min(int(box[2] + rim_x) + 1, width), min(int(box[3] + rim_y) + 1, height)
        _, divisor = normalisation(frame.pixels)
        patch = frame.pixels[y0:y1, x0:x1].astype(np.float32) / divisor
        inner = box[:4] - np.array([x0, y0, x0, y0], np.float32)
        edge = np.concatenate([patch[0], patch[-1], patch[:, 0], patch[:, -1]])
        difference = (patch - np.median(edge)) * math.exp(rng.normal(0, 0.25))
        alpha = np.zeros_like(patch)
        grow = 1.5
        alpha[
            max(int(inner[1] - grow), 0) : int(inner[3] + grow) + 1,
            max(int(inner[0] - grow), 0) : int(inner[2] + grow) + 1,
        ] = 1
        difference *= cv2.GaussianBlur(alpha, (0, 0), 1.2)
        factor = scale * math.exp(rng.normal(0, 0.12))
        if rng.random() < 0.5:
            difference = difference[:, ::-1]
            inner = np.array([patch.shape[1] - inner[2], inner[1], patch.shape[1] - inner[0], inner[3]], np.float32)
        size = (max(round(patch.shape[1] * factor), 1), max(round(patch.shape[0] * factor), 1))
        stretch = np.array([size[0] / patch.shape[1], size[1] / patch.shape[0]] * 2, np.float32)
        method = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
        return cv2.resize(np.ascontiguousarray(difference), size, interpolation=method), inner * stretch
