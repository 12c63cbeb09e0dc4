"""Holds the average precision of `heatveil eval` against pycocotools, on the same finds.

usage: check_eval.py LABELS.json ANSWER.json DETECTIONS.json

LABELS is a COCO object file, ANSWER what `heatveil eval --out` wrote, DETECTIONS what `--detections` wrote.
pycocotools knows no `dont_care`: such regions become crowds of every class, and kinds of vehicles one class.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

CLASSES = {"car": "vehicle", "other_vehicle": "vehicle"}
IGNORED = "dont_care"
TOLERANCE = 0.005
MOST = 10_000
"""Finds of one class in a frame; pycocotools would keep the best 100."""


def with_crowds(labels: dict[str, Any], numbers: dict[str, int]) -> dict[str, Any]:
    """The labels with one category a class, and regions to ignore as crowds."""
    names = {category["id"]: category["name"] for category in labels["categories"]}
    annotations: list[dict[str, Any]] = []
    for annotation in labels["annotations"]:
        name = names[annotation["category_id"]]
        crowd = name == IGNORED or annotation.get("iscrowd", 0)
        for number in numbers.values() if name == IGNORED else [numbers[CLASSES.get(name, name)]]:
            _, _, width, height = annotation["bbox"]
            entry = {**annotation, "category_id": number, "iscrowd": int(crowd), "area": width * height}
            annotations.append({**entry, "id": len(annotations) + 1})
    categories = [{"id": number, "name": name} for name, number in numbers.items()]
    return {"info": {}, "images": labels["images"], "annotations": annotations, "categories": categories}


def average_precision(truth: COCO, found: COCO, number: int, least_iou: float) -> float:
    """AP of one class at one intersection over union."""
    judge = COCOeval(truth, found, "bbox")
    judge.params.catIds = [number]
    judge.params.iouThrs = np.array([least_iou])
    judge.params.maxDets = [MOST]
    judge.params.areaRng, judge.params.areaRngLbl = [[0, 1e10]], ["all"]
    judge.evaluate()
    judge.accumulate()
    return float(np.mean(judge.eval["precision"][0, :, 0, 0, 0]))


def main() -> None:
    labels_path, answer_path, detections_path = map(Path, sys.argv[1:4])
    labels, answer = json.loads(labels_path.read_text()), json.loads(answer_path.read_text())
    numbers: dict[str, int] = {}
    for category in labels["categories"]:
        if category["name"] != IGNORED:
            numbers.setdefault(CLASSES.get(category["name"], category["name"]), category["id"])
    truth = COCO()
    truth.dataset = with_crowds(labels, numbers)
    truth.createIndex()
    detections = json.loads(detections_path.read_text())
    if not detections:
        sys.exit("check_eval: there are no finds to judge")
    found = truth.loadRes(detections)
    compared = 0
    for name, number in numbers.items():
        for key, least_iou in (("ap50", 0.5), ("ap30", 0.3)):
            ours, theirs = answer["classes"][name][key], average_precision(truth, found, number, least_iou)
            # No objects: pycocotools says -1, we say nothing.
            if ours is None and theirs == -1:
                continue
            if ours is None or abs(ours - theirs) > TOLERANCE:
                sys.exit(f"check_eval: {name} {key} is {ours}, pycocotools says {theirs:.4f}")
            compared += 1
            print(f"check_eval: {name} {key} {ours:.4f}, pycocotools {theirs:.4f}")
    if not compared:
        sys.exit("check_eval: there was nothing to compare")


if __name__ == "__main__":
    main()
