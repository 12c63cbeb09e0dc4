"""Quantises an exported network to int8: static QDQ, u8 activations, s8 weights per output channel.

The ranges of the activations come from training frames, never from validation
frames. Normalisation before the first convolution and everything after the
last one (sigmoid, exponential, peaks) stay in float32, so scores and distances
keep their resolution.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from dataset import Floats, Frame, load_frames, stretched
from export import MODELS
from windows.crops import WindowCrops
from windows.render import load_facades

CALIBRATION_FRAMES = 96
QUANTISED = ["Conv", "Add", "Relu", "Resize"]
REPOSITORY = Path(__file__).resolve().parents[2]


class Frames(CalibrationDataReader):
    """Hands frames to the calibration one by one."""

    def __init__(self, pictures: Iterator[Floats]) -> None:
        self.pictures = pictures

    def get_next(self) -> dict[str, Floats] | None:
        picture = next(self.pictures, None)
        return None if picture is None else {"frame": picture[None, None]}


def chosen(frames: list[Frame], count: int) -> Iterator[Floats]:
    """Every n-th frame by running number: all scenes, day and night."""
    ordered = sorted(frames, key=lambda frame: (frame.number, frame.name))
    step = max(len(ordered) // count, 1)
    return (frame.pixels.astype(np.float32) for frame in ordered[::step])


def rendered(facades: Path, frames: list[Frame], count: int) -> Iterator[Floats]:
    """Training crops of the window network, as grey pictures. Their seed is none that trained."""
    source = WindowCrops(load_facades(facades), frames, (), seed=0)
    for index in range(count):
        yield stretched(source.crop(index).image.numpy()[0])


def quantise(source: Path, target: Path, pictures: Iterator[Floats]) -> None:
    """Writes the int8 network; an existing file is replaced only by a whole one."""
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        prepared, partial = Path(folder) / "prepared.onnx", Path(folder) / target.name
        quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
        quantize_static(
            str(prepared),
            str(partial),
            Frames(pictures),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=QUANTISED,
        )
        partial.replace(target)
    digest = hashlib.sha256(target.read_bytes()).hexdigest()
    print(f"{target}: {target.stat().st_size} bytes, sha256 {digest}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Quantises an exported network to int8.")
    parser.add_argument("--data", type=Path, default=REPOSITORY / "../shared/data/hit-uav")
    parser.add_argument("--network", choices=("people", "windows"), default="people")
    parser.add_argument("--facades", type=Path, default=REPOSITORY / "../shared/data/facades", help="for windows")
    parser.add_argument("--model", type=Path, default=MODELS / "person-vehicle-bicycle.onnx")
    parser.add_argument("--out", type=Path, help="default: the model's name with .int8.onnx")
    options = parser.parse_args()
    logging.getLogger().setLevel(logging.ERROR)
    target = options.out or options.model.with_suffix(".int8.onnx")
    frames = load_frames(options.data, "train")
    people = options.network == "people"
    pictures = chosen(frames, CALIBRATION_FRAMES) if people else rendered(options.facades, frames, 2 * CALIBRATION_FRAMES)
    quantise(options.model, target, pictures)


if __name__ == "__main__":
    main()
