"""A contact sheet of the persons that a mask covers worst: where the model fails, to be looked at.

Pictures of labelled sets stay where they are: write their sheets outside the repository.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from dataset import Frame, load_frames
from evaluate import OPERATING_RULE, Looked, look
from export import MODELS
from masks import cover_of
from metrics import PERSON
from scenes import folds, scene_names
from simulated import load_simulated

AROUND = 40
"""Pixels shown on each side of a person's centre."""
ENLARGED = 2
ACROSS = 12


def cutout(frame: Frame, mask: NDArray[np.bool_], box: NDArray[np.floating]) -> NDArray[np.uint8]:
    """The person's surroundings: its box in red, the mask's outline in green."""
    grey = cv2.copyMakeBorder(frame.pixels, *[AROUND] * 4, cv2.BORDER_CONSTANT, value=0)
    hidden = cv2.copyMakeBorder(mask.astype(np.uint8), *[AROUND] * 4, cv2.BORDER_CONSTANT, value=0)
    x, y = int((box[0] + box[2]) / 2), int((box[1] + box[3]) / 2)
    window = slice(y, y + 2 * AROUND), slice(x, x + 2 * AROUND)
    size = (2 * AROUND * ENLARGED,) * 2
    colour = cv2.cvtColor(cv2.resize(grey[window], size), cv2.COLOR_GRAY2BGR)
    outline, _ = cv2.findContours(
        cv2.resize(hidden[window], size, interpolation=cv2.INTER_NEAREST), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    cv2.drawContours(colour, outline, -1, (0, 200, 0), 1)
    corner = np.array([x - AROUND, y - AROUND])
    low, high = (box[:2] - corner) * ENLARGED, (box[2:4] - corner) * ENLARGED
    cv2.rectangle(colour, [int(v) for v in low], [int(v) for v in high], (0, 0, 255), 1)
    return np.asarray(colour, np.uint8)


def worst(looked: Looked, count: int) -> list[NDArray[np.uint8]]:
    """Cutouts of the persons that are covered least, worst first."""
    cases = []
    for found, frame in zip(looked.detections, looked.frames, strict=True):
        mask = OPERATING_RULE.mask(found, frame.pixels.shape)
        for box in frame.boxes[frame.boxes[:, 4] == PERSON]:
            cases.append((cover_of(mask, box), len(cases), frame, mask, box))
    return [cutout(frame, mask, box) for _, _, frame, mask, box in sorted(cases, key=lambda case: case[:2])[:count]]


def sheet(pictures: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Pictures in rows."""
    blank = np.zeros_like(pictures[0])
    rows = math.ceil(len(pictures) / ACROSS)
    pictures = pictures + [blank] * (rows * ACROSS - len(pictures))
    return np.asarray(np.vstack([np.hstack(pictures[i : i + ACROSS]) for i in range(0, len(pictures), ACROSS)]), np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description="Shows the persons that a mask covers worst.")
    parser.add_argument("--model", type=Path, default=MODELS / "person-vehicle-bicycle.int8.onnx")
    parser.add_argument("--data", type=Path, default=MODELS.parent / "../shared/data/hit-uav")
    parser.add_argument("--fold", type=int, help="this fold of scenes instead of val.json")
    parser.add_argument("--simulated", type=Path, help="a folder of `heatveil simulate` instead of HIT-UAV")
    parser.add_argument("--count", type=int, default=48)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    if options.simulated:
        frames = load_simulated(options.simulated)
        scenes = {frame.name: "simulated" for frame in frames}
    else:
        everything = load_frames(options.data, "train") + load_frames(options.data, "val")
        scenes = scene_names(everything)
        frames = load_frames(options.data, "val") if options.fold is None else folds(everything)[options.fold]
    looked, _ = look(options.model, frames, scenes)
    cv2.imwrite(str(options.out), sheet(worst(looked, options.count)))
    print(f"wrote {options.out}")


if __name__ == "__main__":
    main()
