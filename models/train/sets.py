"""Writes what `heatveil eval` needs to judge a set: its labels, its scenes and, for a fold, a card for its network.

Scenes are cut from all frames together, so that the intervals of every set resample the same units.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
from pathlib import Path

from dataset import load_frames
from export import MODELS
from scenes import folds, scene_names


def main() -> None:
    parser = argparse.ArgumentParser(description="Writes labels, scenes and a card for one set.")
    parser.add_argument("--data", type=Path, default=MODELS.parent / "../shared/data/hit-uav")
    parser.add_argument("--fold", type=int, help="this fold of scenes instead of val.json")
    parser.add_argument("--time", choices=("day", "night"), help="only these frames")
    parser.add_argument("--model", type=Path, help="the fold's network, ONNX")
    parser.add_argument("--out", type=Path, required=True, help="folder for labels.json, scenes.json, card.toml")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)

    everything = load_frames(options.data, "train") + load_frames(options.data, "val")
    frames = load_frames(options.data, "val") if options.fold is None else folds(everything)[options.fold]
    wanted = {frame.name for frame in frames if options.time in (None, "night" if frame.is_night else "day")}
    images, annotations, categories = [], [], []
    for part in ("train", "val"):
        coco = json.loads((options.data / f"{part}.json").read_text())
        chosen = {image["id"] for image in coco["images"] if image["file_name"] in wanted}
        images += [image for image in coco["images"] if image["id"] in chosen]
        annotations += [annotation for annotation in coco["annotations"] if annotation["image_id"] in chosen]
        categories = coco["categories"]
    for number, annotation in enumerate(annotations):
        annotation["id"] = number
    labels = {"images": images, "annotations": annotations, "categories": categories}
    (options.out / "labels.json").write_text(json.dumps(labels))
    scenes = {name: scene for name, scene in scene_names(everything).items() if name in wanted}
    (options.out / "scenes.json").write_text(json.dumps(scenes))

    if options.model:
        write_card(options.model, options.out)
    print(f"wrote {options.out}: {len(images)} frames, {len(set(scenes.values()))} scenes")


def write_card(network: Path, folder: Path) -> None:
    """The released card, with another network's file."""
    model = folder / "fold.onnx"
    if network.resolve() != model.resolve():
        shutil.copyfile(network, model)
    digest = hashlib.sha256(model.read_bytes()).hexdigest()
    files = f'[files]\ndefault = "fp32"\nfp32 = {{ file = "{model.name}", sha256 = "{digest}" }}\n\n'
    card = (MODELS / "person-vehicle-bicycle.toml").read_text()
    (folder / "card.toml").write_text(re.sub(r"\[files\]\n.*?\n\n", files, card, flags=re.DOTALL))


if __name__ == "__main__":
    main()
