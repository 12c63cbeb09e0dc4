"""Exports trained weights to one ONNX file for any number of frames of one size.

Input  `frame`     [N, 1, H, W] float32, grey scale 0..255, H and W multiples of 32.
Output `scores`    [N, classes, H/4, W/4] in the order of the network's classes; 3x3 local maxima, all else 0.
Output `distances` [N, 4, H/4, W/4] px from the cell centre ((x + 0.5) * 4, (y + 0.5) * 4)
                   to the left, top, right and bottom side of the box.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from dataset import Floats
from network import SHAPES, STRIDE, ConvNorm, Detector

MODELS = Path(__file__).resolve().parents[1]
OPSET = 17
CHECKED_SIZES = ((640, 512), (1280, 1024), (320, 256))
"""Width and height of the frames on which ONNX Runtime must agree with torch."""
MAX_SCORE_DIFFERENCE = 1e-3
MAX_DISTANCE_DIFFERENCE = 0.05


def fused(module: nn.Module) -> None:
    """Folds every batch normalisation into the convolution before it."""
    for name, child in module.named_children():
        if isinstance(child, ConvNorm):
            convolution = fuse_conv_bn_eval(child[0], child[1])
            setattr(module, name, nn.Sequential(convolution, child[2]))
        else:
            fused(child)


def single_stem(convolution: nn.Conv2d) -> nn.Conv2d:
    """Space-to-depth and a 3x3 stride-2 convolution are one 6x6 stride-4 convolution.

    Channel 2i + j of the space-to-depth picture is the pixel (i, j) of each
    2x2 block, so its tap (r, c) falls on the tap (2r + i, 2c + j).
    """
    outputs = convolution.out_channels
    whole = nn.Conv2d(1, outputs, kernel_size=6, stride=4, padding=2)
    taps = convolution.weight.detach().reshape(outputs, 2, 2, 3, 3)  # o, i, j, r, c
    assert convolution.bias is not None and whole.bias is not None
    with torch.no_grad():
        whole.weight.copy_(taps.permute(0, 3, 1, 4, 2).reshape(outputs, 1, 6, 6))
        whole.bias.copy_(convolution.bias)
    return whole


class FusedDetector(Detector):
    """The same function as a trained `Detector`, in fewer operators."""

    def __init__(self, trained: Detector) -> None:
        super().__init__(trained.shape)
        self.load_state_dict(trained.state_dict())
        fused(self.eval())
        convolution, relu = self.stem
        self.single_stem = nn.Sequential(single_stem(convolution), relu)

    def first_layer(self, frame: Tensor) -> Tensor:
        return self.single_stem(frame)


class Exported(nn.Module):
    """The fused network with normalisation before it and peak finding after it."""

    def __init__(self, network: Detector) -> None:
        super().__init__()
        self.network = FusedDetector(network)

    def forward(self, frame: Tensor) -> tuple[Tensor, Tensor]:
        centred = frame - frame.mean((2, 3), keepdim=True)
        deviation = (centred * centred).mean((2, 3), keepdim=True).sqrt() + 1.0
        logits, log_distances = self.network(centred / deviation)
        scores = logits.sigmoid()
        is_peak = scores >= F.max_pool2d(scores, 3, 1, 1)
        return scores * is_peak.float(), log_distances.exp()


def session(path: Path) -> onnxruntime.InferenceSession:
    """ONNX Runtime on one thread, as heatveil runs it."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def example(width: int, height: int) -> Floats:
    """A smooth random field with small hot and cold spots: something to fire on."""
    rng = np.random.default_rng([width, height])
    coarse = torch.from_numpy(rng.uniform(60, 120, (1, 1, height // 32, width // 32)).astype(np.float32))
    field = F.interpolate(coarse, size=(height, width), mode="bilinear").numpy().copy()
    for _ in range(width * height // 8000):
        x, y = int(rng.integers(width - 12)), int(rng.integers(height - 12))
        field[0, 0, y : y + int(rng.integers(4, 12)), x : x + int(rng.integers(4, 12))] += rng.uniform(-50, 110)
    return np.clip(field + rng.normal(0, 2, field.shape), 0, 255).astype(np.float32)


def check(path: Path, network: Detector) -> None:
    """Compares ONNX Runtime with the plain, unfused torch network; raises where they differ."""
    runtime = session(path)
    for width, height in CHECKED_SIZES:
        frame = example(width, height)
        scores, distances = runtime.run(None, {"frame": frame})
        assert scores.shape == (1, len(network.shape.classes), height // STRIDE, width // STRIDE), scores.shape
        assert distances.shape == (1, 4, height // STRIDE, width // STRIDE), distances.shape
        with torch.no_grad():
            image = torch.from_numpy((frame - frame.mean()) / (frame.std() + 1.0))
            logits, log_distances = network.eval()(image)
        dense = logits.sigmoid().numpy()
        peak = scores > 0
        score_difference = float(np.abs(dense - scores)[peak].max())
        at_peaks = (peak & (scores > 0.02)).any(axis=1, keepdims=True).repeat(4, axis=1)
        true_distances = log_distances.exp().numpy()
        distance_difference = float(np.abs(true_distances - distances)[at_peaks].max(initial=0.0))
        print(
            f"{width}x{height}: {int((scores > 0.02).sum())} peaks over 0.02, largest difference from torch: "
            f"score {score_difference:.1e}, distance {distance_difference:.1e} px"
        )
        if score_difference > MAX_SCORE_DIFFERENCE or distance_difference > MAX_DISTANCE_DIFFERENCE:
            raise SystemExit(f"{path}: ONNX Runtime and torch disagree at {width}x{height}")


def export(network: Detector, path: Path) -> None:
    """Writes and checks the file; an existing one is replaced only by a checked one."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        partial = Path(folder) / path.name
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            torch.onnx.export(
                Exported(network).eval(),
                (torch.from_numpy(example(640, 512)),),
                str(partial),
                input_names=["frame"],
                output_names=["scores", "distances"],
                dynamic_axes={
                    "frame": {0: "N", 2: "H", 3: "W"},
                    "scores": {0: "N", 2: "H/4", 3: "W/4"},
                    "distances": {0: "N", 2: "H/4", 3: "W/4"},
                },
                opset_version=OPSET,
                dynamo=False,
            )
        onnx.checker.check_model(onnx.load(partial), full_check=True)
        check(partial, network)
        partial.replace(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    print(f"{path}: {path.stat().st_size} bytes, sha256 {digest}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Exports trained weights to ONNX.")
    parser.add_argument("--weights", type=Path, default=MODELS.parent / ".venv-train/run/ema.pt")
    parser.add_argument("--untrained", action="store_true", help="random weights, same interface: for building against")
    parser.add_argument("--network", choices=SHAPES, default="people")
    parser.add_argument("--out", type=Path, default=MODELS / "person-vehicle-bicycle.onnx")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = Detector(SHAPES[options.network])
    if not options.untrained:
        network.load_state_dict(torch.load(options.weights, map_location="cpu", weights_only=True))
    export(network, options.out)


if __name__ == "__main__":
    main()
