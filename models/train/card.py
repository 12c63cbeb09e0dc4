"""Writes the model card from the evaluation, so that no figure is typed by hand.

What a person decides (operating point, envelope, limits) stands here as plain
constants; everything measured is read from `evaluation.json` and the learning curves.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tomllib
from pathlib import Path
from typing import Any

from evaluate import OPERATING_PADDINGS, OPERATING_THRESHOLDS
from export import MODELS
from masks import MIN_PADDING_PX
from network import CLASSES, SIZE_MULTIPLE, STRIDE

NAME = "person-vehicle-bicycle"
VERSION = "0.2.0"
ALARM = 0.34  # about 2 false persons a frame on the evaluation frames

# Straight-down frames of HIT-UAV show about 0.03 to 0.07 m/px (`ground_resolution_straight_down`); to 0.08 the
# shrunk frames still hold (`simulated_coarser`), beyond it persons get lost quickly.
ENVELOPE = {
    "min_ground_resolution_m": 0.03,
    "max_ground_resolution_m": 0.08,
    "min_width": 320,
    "min_height": 256,
    "min_celsius": -40.0,
    "max_celsius": 150.0,
}
SMALLEST_OBJECT_PX = 8.0
KNOWN = [
    "on scenes it never saw, by day most of all, far more persons are missed: expect evaluation.scene_disjoint on a new place",
    "people as warm as sunlit ground, on courts and squares, are the worst covered (train/gallery.py)",
    "persons of 8 to 12 px (square root of the box area) are found less than larger ones; under 8 px there are too few to say anything",
    "bicycles are the weakest class, small ones most of all",
    "at the card's thresholds most detections are false alarms: the price of recall, paid in masked ground",
    "thresholds and padding were chosen on the frames of the leaky view",
    "one data set: one region, one camera type, 8-bit pictures after the camera's own gain control",
    "unlabelled people count as false alarms; a person whom the annotators missed is in no figure",
    "resolutions from 0.07 to 0.08 m/px are covered by shrunk frames only, which have less noise than a real sensor's",
]
UNTESTED = [
    "radiometric frames with people in them",
    "other thermal cameras, lenses and resolutions",
    "animals",
    "crowds, people lying down, under trees or behind glass",
    "people on roofs, scaffolding and balconies",
    "snow, rain, fog",
    "ground as warm as skin",
    "temperatures: the pictures hold none, so the range in [envelope] is a plausibility check, not a measured limit",
]


def value(item: Any) -> str:  # noqa: ANN401 - TOML values are of any type
    """One TOML value; JSON's strings, numbers, booleans and arrays are valid TOML."""
    if isinstance(item, dict):
        return "{ " + ", ".join(f"{key} = {value(entry)}" for key, entry in item.items() if entry is not None) + " }"
    if isinstance(item, list):
        return "[" + ", ".join(value(entry) for entry in item) + "]"
    return json.dumps(item, ensure_ascii=False)


def table(name: str, entries: dict[str, Any]) -> str:
    """A TOML table; an entry that is a list of rows goes one row to a line."""
    lines = [f"[{name}]"]
    for key, item in entries.items():
        if isinstance(item, list) and item and isinstance(item[0], dict | str):
            lines += [f"{key} = [", *(f"  {value(entry)}," for entry in item), "]"]
        else:
            lines.append(f"{key} = {value(item)}")
    return "\n".join(lines)


def operating_rows(figures: dict[str, Any]) -> list[dict[str, Any]]:
    """Per class at the card's operating point: what is found, and what the mask covers."""
    kept = (
        "class",
        "objects",
        "recall",
        "precision",
        "false_positives_per_frame",
        "pixels_covered",
        "objects_80_covered",
        "objects_80_covered_ci",
        "objects_80_covered_mirrored",
        "objects_touched",
    )
    return [{key: row[key] for key in kept} for row in figures["operating_point"]]


def view(figures: dict[str, Any]) -> dict[str, Any]:
    """The figures of one view, leaky or scene-disjoint."""
    summary = figures["summary"]
    return {
        "frames": figures["frames"],
        "scenes": figures["scenes"],
        **{key: summary[key] for key in summary if key.endswith(("ap50", "ap30"))},
        "frame_masked": figures["operating_point"][0]["frame_masked"],
        "frame_masked_for_persons": figures["frame_masked_for_persons"],
        "person_recall_iou30": summary["person_recall_iou30"],
        "operating_point": operating_rows(figures),
        "by_size": figures["by_size"],
        "subsets": figures["subsets"],
    }


def file_entry(path: Path) -> dict[str, str]:
    """A model file as the card names it."""
    return {"file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def file_entries(models: Path, name: str) -> dict[str, Any]:
    """The files of a network, int8 by default."""
    kinds = {"fp32": "onnx", "int8": "int8.onnx"}
    return {"default": "int8", **{kind: file_entry(models / f"{name}.{ending}") for kind, ending in kinds.items()}}


def tensors(classes: int, more_input: str = "") -> list[str]:
    """The tables on the network's input and output."""
    return [
        f'[input]\ntensor = "frame"  # [N, 1, H, W] float32; N = 1 in the int8 file\nmultiple_of = {SIZE_MULTIPLE}\n'
        f'scale = "grey-255"  # p0.1..p99.9 of the frame stretched to 0..255{more_input}',
        f'[output]\nscores = "scores"  # [N, {classes}, H/{STRIDE}, W/{STRIDE}], 3x3 local maxima, all else 0\n'
        f'distances = "distances"  # px from the cell centre to left, top, right, bottom\nstride = {STRIDE}',
    ]


def card(evaluation: dict[str, Any], curves: list[list[dict[str, Any]]], models: Path, date: str, seed: int) -> str:
    """The text of the card."""
    classes = [
        "\n".join(
            [
                "[[class]]",
                f'name = "{name}"',
                f"threshold = {threshold}",
                f"alarm = {ALARM}  # a find this sure that the grown mask does not hide withholds the frame",
                f"padding = {padding}  # share of the box's own size added on each side",
                f"padding_px = {MIN_PADDING_PX}  # at least this many pixels on each side",
            ]
        )
        for name, threshold, padding in zip(CLASSES, OPERATING_THRESHOLDS, OPERATING_PADDINGS, strict=True)
    ]
    head = {"schema": 2, "name": NAME, "version": VERSION, "licence": "MIT OR Apache-2.0"}
    training = {
        "data": (
            f"HIT-UAV train.json, {evaluation['training_frames']} thermal frames of 640x512, 8-bit grey, and "
            "160 frames of heatveil simulate (8 % of the crops of the second stage)"
        ),
        "data_licence": "CC BY 4.0",
        "attribution": (
            "HIT-UAV: Suo et al., HIT-UAV: a high-altitude infrared thermal dataset for unmanned aerial "
            "vehicle-based object detection, Scientific Data 10:227 (2023)"
        ),
        "script": "models/train/reproduce.sh",
        "seed": seed,
        "crops": sum(curve[-1]["crops"] for curve in curves),
        "cpu_seconds": sum(curve[-1]["cpu_seconds"] for curve in curves),
        "date": date,
        "initial_weights": "random; nothing pretrained",
    }
    figures = {
        "data": evaluation["data"],
        "runtime": evaluation["runtime"],
        "smallest_object_px": SMALLEST_OBJECT_PX,
        "details": "models/train/evaluation.json",
        "ground_resolution_straight_down": evaluation["ground_resolution_straight_down"],
        "simulated_coarser": evaluation["simulated_coarser"],
    }
    disjoint = {
        "what": "networks of the same recipe, each on scenes that it never saw, pooled: expect this on a new place",
        **view(evaluation["scene_disjoint"]),
        "folds": evaluation["scene_disjoint"]["folds"],
    }
    leaky = {
        "what": "the released weights on val.json, a random split over video frames: near-twins in training flatter it",
        **view(evaluation["leaky"]),
        "leak": evaluation["leaky"]["leak"],
    }
    int8 = evaluation["compared"]
    precision = {
        "what": "int8 (evaluated above) beside fp32, same frames, ONNX Runtime, one thread",
        "int8_cpu_ms_per_frame": evaluation["cpu_ms_per_frame"],
        "fp32_cpu_ms_per_frame": int8["cpu_ms_per_frame"],
        "int8_person_recall": evaluation["leaky"]["operating_point"][0]["recall"],
        "fp32_person_recall": int8["operating_point"][0]["recall"],
        "int8_person_ap50": evaluation["leaky"]["summary"]["person_ap50"],
        "fp32_person_ap50": int8["summary"]["person_ap50"],
    }
    parts = [
        "# Model card. Written by models/train/card.py from the evaluation: do not edit by hand.",
        "\n".join(f"{key} = {value(item)}" for key, item in head.items()),
        table("files", file_entries(models, NAME)),
        *tensors(len(CLASSES)),
        *classes,
        table("envelope", ENVELOPE),
        table("training", training),
        table("evaluation", figures),
        table("evaluation.scene_disjoint", disjoint),
        table("evaluation.leaky", leaky),
        table("evaluation.precision", precision),
        table("limits", {"known": KNOWN, "untested": UNTESTED}),
    ]
    return "\n\n".join(parts) + "\n"


def main() -> None:
    here = Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description="Writes the model card from the evaluation.")
    parser.add_argument("--date", required=True, help="day of training, YYYY-MM-DD")
    parser.add_argument("--seed", type=int, default=1, help="the seed the run used")
    options = parser.parse_args()
    evaluation = json.loads((here / "evaluation.json").read_text())
    curves = [json.loads((here / name).read_text()) for name in ("curve-plain.json", "curve-strong.json")]
    text = card(evaluation, curves, MODELS, options.date, options.seed)
    tomllib.loads(text)
    (MODELS / f"{NAME}.toml").write_text(text)
    print(f"wrote {MODELS / f'{NAME}.toml'}")


if __name__ == "__main__":
    main()
