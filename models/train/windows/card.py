"""Writes the window network's card from its evaluation: `models/window.toml`."""

from __future__ import annotations

import argparse
import json
import tomllib
from pathlib import Path
from typing import Any

from card import file_entries, table, tensors, value
from export import MODELS
from windows.evaluate import HERE, PADDING, PADDING_PX, SCALES, THRESHOLD

NAME = "window"
VERSION = "0.1.0"
ALARM = 1.0
"""Never reached: windows found again grow the mask, but do not withhold a frame."""
ENVELOPE = {
    "beyond": "skip",
    "min_ground_resolution_m": 0.0,
    "max_ground_resolution_m": 0.08,
    "min_width": 160,
    "min_height": 120,
    "min_celsius": -40.0,
    "max_celsius": 150.0,
}
KNOWN = [
    "two labelled buildings: every figure is a count, and its interval is wide",
    "labels drawn by an AI assistant by eye, one pass, reviewed by nobody else",
    "glass as bright as the wall, of which only a frame shows, is missed most",
    "false windows: lamps, doors, vents, gutters, shrubs, cars and road markings",
    "boxes are upright: an oblique window takes some wall with it",
    "a bay window may be found as one or as several windows",
]
UNTESTED = [
    "rooflights seen from above: no real frame with known rooflights exists here, only simulated ones",
    "other buildings, cameras, seasons, daytime sun on glass",
    "people behind or in open windows",
]


def at_threshold(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in rows if row["threshold"] == THRESHOLD]


def card(evaluation: dict[str, Any], fp32: dict[str, Any], curve: list[dict[str, Any]], date: str) -> str:
    """The text of the card; `evaluation` is of the int8 file."""
    head = {"schema": 2, "name": NAME, "version": VERSION, "licence": "MIT OR Apache-2.0"}
    training = {
        "data": (
            "pseudo-thermal pictures only: 258 visible-light facades repainted with invented temperatures, procedural "
            "walls and roofs, 160 frames of heatveil simulate; HIT-UAV train.json as frames without windows"
        ),
        "data_licence": "CC BY 4.0 (building-facade-segmentation-instance; HIT-UAV)",
        "script": "models/train/windows/reproduce.sh",
        "seed": 1,
        "crops": curve[-1]["crops"],
        "cpu_seconds": curve[-1]["cpu_seconds"],
        "date": date,
        "initial_weights": "random; nothing pretrained",
    }
    figures = {
        "what": "int8, hand-labelled thermal frames of two buildings; no real window was trained on",
        "labels": "models/train/windows/labels.json",
        "details": "models/train/windows/evaluation.json",
        "buildings": at_threshold(evaluation["buildings"]),
        "buildings_fp32": at_threshold(fp32["buildings"]),
        "without_windows": at_threshold(evaluation["without_windows"]),
    }
    window = {
        "name": NAME,
        "threshold": THRESHOLD,
        "alarm": ALARM,
        "padding": PADDING,
        "padding_px": PADDING_PX,
    }
    parts = [
        "# Model card. Written by models/train/windows/card.py from the evaluation: do not edit by hand.",
        "\n".join(f"{key} = {value(item)}" for key, item in head.items()),
        table("files", file_entries(MODELS, NAME)),
        *tensors(1, f"\nscales = {list(SCALES)}  # large windows are found in the smaller pictures"),
        "[[class]]\n" + "\n".join(f"{key} = {value(item)}" for key, item in window.items()),
        table("envelope", ENVELOPE),
        table("training", training),
        table("evaluation", figures),
        table("limits", {"known": KNOWN, "untested": UNTESTED}),
    ]
    return "\n\n".join(parts) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="Writes the window network's card.")
    parser.add_argument("--date", required=True, help="day of training, YYYY-MM-DD")
    options = parser.parse_args()
    read = lambda name: json.loads((HERE / name).read_text())  # noqa: E731
    text = card(read("evaluation.json"), read("evaluation-fp32.json"), read("curve.json"), options.date)
    tomllib.loads(text)
    (MODELS / f"{NAME}.toml").write_text(text)
    print(f"wrote {MODELS / f'{NAME}.toml'}")


if __name__ == "__main__":
    main()
