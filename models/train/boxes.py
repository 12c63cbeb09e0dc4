"""From network outputs to boxes. Detections have columns x0, y0, x1, y1, score, class."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from network import STRIDE

Floats = NDArray[np.floating[Any]]

KEPT_PER_FRAME = 200
LOWEST_SCORE = 0.02
NMS_IOU = 0.5


def overlap(a: Floats, b: Floats) -> tuple[Floats, Floats, Floats]:
    """Pairwise intersection areas, and the areas of `a` and of `b`."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:4], b[None, :, 2:4])
    intersection = np.prod(np.clip(high - low, 0, None), axis=2)
    area_a = (a[:, 2] - a[:, 0]) * (a[:, 3] - a[:, 1])
    area_b = (b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1])
    return intersection, area_a, area_b


def iou(a: Floats, b: Floats) -> Floats:
    """Pairwise intersection over union."""
    intersection, area_a, area_b = overlap(a, b)
    return intersection / (area_a[:, None] + area_b[None] - intersection + 1e-9)


def share_inside(a: Floats, b: Floats) -> Floats:
    """Pairwise share of each box of `a` that lies inside each box of `b`."""
    intersection, area_a, _ = overlap(a, b)
    return intersection / (area_a[:, None] + 1e-9)


def non_maximum_suppression(detections: Floats) -> Floats:
    """Drops a box that overlaps a higher-scored one of its class by more than `NMS_IOU`."""
    kept = []
    rest = detections[np.argsort(-detections[:, 4])]
    while len(rest):
        kept.append(rest[0])
        same_class = rest[1:, 5] == rest[0, 5]
        rest = rest[1:][~(same_class & (iou(rest[:1], rest[1:])[0] >= NMS_IOU))]
    return np.array(kept, np.float32).reshape(-1, 6)


def decode(scores: Floats, distances: Floats, suppress: bool = True) -> Floats:
    """Reads boxes out of `scores` [C,h,w] (local maxima only) and `distances` [4,h,w]."""
    label, row, column = np.nonzero(scores > LOWEST_SCORE)
    score = scores[label, row, column]
    best = np.argsort(-score)[:KEPT_PER_FRAME]
    label, row, column, score = label[best], row[best], column[best], score[best]
    left, top, right, bottom = distances[:, row, column]
    x, y = (column + 0.5) * STRIDE, (row + 0.5) * STRIDE
    width, height = scores.shape[2] * STRIDE, scores.shape[1] * STRIDE
    detections = np.stack(
        [
            np.clip(x - left, 0, width),
            np.clip(y - top, 0, height),
            np.clip(x + right, 0, width),
            np.clip(y + bottom, 0, height),
            score,
            label,
        ],
        axis=1,
    ).astype(np.float32)
    return non_maximum_suppression(detections) if suppress else detections
