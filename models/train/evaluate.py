"""Measures exported models with ONNX Runtime on one thread: `evaluation.json`.

Two views. *Leaky*: the released model on val.json, whose frames mostly have a
near-twin in train.json. *Scene-disjoint*: networks of the same recipe, each on the
fold of scenes that it never saw, all folds pooled. What Rust makes of the same
network, with all lines of defence, `heatveil eval` measures.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from boxes import Floats, decode
from dataset import Frame, load_frames, padded
from export import MODELS, session
from masks import NEVER, WELL_COVERED, MaskRule, Row, cover_of, coverage, rounded
from metrics import PERSON, assign, match, summary
from network import CLASSES, SIZE_MULTIPLE
from resolution import ground_resolution, metres_per_pixel_per_metre, shrunk, sizes_px
from scenes import folds, scene_names

THRESHOLDS = (0.05, 0.10, 0.17, 0.235, 0.31)
PADDINGS = (0.25, 0.5)
"""Share of the box's own width (height) that a mask adds on each side."""
RECALL_IOU = 0.3
SIZE_EDGES = (0.0, 8.0, 12.0, 16.0, 24.0, 32.0, 1000.0)
"""Buckets of the square root of an object's box area, in px."""
OPERATING_THRESHOLDS = (0.17, 0.235, 0.235)
"""The card's thresholds, in the order of `CLASSES`: recall before precision."""
OPERATING_PADDINGS = (0.5, 0.25, 0.25)
"""The card's paddings, likewise. Persons need most: their boxes are small and often off by a few pixels."""
SIMULATED_RESOLUTIONS = (0.065, 0.08, 0.10, 0.12, 0.14)
OPERATING_RULE = MaskRule(OPERATING_THRESHOLDS, OPERATING_PADDINGS)


# --- running the model -------------------------------------------------------


def detect(runtime: onnxruntime.InferenceSession, pixels: NDArray[np.uint8]) -> Floats:
    """Boxes of one frame after per-class non-maximum suppression."""
    scores, distances = runtime.run(None, {"frame": padded(pixels, SIZE_MULTIPLE)[None, None]})
    return decode(scores[0], distances[0])


@dataclass(frozen=True)
class Looked:
    """Frames, what a network found in each, and the scene of each."""

    detections: list[Floats]
    frames: list[Frame]
    scenes: dict[str, str]

    def only(self, wanted: Callable[[Frame], bool]) -> Looked:
        """Some of the frames."""
        chosen = [i for i, frame in enumerate(self.frames) if wanted(frame)]
        return Looked([self.detections[i] for i in chosen], [self.frames[i] for i in chosen], self.scenes)

    def covered(self, rule: MaskRule, label: int = PERSON) -> Row:
        return coverage(self.detections, self.frames, self.scenes, rule, label)

    def found(self, label: int, threshold: float) -> Row:
        """Recall (IoU 0.3), precision and false alarms at a threshold."""
        matches = match(self.detections, self.frames, label, RECALL_IOU)
        hits = matches.is_hit[matches.score >= threshold]
        return {
            "class": CLASSES[label],
            "threshold": threshold,
            "objects": matches.objects,
            "recall": rounded(hits.sum() / max(matches.objects, 1)),
            "precision": rounded(hits.sum() / max(len(hits), 1)),
            "false_positives_per_frame": rounded((~hits).sum() / max(len(self.frames), 1)),
        }


def look(model: Path, frames: list[Frame], scenes: dict[str, str]) -> tuple[Looked, float]:
    """Runs a model over frames; also the CPU milliseconds per frame."""
    runtime = session(model)
    started = time.process_time()
    detections = [detect(runtime, frame.pixels) for frame in frames]
    return Looked(detections, frames, scenes), (time.process_time() - started) / max(len(frames), 1) * 1000


# --- figures ------------------------------------------------------------------


def coverage_table(looked: Looked) -> list[Row]:
    """Person coverage for every threshold, padding and choice of masked classes."""
    return [
        looked.covered(MaskRule.single(threshold, padding, all_classes))
        for threshold in THRESHOLDS
        for padding in PADDINGS
        for all_classes in (False, True)
    ]


def by_size(looked: Looked) -> list[Row]:
    """Recall and mask coverage by object size, at the operating point."""
    rows: list[Row] = []
    for label, name in enumerate(CLASSES):
        sizes: list[float] = []
        found: list[bool] = []
        well: list[bool] = []
        touched: list[bool] = []
        for detected, frame in zip(looked.detections, looked.frames, strict=True):
            truth = frame.boxes[frame.boxes[:, 4] == label]
            sizes.extend(sizes_px(truth))
            chosen = detected[(detected[:, 5] == label) & (detected[:, 4] >= OPERATING_THRESHOLDS[label])]
            claimed = assign(chosen[np.argsort(-chosen[:, 4])], truth, RECALL_IOU)
            mask = OPERATING_RULE.mask(detected, frame.pixels.shape)
            for i, box in enumerate(truth):
                cover = cover_of(mask, box)
                found.append(bool((claimed == i).any()))
                well.append(cover >= WELL_COVERED)
                touched.append(cover > 0)
        for low, high in pairwise(SIZE_EDGES):
            inside = np.array([low <= size < high for size in sizes], bool)
            count = int(inside.sum())
            if count:
                rows.append(
                    {
                        "class": name,
                        "min_px": low,
                        "max_px": high if high < SIZE_EDGES[-1] else None,
                        "objects": count,
                        "recall": rounded(np.array(found)[inside].mean()),
                        "objects_80_covered": rounded(np.array(well)[inside].mean()),
                        "objects_touched": rounded(np.array(touched)[inside].mean()),
                    }
                )
    return rows


def subset(name: str, looked: Looked) -> Row:
    """The main person figures on some of the frames."""
    if not looked.frames:
        return {"subset": name, "frames": 0}
    at30 = match(looked.detections, looked.frames, PERSON, RECALL_IOU)
    masked = looked.covered(OPERATING_RULE)
    return {
        "subset": name,
        "frames": len(looked.frames),
        "persons": at30.objects,
        "person_ap50": rounded(match(looked.detections, looked.frames, PERSON, 0.5).average_precision()),
        "person_ap30": rounded(at30.average_precision()),
        "recall_at_1_fp_per_frame": rounded(at30.recall_at(len(looked.frames))[0]),
        "recall_at_4_fp_per_frame": rounded(at30.recall_at(4 * len(looked.frames))[0]),
        "recall_at_threshold": looked.found(PERSON, OPERATING_THRESHOLDS[PERSON])["recall"],
        "objects_80_covered": masked["objects_80_covered"],
        "objects_80_covered_mirrored": masked["objects_80_covered_mirrored"],
        "objects_touched": masked["objects_touched"],
        "frame_masked": masked["frame_masked"],
    }


def subsets(looked: Looked) -> list[Row]:
    """Day and night, altitude, camera angle."""
    wanted: dict[str, Callable[[Frame], bool]] = {
        "day": lambda frame: not frame.is_night,
        "night": lambda frame: frame.is_night,
        "altitude 60-70 m": lambda frame: 60 <= frame.altitude <= 70,
        "altitude 80-90 m": lambda frame: 80 <= frame.altitude <= 90,
        "altitude 100-110 m": lambda frame: 100 <= frame.altitude <= 110,
        "altitude 120-130 m": lambda frame: 120 <= frame.altitude <= 130,
        "camera 30-60 degrees": lambda frame: frame.camera_angle <= 60,
        "camera 70-90 degrees (near straight down)": lambda frame: frame.camera_angle >= 70,
    }
    return [subset(name, looked.only(test)) for name, test in wanted.items()]


def leak(looked: Looked, training: list[Frame]) -> list[Row]:
    """How the figures fall with the distance to the nearest training frame."""
    numbers = np.array(sorted(frame.number for frame in training))

    def gap(frame: Frame) -> int:
        return int(np.abs(numbers - frame.number).min())

    wanted: dict[str, Callable[[Frame], bool]] = {
        "nearest training frame 1 away": lambda frame: gap(frame) <= 1,
        "nearest training frame 2 away": lambda frame: gap(frame) == 2,
        "nearest training frame 3-5 away": lambda frame: 3 <= gap(frame) <= 5,
        "nearest training frame over 5 away": lambda frame: gap(frame) > 5,
    }
    return [subset(name, looked.only(test)) for name, test in wanted.items()]


def figures(looked: Looked) -> Row:
    """Every figure of one set, in the order in which the card's readers ask for them."""
    persons = MaskRule((OPERATING_THRESHOLDS[PERSON], *[NEVER] * (len(CLASSES) - 1)), OPERATING_PADDINGS)
    return {
        "frames": len(looked.frames),
        "scenes": len({looked.scenes[frame.name] for frame in looked.frames}),
        "objects": {
            name: int(sum((frame.boxes[:, 4] == label).sum() for frame in looked.frames))
            for label, name in enumerate(CLASSES)
        },
        "summary": summary(looked.detections, looked.frames),
        "operating_point": [
            {**looked.covered(OPERATING_RULE, label), **looked.found(label, OPERATING_THRESHOLDS[label])}
            for label in range(len(CLASSES))
        ],
        "frame_masked_for_persons": looked.covered(persons)["frame_masked"],
        "by_size": by_size(looked),
        "subsets": subsets(looked),
        "operating_points_iou30": [
            looked.found(label, threshold) for label in range(len(CLASSES)) for threshold in THRESHOLDS
        ],
        "person_coverage": coverage_table(looked),
    }


def simulated_coarser(model: Path, frames: list[Frame], scenes: dict[str, str], per_metre: float) -> list[Row]:
    """Near-straight-down frames shrunk to given ground resolutions; a frame is never enlarged."""
    near_nadir = [frame for frame in frames if frame.camera_angle >= 70]
    rows = []
    for target in SIMULATED_RESOLUTIONS:
        factors = [min(per_metre * frame.altitude / target, 1.0) for frame in near_nadir]
        some = [shrunk(frame, factor) for frame, factor in zip(near_nadir, factors, strict=True)]
        looked, _ = look(model, some, scenes)
        sizes = np.concatenate([sizes_px(frame.boxes[frame.boxes[:, 4] == PERSON]) for frame in some])
        row = {"metres_per_pixel": target, "person_sqrt_area_px": rounded(np.median(sizes))}
        rows.append({**row, **subset(f"{target} m/px", looked)})
    return rows


def scene_disjoint(data: Path, models: dict[int, Path]) -> Row:
    """Every frame of these folds judged by the network that never saw its scene: pooled, and fold by fold."""
    everything = load_frames(data, "train") + load_frames(data, "val")
    scenes = scene_names(everything)
    dealt = folds(everything)
    parts = {number: look(model, dealt[number], scenes)[0] for number, model in sorted(models.items())}
    pooled = Looked(
        [found for part in parts.values() for found in part.detections],
        [frame for part in parts.values() for frame in part.frames],
        scenes,
    )
    return {**figures(pooled), "folds": [subset(f"fold {number}", part) for number, part in parts.items()]}


def evaluate(options: argparse.Namespace) -> Row:
    """Both views, and what the data says about ground resolution."""
    training, frames = load_frames(options.data, "train"), load_frames(options.data, "val")
    scenes = scene_names(training + frames)
    looked, milliseconds = look(options.model, frames, scenes)
    result: Row = {
        "model": options.model.name,
        "data": "HIT-UAV as kept in shared/data/hit-uav: 1,959 of its frames",
        "training_frames": len(training),
        "runtime": f"onnxruntime {onnxruntime.__version__}, one thread",
        "cpu_ms_per_frame": round(milliseconds, 1),
        "leaky": {**figures(looked), "leak": leak(looked, training)},
    }
    if options.compare:
        other, milliseconds = look(options.compare, frames, scenes)
        result["compared"] = {
            "model": options.compare.name,
            "cpu_ms_per_frame": round(milliseconds, 1),
            "summary": summary(other.detections, other.frames),
            "operating_point": [other.found(label, OPERATING_THRESHOLDS[label]) for label in range(len(CLASSES))],
        }
    if options.folds:
        result["scene_disjoint"] = scene_disjoint(options.data, dict(options.folds))
    resolutions = ground_resolution(training + frames)
    per_metre = metres_per_pixel_per_metre(resolutions)
    result["ground_resolution_straight_down"] = resolutions
    result["metres_per_pixel_per_metre_of_altitude"] = round(per_metre, 6)
    result["simulated_coarser"] = simulated_coarser(options.model, frames, scenes, per_metre)
    return result


def numbered(text: str) -> tuple[int, Path]:
    """`1=model.onnx` as a fold's number and its model."""
    number, _, path = text.partition("=")
    return int(number), Path(path)


def main() -> None:
    here = Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description="Measures exported models on labelled frames.")
    parser.add_argument("--data", type=Path, default=MODELS.parent / "../shared/data/hit-uav")
    parser.add_argument("--model", type=Path, default=MODELS / "person-vehicle-bicycle.int8.onnx")
    parser.add_argument("--compare", type=Path, help="another file of the same network, such as fp32")
    parser.add_argument("--folds", type=numbered, nargs="*", default=[], metavar="FOLD=MODEL")
    parser.add_argument("--out", type=Path, default=here / "evaluation.json")
    options = parser.parse_args()
    options.out.write_text(json.dumps(evaluate(options), indent=1) + "\n")
    print(f"wrote {options.out}")


if __name__ == "__main__":
    main()
