"""How boxes become a mask, and what that mask covers of the labelled objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dataset import Floats, Frame
from metrics import PERSON
from network import CLASSES

MIN_PADDING_PX = 4.0
WELL_COVERED = 0.8
NEVER = float("inf")
RESAMPLES = 1000

Mask = NDArray[np.bool_]
Row = dict[str, Any]


def rounded(value: float | np.floating[Any]) -> float:
    return round(float(value), 4)


@dataclass(frozen=True)
class MaskRule:
    """How boxes become a mask: a threshold and a padding per class."""

    thresholds: tuple[float, ...]
    paddings: tuple[float, ...]
    min_padding_px: float = MIN_PADDING_PX

    @staticmethod
    def single(threshold: float, padding: float, all_classes: bool) -> MaskRule:
        """One threshold and padding for all classes, or for persons only."""
        others = threshold if all_classes else NEVER
        thresholds = tuple(threshold if label == PERSON else others for label in range(len(CLASSES)))
        return MaskRule(thresholds, (padding,) * len(CLASSES))

    def to_row(self) -> Row:
        return {
            "thresholds": {name: limit for name, limit in zip(CLASSES, self.thresholds, strict=True) if limit != NEVER},
            "padding_each_side": self.paddings[0] if len(set(self.paddings)) == 1 else list(self.paddings),
            "padding_px_at_least": self.min_padding_px,
        }

    def mask(self, detections: Floats, shape: tuple[int, int]) -> Mask:
        height, width = shape
        mask = np.zeros(shape, bool)
        for x0, y0, x1, y1, score, label in detections:
            if score < self.thresholds[int(label)]:
                continue
            padding = self.paddings[int(label)]
            dx = max((x1 - x0) * padding, self.min_padding_px)
            dy = max((y1 - y0) * padding, self.min_padding_px)
            rows = slice(max(int(np.floor(y0 - dy)), 0), min(int(np.ceil(y1 + dy)), height))
            columns = slice(max(int(np.floor(x0 - dx)), 0), min(int(np.ceil(x1 + dx)), width))
            mask[rows, columns] = True
        return mask


def cover_of(mask: Mask, box: Floats) -> float:
    """Share of a true box that lies under the mask."""
    x0, y0 = np.floor(box[:2]).astype(int)
    x1, y1 = np.ceil(box[2:4]).astype(int)
    return float(mask[max(y0, 0) : y1, max(x0, 0) : x1].mean())


def interval(hits: Floats, totals: Floats, scenes: Sequence[str]) -> list[float]:
    """95 % interval of sum(hits) / sum(totals), resampling whole scenes: frames of one video are not independent."""
    _, scene = np.unique(np.array(scenes), return_inverse=True)
    hit, total = np.bincount(scene, hits), np.bincount(scene, totals)
    rng = np.random.default_rng(0)
    picks = rng.integers(len(hit), size=(RESAMPLES, len(hit)))
    ratios = hit[picks].sum(axis=1) / np.maximum(total[picks].sum(axis=1), 1)
    return [rounded(value) for value in np.percentile(ratios, [2.5, 97.5])]


def coverage(
    detections: list[Floats], frames: list[Frame], scenes: dict[str, str], rule: MaskRule, label: int = PERSON
) -> Row:
    """What a mask rule covers of one class, and how much of the frames it takes away.

    `mirrored` is the control: the same mask flipped left to right knows nothing of
    the objects, so what it covers is what a mask of that size covers by luck.
    """
    objects, well, touched, object_pixels, covered_pixels, by_luck = (np.zeros(len(frames)) for _ in range(6))
    masked = 0.0
    for i, (found, frame) in enumerate(zip(detections, frames, strict=True)):
        mask = rule.mask(found, frame.pixels.shape)
        masked += mask.mean() / len(frames)
        truth = np.zeros_like(mask)
        for box in frame.boxes[frame.boxes[:, 4] == label]:
            cover = cover_of(mask, box)
            objects[i] += 1
            well[i] += cover >= WELL_COVERED
            touched[i] += cover > 0
            by_luck[i] += cover_of(mask[:, ::-1], box) >= WELL_COVERED
            truth[int(box[1]) : int(np.ceil(box[3])), int(box[0]) : int(np.ceil(box[2]))] = True
        object_pixels[i], covered_pixels[i] = truth.sum(), (truth & mask).sum()
    names = [scenes[frame.name] for frame in frames]
    return {
        **rule.to_row(),
        "objects": int(objects.sum()),
        "pixels_covered": rounded(covered_pixels.sum() / max(object_pixels.sum(), 1)),
        "objects_80_covered": rounded(well.sum() / max(objects.sum(), 1)),
        "objects_80_covered_ci": interval(well, objects, names),
        "objects_touched": rounded(touched.sum() / max(objects.sum(), 1)),
        "objects_touched_ci": interval(touched, objects, names),
        "objects_untouched": int(objects.sum() - touched.sum()),
        "objects_80_covered_mirrored": rounded(by_luck.sum() / max(objects.sum(), 1)),
        "frame_masked": rounded(masked),
    }
