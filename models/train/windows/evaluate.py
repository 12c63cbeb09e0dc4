"""Measures the window network on hand-labelled thermal facades: `windows/evaluation.json`.

Two buildings, so every figure is a count with a Wilson interval, per building.
The threshold was chosen on these same frames, for at most two false alarms a frame
on both buildings together: the figures are a development set's, not a test's. Frames
without windows say how much is masked for nothing.
"""

from __future__ import annotations

import argparse
import json
import math
import struct
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from boxes import Floats, decode, iou, non_maximum_suppression, share_inside
from dataset import load_frames, padded, stretched
from export import MODELS, session
from network import SIZE_MULTIPLE

HERE = Path(__file__).resolve().parent
SCALES = (1.0, 0.5, 0.25)
THRESHOLDS = (0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5)
THRESHOLD = 0.3
PADDING, PADDING_PX = 0.1, 4.0
RECALL_IOU = 0.3
WELL_COVERED = 0.8
PART_SHARE = 0.5
"""A find that matches no window but lies to this share in one is a part of it (a pane), and no false alarm."""

Row = dict[str, Any]


def strips(tiff: bytes) -> NDArray[np.uint16]:
    """A 16-bit grey, uncompressed TIFF: WIRIS files lack the tag that image libraries insist on."""
    order = "<" if tiff[:2] == b"II" else ">"
    (at,) = struct.unpack_from(order + "I", tiff, 4)
    (count,) = struct.unpack_from(order + "H", tiff, at)
    tags: dict[int, list[int]] = {}
    for i in range(count):
        tag, kind, number, value = struct.unpack_from(order + "HHII", tiff, at + 2 + 12 * i)
        size = {3: 2, 4: 4}.get(kind)
        if size is None:
            continue
        place = at + 2 + 12 * i + 8 if number * size <= 4 else value
        tags[tag] = list(struct.unpack_from(f"{order}{number}{'H' if size == 2 else 'I'}", tiff, place))
    if tags[258] != [16] or tags.get(259, [1]) != [1]:
        raise ValueError("not an uncompressed 16-bit TIFF")
    data = b"".join(tiff[start : start + size] for start, size in zip(tags[273], tags[279], strict=True))
    return np.frombuffer(data, order + "u2").reshape(tags[257][0], tags[256][0])


def picture(path: Path) -> Floats:
    """A frame as heatveil hands it to a network: grey, 0 to 255."""
    if path.suffix == ".tiff":
        samples = strips(path.read_bytes()).astype(np.float32)
    else:
        read = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if read is None:
            raise FileNotFoundError(f"cannot read {path}")
        samples = read.astype(np.float32)
    return stretched(samples)


def detect(runtime: onnxruntime.InferenceSession, grey: Floats) -> Floats:
    """Windows at all scales, after suppression across them."""
    height, width = grey.shape
    found = []
    for scale in SCALES:
        size = (round(width * scale), round(height * scale))
        small = grey if scale == 1 else cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
        scores, distances = runtime.run(None, {"frame": padded(small, SIZE_MULTIPLE)[None, None]})
        boxes = decode(scores[0], distances[0], suppress=False)
        boxes[:, :4] *= np.array([width / size[0], height / size[1]] * 2, np.float32)
        found.append(boxes)
    every = np.concatenate(found)
    every[:, [0, 2]] = every[:, [0, 2]].clip(0, width)
    every[:, [1, 3]] = every[:, [1, 3]].clip(0, height)
    return non_maximum_suppression(every)


def wilson(hits: int, total: int) -> list[float]:
    """95 % interval of a share (Wilson 1927)."""
    if not total:
        return [0.0, 1.0]
    z, share = 1.96, hits / total
    centre = share + z * z / (2 * total)
    spread = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    return [round((centre + sign * spread) / (1 + z * z / total), 3) for sign in (-1, 1)]


def mask_of(found: Floats, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """The mask that the card's padding makes of boxes."""
    mask = np.zeros(shape, bool)
    for x0, y0, x1, y1 in found[:, :4]:
        dx, dy = max((x1 - x0) * PADDING, PADDING_PX), max((y1 - y0) * PADDING, PADDING_PX)
        mask[max(int(y0 - dy), 0) : math.ceil(y1 + dy), max(int(x0 - dx), 0) : math.ceil(x1 + dx)] = True
    return mask


def judge(detections: dict[str, Floats], labels: Row, building: str, threshold: float) -> Row:
    """Counts of one building at a threshold."""
    frames = windows = hits = parts = false = covered = 0
    wall_masked = wall = 0.0
    for image in labels["images"]:
        if not image["file_name"].startswith(building):
            continue
        frames += 1
        boxes = [a for a in labels["annotations"] if a["image_id"] == image["id"]]
        corner = lambda a: [a["bbox"][0], a["bbox"][1], a["bbox"][0] + a["bbox"][2], a["bbox"][1] + a["bbox"][3]]  # noqa: E731
        truth = np.array([corner(a) for a in boxes if a["category_id"] == 0], np.float32).reshape(-1, 4)
        ignored = np.array([corner(a) for a in boxes if a["category_id"] != 0], np.float32).reshape(-1, 4)
        found = detections[image["file_name"]]
        found = found[found[:, 4] >= threshold]
        free = np.ones(len(truth), bool)
        for box in found[np.argsort(-found[:, 4])]:
            overlaps = iou(box[None], truth)[0] * free if len(truth) else np.zeros(0)
            if len(truth) and overlaps.max() >= RECALL_IOU:
                free[overlaps.argmax()] = False
                hits += 1
            elif not (len(ignored) and iou(box[None], ignored)[0].max() > 0):
                inside = len(truth) and share_inside(box[None], truth)[0].max() >= PART_SHARE
                parts += bool(inside)
                false += not inside
        windows += len(truth)
        mask = mask_of(found, (image["height"], image["width"]))
        known = np.zeros_like(mask)
        for x0, y0, x1, y1 in np.concatenate([truth, ignored]).astype(int):
            known[y0:y1, x0:x1] = True
        covered += sum(bool(mask[int(y0) : int(y1), int(x0) : int(x1)].mean() >= WELL_COVERED) for x0, y0, x1, y1 in truth)
        wall_masked += float((mask & ~known).sum())
        wall += float((~known).sum())
    return {
        "building": building or "both",
        "threshold": threshold,
        "frames": frames,
        "windows": windows,
        "found": hits,
        "recall": round(hits / windows, 3),
        "recall_ci": wilson(hits, windows),
        "covered_80": covered,
        "covered_80_ci": wilson(covered, windows),
        "false_positives_per_frame": round(false / frames, 2),
        "parts_of_windows_per_frame": round(parts / frames, 2),
        "wall_masked": round(wall_masked / wall, 4),
    }


def evaluate(options: argparse.Namespace) -> Row:
    runtime = session(options.model)
    labels = json.loads((HERE / "labels.json").read_text())
    detections = {
        image["file_name"]: detect(runtime, picture(options.facades / image["file_name"])) for image in labels["images"]
    }
    nadir = [frame for frame in load_frames(options.data, "val") if frame.camera_angle >= 70][::4]
    empty = [detect(runtime, frame.pixels.astype(np.float32)) for frame in nadir]
    return {
        "model": options.model.name,
        "scales": list(SCALES),
        "labels": labels["info"],
        "buildings": [
            judge(detections, labels, building, threshold)
            for building in ("wiris", "m2ed", "")
            for threshold in THRESHOLDS
        ],
        "without_windows": [
            {
                "set": "HIT-UAV val.json, camera 70 to 90 degrees, every fourth frame",
                "threshold": threshold,
                "frames": len(nadir),
                "finds_per_frame": round(float(np.mean([(found[:, 4] >= threshold).sum() for found in empty])), 2),
                "masked": round(
                    float(np.mean([mask_of(found[found[:, 4] >= threshold], (512, 640)).mean() for found in empty])), 4
                ),
            }
            for threshold in THRESHOLDS
        ],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Measures the window network on hand-labelled facades.")
    shared = MODELS.parent / "../shared/data"
    parser.add_argument("--data", type=Path, default=shared / "hit-uav")
    parser.add_argument("--facades", type=Path, default=shared / "facades")
    parser.add_argument("--model", type=Path, default=MODELS / "window.onnx")
    parser.add_argument("--out", type=Path, default=HERE / "evaluation.json")
    options = parser.parse_args()
    options.out.write_text(json.dumps(evaluate(options), indent=1) + "\n")
    print(f"wrote {options.out}")


if __name__ == "__main__":
    main()
