"""Writes what `heatveil eval` needs to judge a fold: its labels, its scenes, and a card for its network."""

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
    parser = argparse.ArgumentParser(description="Writes labels, scenes and a card for one fold.")
    parser.add_argument("--data", type=Path, default=MODELS.parent / "../shared/data/hit-uav")
    parser.add_argument("--fold", type=int, required=True)
    parser.add_argument("--model", type=Path, required=True, help="the fold's network, ONNX")
    parser.add_argument("--out", type=Path, required=True, help="folder for labels.json, scenes.json, card.toml")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)

    everything = load_frames(options.data, "train") + load_frames(options.data, "val")
    wanted = {frame.name for frame in folds(everything)[options.fold]}
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

    model = options.out / "fold.onnx"
    if options.model.resolve() != model.resolve():
        shutil.copyfile(options.model, model)
    digest = hashlib.sha256(model.read_bytes()).hexdigest()
    files = f'[files]\ndefault = "fp32"\nfp32 = {{ file = "{model.name}", sha256 = "{digest}" }}\n\n'
    card = (MODELS / "person-vehicle-bicycle.toml").read_text()
    (options.out / "card.toml").write_text(re.sub(r"\[files\]\n.*?\n\n", files, card, flags=re.DOTALL))
    print(f"wrote {options.out}: {len(images)} frames, {len(set(scenes.values()))} scenes")


if __name__ == "__main__":
    main()
