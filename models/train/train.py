"""Trains the person / vehicle / bicycle detector on HIT-UAV's train.json.

The run is a fixed number of crops with a cosine schedule over steps, never
over wall time, so the same seed gives the same run on the same machine type.
It writes `checkpoint.pt` (to resume), `ema.pt` (the weights to export) and
`curve.json` into `--out`.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader

from boxes import Floats, decode
from crops import RECIPES, Crops, Numbered, Sample, Source
from dataset import Frame, load_frames, normalisation
from metrics import summary
from network import SHAPES, Detector
from scenes import folds, sessions
from simulated import PEOPLE as PEOPLE_CATEGORIES
from simulated import WINDOWS as WINDOW_CATEGORIES
from simulated import load_simulated
from windows.crops import WindowCrops
from windows.render import load_facades

REPOSITORY = Path(__file__).resolve().parents[2]
WARM_UP_STEPS = 150
FINAL_LEARNING_RATE = 0.02
"""Share of the peak learning rate that the cosine ends on."""
WEIGHT_DECAY = 0.02
MAX_GRADIENT_NORM = 8.0
EMA_DECAY = 0.998
BOX_LOSS_WEIGHT = 2.0
CHECKPOINT_STEPS = 250


def heat_loss(logits: Tensor, sample: Sample) -> Tensor:
    """Penalty-reduced focal loss (CenterNet), per object."""
    logits = logits.float()
    score = logits.sigmoid().clamp(1e-4, 1 - 1e-4)
    centre = (sample.heat == 1).float()
    at_centres = -((1 - score) ** 2 * F.logsigmoid(logits) * centre).sum()
    elsewhere = -((1 - sample.heat) ** 4 * score**2 * F.logsigmoid(-logits) * (1 - centre) * sample.heat_weight).sum()
    return (at_centres + elsewhere) / sample.objects.sum().clamp(min=1)


def box_loss(log_distances: Tensor, sample: Sample) -> Tensor:
    """Generalised IoU loss between boxes that share a cell centre, weighted per cell."""
    found = log_distances.float().clamp(-3, 6).exp()
    true = sample.distances
    shared, joint = torch.minimum(found, true), torch.maximum(found, true)
    # Channels are left, top, right, bottom: width is 0 + 2, height is 1 + 3.
    intersection = (shared[:, 0] + shared[:, 2]).clamp(min=0) * (shared[:, 1] + shared[:, 3]).clamp(min=0)
    area_found = (found[:, 0] + found[:, 2]) * (found[:, 1] + found[:, 3])
    area_true = (true[:, 0] + true[:, 2]) * (true[:, 1] + true[:, 3])
    union = area_found + area_true - intersection
    hull = (joint[:, 0] + joint[:, 2]) * (joint[:, 1] + joint[:, 3])
    giou = intersection / (union + 1e-6) - (hull - union) / (hull + 1e-6)
    weight = sample.distance_weight[:, 0]
    return ((1 - giou) * weight).sum() / weight.sum().clamp(min=1)


def learning_rate(peak: float, step: int, steps: int) -> float:
    """Linear warm-up, then a cosine from `peak` to a small share of it."""
    cosine = 0.5 * (1 + math.cos(math.pi * step / steps))
    warm_up = min(1.0, (step + 1) / WARM_UP_STEPS)
    return peak * warm_up * (cosine * (1 - FINAL_LEARNING_RATE) + FINAL_LEARNING_RATE)


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, step: int) -> None:
    """Moves the exponential moving average one step; young averages follow faster."""
    decay = min(EMA_DECAY, (1 + step) / (10 + step))
    pairs = list(zip(average.state_dict().values(), network.state_dict().values(), strict=True))
    moving = [(mean, value) for mean, value in pairs if mean.dtype.is_floating_point]
    torch._foreach_lerp_([mean for mean, _ in moving], [value for _, value in moving], 1 - decay)
    for mean, value in pairs:
        if not mean.dtype.is_floating_point:
            mean.copy_(value)


def make_optimizer(network: nn.Module, peak: float) -> torch.optim.AdamW:
    """AdamW; biases and normalisation parameters do not decay."""
    matrices = [parameter for parameter in network.parameters() if parameter.ndim > 1]
    vectors = [parameter for parameter in network.parameters() if parameter.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": WEIGHT_DECAY}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, peak, betas=(0.9, 0.99), fused=True)


@torch.no_grad()
def predict(network: nn.Module, frames: list[Frame], device: torch.device) -> list[Floats]:
    """Detections of whole frames, for the curve; the figures that count come from `evaluate.py`."""
    network.eval()
    detections = []
    for frame in frames:
        mean, divisor = normalisation(frame.pixels)
        image = torch.from_numpy((frame.pixels.astype(np.float32) - mean) / divisor)[None, None].to(device)
        with torch.autocast(device.type, torch.bfloat16):
            logits, log_distances = network(image.to(memory_format=torch.channels_last))
        score = logits.float().sigmoid()
        score = score * (score >= F.max_pool2d(score, 3, 1, 1))
        detections.append(decode(score[0].cpu().numpy(), log_distances[0].float().exp().cpu().numpy()))
    return detections


class Run:
    """Everything that has to survive a restart."""

    def __init__(self, options: argparse.Namespace, device: torch.device) -> None:
        torch.manual_seed(options.seed)
        self.device = device
        self.network = Detector(SHAPES[options.network])
        if options.initial:
            self.network.load_state_dict(torch.load(options.initial, weights_only=True))
        self.network = self.network.to(device).to(memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.network)
        self.optimizer = make_optimizer(self.network, options.learning_rate)
        self.step = 0
        self.cpu_seconds = 0.0
        self.curve: list[dict[str, Any]] = []

    def save(self, path: Path) -> None:
        state = {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "cpu_seconds": self.cpu_seconds,
            "curve": self.curve,
        }
        partial = path.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(path)

    def load(self, path: Path) -> None:
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step = state["step"]
        self.cpu_seconds = state["cpu_seconds"]
        self.curve = state["curve"]

    def learn(self, sample: Sample, rate: float) -> tuple[float, float]:
        """One optimiser step; returns the two losses."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        sample = Sample(*[part.to(self.device, non_blocking=True) for part in sample])
        self.network.train()
        with torch.autocast(self.device.type, torch.bfloat16):
            logits, log_distances = self.network(sample.image.to(memory_format=torch.channels_last))
        heat, box = heat_loss(logits, sample), box_loss(log_distances, sample)
        self.optimizer.zero_grad()
        (heat + BOX_LOSS_WEIGHT * box).backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), MAX_GRADIENT_NORM)
        self.optimizer.step()
        self.step += 1
        update_average(self.average, self.network, self.step)
        return heat.item(), box.item()


def split(data: Path, fold: int | None, share: float) -> tuple[list[Frame], list[Frame]]:
    """Training and validation frames: the files as they are, or all scenes but a fold's and that fold's.

    With `share` below 1 the training part keeps only that share of its sessions' frames, from their beginning.
    """
    training, validation = load_frames(data, "train"), load_frames(data, "val")
    if fold is not None:
        dealt = folds(training + validation)
        validation = dealt.pop(fold)
        training = [frame for part in dealt for frame in part]
    if share < 1:
        parts = [session.frames[: math.ceil(len(session.frames) * share)] for session in sessions(training)]
        training = [frame for part in parts for frame in part]
    return training, validation


def train(options: argparse.Namespace) -> None:
    torch.set_num_threads(options.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    options.out.mkdir(parents=True, exist_ok=True)
    checkpoint = options.out / "checkpoint.pt"
    categories = WINDOW_CATEGORIES if options.network == "windows" else PEOPLE_CATEGORIES
    simulated = [frame for folder in options.simulated for frame in load_simulated(folder, categories)]
    if options.network == "windows":
        training, validation = load_frames(options.data, "train"), []
        source: Source = WindowCrops(load_facades(options.facades), training, simulated, options.seed)
    else:
        training, validation = split(options.data, options.fold, options.share)
        source = Crops(training, options.seed, RECIPES[options.recipe], simulated)
    steps = options.crops // options.batch
    evaluation_steps = max(options.evaluate_every // options.batch, 1)
    run = Run(options, device)
    if checkpoint.exists():
        run.load(checkpoint)
    print(
        f"{len(simulated)} simulated, {len(training)} training frames, {len(validation)} validation frames, {device}, step {run.step} of {steps}",
        flush=True,
    )

    crops = Numbered(source, run.step * options.batch, steps * options.batch)
    loader = DataLoader(crops, options.batch, num_workers=options.workers, prefetch_factor=4)
    started, cpu_started, cpu_before = time.monotonic(), time.process_time(), run.cpu_seconds
    first_step = run.step
    losses = np.zeros(2)
    for sample in loader:
        losses += run.learn(sample, learning_rate(options.learning_rate, run.step, steps))
        run.cpu_seconds = cpu_before + time.process_time() - cpu_started
        if run.step % 50 == 0:
            pace = (run.step - first_step) * options.batch / (time.monotonic() - started)
            print(
                f"step {run.step}/{steps} heat {losses[0] / 50:.3f} box {losses[1] / 50:.3f} "
                f"{pace:.1f} crops/s {run.cpu_seconds:.0f} cpu-s",
                flush=True,
            )
            losses[:] = 0
        if run.step % evaluation_steps == 0 or run.step == steps:
            figures = summary(predict(run.average, validation, device), validation) if validation else {}
            run.curve.append({"crops": run.step * options.batch, "cpu_seconds": round(run.cpu_seconds), **figures})
            (options.out / "curve.json").write_text(json.dumps(run.curve, indent=1) + "\n")
            torch.save(run.average.state_dict(), options.out / "ema.pt")
            print(json.dumps(run.curve[-1]), flush=True)
        if run.step % CHECKPOINT_STEPS == 0 or run.step == steps:
            run.save(checkpoint)


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=REPOSITORY / "../shared/data/hit-uav")
    parser.add_argument(
        "--out", type=Path, default=REPOSITORY / ".venv-train/run", help="resumes when it holds a checkpoint"
    )
    parser.add_argument("--recipe", choices=RECIPES, default="strong", help="how crops are varied: see crops.py")
    parser.add_argument("--initial", type=Path, help="weights to start from (an ema.pt); random without")
    parser.add_argument("--network", choices=SHAPES, default="people")
    parser.add_argument("--facades", type=Path, default=REPOSITORY / "../shared/data/facades", help="for windows")
    parser.add_argument("--simulated", type=Path, nargs="*", default=[], help="folders of `heatveil simulate`")
    parser.add_argument("--fold", type=int, help="hold out this fold of scenes instead of val.json")
    parser.add_argument("--share", type=float, default=1.0, help="of the training frames, for the curve over data")
    parser.add_argument("--crops", type=int, default=60_000)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--learning-rate", type=float, default=2.5e-3)
    parser.add_argument("--evaluate-every", type=int, default=15_000, help="crops")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    train(parse_options())
