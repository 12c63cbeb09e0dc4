"""Measures the exported model on HIT-UAV's val.json, with ONNX Runtime on one thread.

Writes `evaluation.json`: what the model finds (precision, recall), what a mask
made from it covers (the figure that matters for privacy), where it is weak
(object size, altitude, time of day), how much the random split flatters, and
for which ground resolutions the data can speak at all.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from boxes import Floats, decode
from dataset import Frame, load_frames
from export import MODELS, session
from metrics import PERSON, assign, match, summary
from network import CLASSES, SIZE_MULTIPLE

THRESHOLDS = (0.05, 0.10, 0.17, 0.235, 0.31)
PADDINGS = (0.25, 0.5)
"""Share of the box's own width (height) that a mask adds on each side."""
MIN_PADDING_PX = 4.0
WELL_COVERED = 0.8
RECALL_IOU = 0.3
SIZE_EDGES = (0.0, 8.0, 12.0, 16.0, 24.0, 32.0, 1000.0)
"""Buckets of the square root of an object's box area, in px."""
OPERATING_THRESHOLDS = (0.17, 0.235, 0.235)
"""The card's thresholds, in the order of `CLASSES`: recall before precision."""
OPERATING_PADDINGS = (0.5, 0.25, 0.25)
"""The card's paddings, likewise. Persons need most: their boxes are small and often off by a few pixels."""
NEVER = float("inf")
RESAMPLES = 1000

CAR_LENGTH_M, CAR_WIDTH_M = 4.5, 1.8
SMALLEST_CAR_PX = 30
"""Car boxes below this in a straight-down frame are label errors or cut cars."""
SIMULATED_RESOLUTIONS = (0.065, 0.08, 0.10, 0.12, 0.14)

Mask = NDArray[np.bool_]
Row = dict[str, Any]


def rounded(value: float | np.floating[Any]) -> float:
    return round(float(value), 4)


# --- running the model -------------------------------------------------------


def padded(pixels: NDArray[np.uint8]) -> Floats:
    """The frame as model input, grown right and down to the next allowed size with its own mean."""
    height, width = pixels.shape
    grow = ((0, -height % SIZE_MULTIPLE), (0, -width % SIZE_MULTIPLE))
    return np.pad(pixels.astype(np.float32), grow, constant_values=float(pixels.mean()))


def detect(runtime: onnxruntime.InferenceSession, pixels: NDArray[np.uint8]) -> Floats:
    """Boxes of one frame after per-class non-maximum suppression."""
    scores, distances = runtime.run(None, {"frame": padded(pixels)[None, None]})
    return decode(scores[0], distances[0])


# --- masks -------------------------------------------------------------------


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


def sizes_px(boxes: Floats) -> Floats:
    """Square root of every box's area."""
    return np.sqrt((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]))


OPERATING_RULE = MaskRule(OPERATING_THRESHOLDS, OPERATING_PADDINGS)


def cover_of(mask: Mask, box: Floats) -> float:
    """Share of a true box that lies under the mask."""
    x0, y0 = np.floor(box[:2]).astype(int)
    x1, y1 = np.ceil(box[2:4]).astype(int)
    return float(mask[max(y0, 0) : y1, max(x0, 0) : x1].mean())


def interval(hits: Iterable[float], totals: Iterable[float]) -> list[float]:
    """95 % interval of sum(hits) / sum(totals), resampling whole frames.

    Frames of one video are not independent, so the true interval is wider.
    """
    hit, total = np.array(list(hits), float), np.array(list(totals), float)
    rng = np.random.default_rng(0)
    picks = rng.integers(len(hit), size=(RESAMPLES, len(hit)))
    ratios = hit[picks].sum(axis=1) / np.maximum(total[picks].sum(axis=1), 1)
    return [rounded(value) for value in np.percentile(ratios, [2.5, 97.5])]


def coverage(detections: list[Floats], frames: list[Frame], rule: MaskRule, label: int = PERSON) -> Row:
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
    return {
        **rule.to_row(),
        "objects": int(objects.sum()),
        "pixels_covered": rounded(covered_pixels.sum() / max(object_pixels.sum(), 1)),
        "objects_80_covered": rounded(well.sum() / max(objects.sum(), 1)),
        "objects_80_covered_ci": interval(well, objects),
        "objects_touched": rounded(touched.sum() / max(objects.sum(), 1)),
        "objects_touched_ci": interval(touched, objects),
        "objects_untouched": int(objects.sum() - touched.sum()),
        "objects_80_covered_mirrored": rounded(by_luck.sum() / max(objects.sum(), 1)),
        "frame_masked": rounded(masked),
    }


def coverage_table(detections: list[Floats], frames: list[Frame]) -> list[Row]:
    """Person coverage for every threshold, padding and choice of masked classes."""
    return [
        coverage(detections, frames, MaskRule.single(threshold, padding, all_classes))
        for threshold in THRESHOLDS
        for padding in PADDINGS
        for all_classes in (False, True)
    ]


# --- where it is weak --------------------------------------------------------


def operating_points(detections: list[Floats], frames: list[Frame]) -> list[Row]:
    """Recall (IoU 0.3), precision and false alarms of every class at every threshold."""
    rows = []
    for label, name in enumerate(CLASSES):
        matches = match(detections, frames, label, RECALL_IOU)
        for threshold in THRESHOLDS:
            hits = matches.is_hit[matches.score >= threshold]
            rows.append(
                {
                    "class": name,
                    "threshold": threshold,
                    "objects": matches.objects,
                    "recall": rounded(hits.sum() / max(matches.objects, 1)),
                    "precision": rounded(hits.sum() / max(len(hits), 1)),
                    "false_positives_per_frame": rounded((~hits).sum() / len(frames)),
                }
            )
    return rows


def by_size(detections: list[Floats], frames: list[Frame]) -> list[Row]:
    """Recall and mask coverage by object size, at the operating point."""
    rows: list[Row] = []
    for label, name in enumerate(CLASSES):
        sizes: list[float] = []
        found: list[bool] = []
        well: list[bool] = []
        touched: list[bool] = []
        for detected, frame in zip(detections, frames, strict=True):
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


def subset(name: str, detections: list[Floats], frames: list[Frame], wanted: Callable[[Frame], bool]) -> Row:
    """The main person figures on some of the frames."""
    chosen = [i for i, frame in enumerate(frames) if wanted(frame)]
    found, some = [detections[i] for i in chosen], [frames[i] for i in chosen]
    if not some:
        return {"subset": name, "frames": 0}
    at30 = match(found, some, PERSON, RECALL_IOU)
    masked = coverage(found, some, OPERATING_RULE)
    return {
        "subset": name,
        "frames": len(some),
        "persons": at30.objects,
        "person_ap50": rounded(match(found, some, PERSON, 0.5).average_precision()),
        "person_ap30": rounded(at30.average_precision()),
        "recall_at_1_fp_per_frame": rounded(at30.recall_at(len(some))[0]),
        "recall_at_threshold": rounded(
            at30.is_hit[at30.score >= OPERATING_THRESHOLDS[PERSON]].sum() / max(at30.objects, 1)
        ),
        "objects_80_covered": masked["objects_80_covered"],
        "objects_80_covered_mirrored": masked["objects_80_covered_mirrored"],
        "objects_touched": masked["objects_touched"],
        "frame_masked": masked["frame_masked"],
    }


def subsets(detections: list[Floats], frames: list[Frame], training: list[Frame]) -> list[Row]:
    """Day and night, altitude, camera angle, and how near the next training frame is."""
    numbers = np.array(sorted(frame.number for frame in training))

    def gap(frame: Frame) -> int:
        return int(np.abs(numbers - frame.number).min())

    wanted: dict[str, Callable[[Frame], bool]] = {
        "day": lambda frame: not frame.is_night,
        "night": lambda frame: frame.is_night,
        "altitude 60-70 m": lambda frame: 60 <= frame.altitude <= 70,
        "altitude 80-90 m": lambda frame: 80 <= frame.altitude <= 90,
        "altitude 100-110 m": lambda frame: 100 <= frame.altitude <= 110,
        "altitude 120-130 m": lambda frame: 120 <= frame.altitude <= 130,
        "camera 30-60 degrees": lambda frame: frame.camera_angle <= 60,
        "camera 70-90 degrees (near straight down)": lambda frame: frame.camera_angle >= 70,
        "nearest training frame 1 away": lambda frame: gap(frame) <= 1,
        "nearest training frame 2 away": lambda frame: gap(frame) == 2,
        "nearest training frame 3-5 away": lambda frame: 3 <= gap(frame) <= 5,
        "nearest training frame over 5 away": lambda frame: gap(frame) > 5,
    }
    return [subset(name, detections, frames, test) for name, test in wanted.items()]


# --- ground resolution -------------------------------------------------------


def car_length_px(width: Floats, height: Floats) -> Floats:
    """Length in px of a turned rectangle of a car's proportions, from its upright box."""
    ratio = CAR_WIDTH_M / CAR_LENGTH_M
    long_side, short_side = np.maximum(width, height), np.minimum(width, height)
    shape = np.clip(short_side / long_side, ratio, 1.0)
    tangent = (shape - ratio) / (1 - ratio * shape)
    angle = np.arctan(tangent)
    return long_side / (np.cos(angle) + ratio * np.sin(angle))


def ground_resolution(frames: list[Frame]) -> list[Row]:
    """Metres per pixel of the straight-down frames of each altitude, from the size of cars.

    HIT-UAV gives no focal length we could check, so cars are the ruler. The
    class holds vans and trucks too; the median is robust against some of them.
    """
    rows = []
    for altitude in sorted({frame.altitude for frame in frames}):
        lengths: list[Floats] = []
        persons: list[Floats] = []
        for frame in frames:
            if frame.altitude != altitude or frame.camera_angle != 90:
                continue
            height, width = frame.pixels.shape
            x0, y0, x1, y1, label = frame.boxes.T
            people = label == PERSON
            whole = (x0 > 2) & (y0 > 2) & (x1 < width - 2) & (y1 < height - 2)
            cars = whole & (label == CLASSES.index("vehicle")) & (np.maximum(x1 - x0, y1 - y0) >= SMALLEST_CAR_PX)
            lengths.append(car_length_px((x1 - x0)[cars], (y1 - y0)[cars]))
            persons.append(sizes_px(frame.boxes[whole & people]))
        length, person = np.concatenate(lengths), np.concatenate(persons)
        coarse, middle, fine = CAR_LENGTH_M / np.percentile(length, [10, 50, 90])
        rows.append(
            {
                "altitude_m": altitude,
                "cars": len(length),
                "frames_with_cars": sum(len(part) > 0 for part in lengths),
                "metres_per_pixel": rounded(middle),
                "metres_per_pixel_p10_p90": [rounded(fine), rounded(coarse)],
                "persons": len(person),
                "person_sqrt_area_px": rounded(np.median(person)) if len(person) else None,
            }
        )
    return rows


def metres_per_pixel_per_metre(rows: list[Row]) -> float:
    """Resolution divided by altitude, the median over altitudes weighted by cars."""
    ratios = np.concatenate([np.full(row["cars"], row["metres_per_pixel"] / row["altitude_m"]) for row in rows])
    return float(np.median(ratios))


def shrunk(frame: Frame, factor: float) -> Frame:
    """The frame as a coarser sensor of the same scene would see it (but with less noise than a real one)."""
    height, width = frame.pixels.shape
    size = (round(width * factor), round(height * factor))
    pixels = cv2.resize(frame.pixels, size, interpolation=cv2.INTER_AREA)
    boxes = frame.boxes.copy()
    boxes[:, :4] *= np.array([size[0] / width, size[1] / height] * 2, np.float32)
    return Frame(frame.name, np.asarray(pixels, np.uint8), boxes)


def simulated_coarser(runtime: onnxruntime.InferenceSession, frames: list[Frame], per_metre: float) -> list[Row]:
    """Near-straight-down frames shrunk to given ground resolutions; a frame is never enlarged."""
    near_nadir = [frame for frame in frames if frame.camera_angle >= 70]
    rows = []
    for target in SIMULATED_RESOLUTIONS:
        factors = [min(per_metre * frame.altitude / target, 1.0) for frame in near_nadir]
        some = [shrunk(frame, factor) for frame, factor in zip(near_nadir, factors, strict=True)]
        found = [detect(runtime, frame.pixels) for frame in some]
        at30 = match(found, some, PERSON, RECALL_IOU)
        chosen = at30.is_hit[at30.score >= OPERATING_THRESHOLDS[PERSON]]
        sizes = np.concatenate([sizes_px(frame.boxes[frame.boxes[:, 4] == PERSON]) for frame in some])
        masked = coverage(found, some, OPERATING_RULE)
        rows.append(
            {
                "metres_per_pixel": target,
                "frames": len(some),
                "persons": at30.objects,
                "person_sqrt_area_px": rounded(np.median(sizes)),
                "person_ap30": rounded(at30.average_precision()),
                "recall_at_threshold": rounded(chosen.sum() / at30.objects),
                "false_positives_per_frame": rounded((~chosen).sum() / len(some)),
                "objects_80_covered": masked["objects_80_covered"],
                "objects_80_covered_mirrored": masked["objects_80_covered_mirrored"],
                "objects_touched": masked["objects_touched"],
                "frame_masked": masked["frame_masked"],
            }
        )
    return rows


def evaluate(options: argparse.Namespace) -> Row:
    """Every figure, in the order in which the card's readers ask for them."""
    runtime = session(options.model)
    training, frames = load_frames(options.data, "train"), load_frames(options.data, "val")
    started, cpu_started = time.monotonic(), time.process_time()
    detections = [detect(runtime, frame.pixels) for frame in frames]
    wall, cpu = time.monotonic() - started, time.process_time() - cpu_started
    resolutions = ground_resolution(training + frames)
    per_metre = metres_per_pixel_per_metre(resolutions)
    return {
        "model": options.model.name,
        "data": "HIT-UAV val.json as kept in shared/data/hit-uav",
        "frames": len(frames),
        "training_frames": len(training),
        "objects": {
            name: int(sum((frame.boxes[:, 4] == label).sum() for frame in frames)) for label, name in enumerate(CLASSES)
        },
        "runtime": f"onnxruntime {onnxruntime.__version__}, one thread",
        "wall_ms_per_frame": round(wall / len(frames) * 1000, 1),
        "cpu_ms_per_frame": round(cpu / len(frames) * 1000, 1),
        "summary": summary(detections, frames),
        "operating_points_iou30": operating_points(detections, frames),
        "person_coverage": coverage_table(detections, frames),
        "other_class_coverage": [
            {"class": CLASSES[label], **coverage(detections, frames, MaskRule.single(threshold, padding, True), label)}
            for label in range(len(CLASSES))
            if label != PERSON
            for threshold in THRESHOLDS
            for padding in PADDINGS
        ],
        "operating_point": [
            {"class": name, **coverage(detections, frames, OPERATING_RULE, label)} for label, name in enumerate(CLASSES)
        ],
        "by_size": by_size(detections, frames),
        "subsets": subsets(detections, frames, training),
        "ground_resolution_straight_down": resolutions,
        "metres_per_pixel_per_metre_of_altitude": round(per_metre, 6),
        "simulated_coarser": simulated_coarser(runtime, frames, per_metre),
    }


def main() -> None:
    here = Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description="Measures the exported model on val.json.")
    parser.add_argument("--data", type=Path, default=MODELS.parent / "../shared/data/hit-uav")
    parser.add_argument("--model", type=Path, default=MODELS / "person-vehicle-bicycle.onnx")
    parser.add_argument("--out", type=Path, default=here / "evaluation.json")
    options = parser.parse_args()
    options.out.write_text(json.dumps(evaluate(options), indent=1) + "\n")
    print(f"wrote {options.out}")


if __name__ == "__main__":
    main()
