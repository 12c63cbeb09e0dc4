"""Average precision, recall at a false-alarm rate, and what a mask really covers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boxes import Floats, iou, share_inside
from dataset import IGNORE, Frame
from network import CLASSES

PERSON = CLASSES.index("person")
FALSE_ALARM_RATES = (0.5, 1, 2, 4, 8)
"""False positives per frame at which recall is read."""


@dataclass(frozen=True)
class Matches:
    """Detections of one class over many frames, best first, ignored ones left out."""

    score: Floats
    is_hit: NDArray[np.bool_]
    objects: int

    def average_precision(self) -> float:
        """Mean of the interpolated precision at 101 recall levels (COCO's rule)."""
        if not len(self.score) or not self.objects:
            return 0.0
        hits = np.cumsum(self.is_hit)
        recall = hits / self.objects
        precision = np.maximum.accumulate((hits / np.arange(1, len(hits) + 1))[::-1])[::-1]
        levels = np.linspace(0, 1, 101)
        reached = levels <= recall[-1]
        return float(np.sum(precision[np.searchsorted(recall, levels[reached])]) / len(levels))

    def recall_at(self, false_positives: float) -> tuple[float, float]:
        """(recall, threshold) of the last detection with at most that many false positives."""
        last = int(np.searchsorted(np.cumsum(~self.is_hit), false_positives, side="right")) - 1
        if last < 0 or not self.objects:
            return 0.0, 1.0
        return float(np.sum(self.is_hit[: last + 1]) / self.objects), float(self.score[last])


def assign(detections: Floats, truth: Floats, least_iou: float) -> NDArray[np.intp]:
    """Index of the true box that each detection (best first) claims, or -1; each is claimed once."""
    claimed = np.full(len(detections), -1, np.intp)
    overlaps = iou(detections, truth)
    free = np.ones(len(truth), bool)
    for i in range(len(detections)):
        candidates = np.where(free, overlaps[i], 0.0)
        if len(truth) and candidates.max() >= least_iou:
            claimed[i] = candidates.argmax()
            free[claimed[i]] = False
    return claimed


def match(detections: list[Floats], frames: list[Frame], label: int, least_iou: float) -> Matches:
    """Matches one class; an unmatched detection lying half or more in an ignore region does not count."""
    scores: list[Floats] = []
    hits: list[NDArray[np.bool_]] = []
    objects = 0
    for found, frame in zip(detections, frames, strict=True):
        found = found[found[:, 5] == label]
        found = found[np.argsort(-found[:, 4], kind="stable")]
        truth = frame.boxes[frame.boxes[:, 4] == label]
        ignored = frame.boxes[frame.boxes[:, 4] == IGNORE]
        objects += len(truth)
        is_hit = assign(found, truth, least_iou) >= 0
        counts = is_hit | ~(share_inside(found, ignored) >= 0.5).any(axis=1)
        scores.append(found[counts, 4])
        hits.append(is_hit[counts])
    score, is_hit = np.concatenate(scores), np.concatenate(hits)
    order = np.argsort(-score, kind="stable")
    return Matches(score[order], is_hit[order], objects)


def summary(detections: list[Floats], frames: list[Frame]) -> dict[str, Any]:
    """AP50 of every class, AP30 of persons and person recall at fixed false-alarm rates."""
    result: dict[str, Any] = {
        f"{name}_ap50": round(match(detections, frames, label, 0.5).average_precision(), 4)
        for label, name in enumerate(CLASSES)
    }
    persons = match(detections, frames, PERSON, 0.3)
    result["person_ap30"] = round(persons.average_precision(), 4)
    result["person_recall_iou30"] = []
    for rate in FALSE_ALARM_RATES:
        recall, threshold = persons.recall_at(rate * len(frames))
        result["person_recall_iou30"].append(
            {"false_positives_per_frame": rate, "recall": round(recall, 4), "threshold": round(threshold, 4)}
        )
    return result
