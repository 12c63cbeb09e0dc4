"""HIT-UAV in COCO form, and the random training crops cut from it."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from network import CLASSES, STRIDE

cv2.setNumThreads(1)

IGNORE = -1
"""Class of a region that is neither a hit nor a false alarm."""
CLASS_OF_CATEGORY = {"person": 0, "car": 1, "other_vehicle": 1, "bicycle": 2, "dont_care": IGNORE}

CROP = 384
MIN_SCALE, MAX_SCALE = 0.45, 1.7
NEAR_NADIR_DEGREES = 70
"""From this camera angle on (90 = straight down) a frame has no "up" and may be turned by quarters."""
MIN_VISIBLE = 0.35
"""An object cut by the crop's edge to less than this share becomes an ignore region."""
MIN_SIDE_PX = 3.0
"""So does an object whose shorter side got smaller than this."""

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Frame:
    """One picture with its boxes; columns are x0, y0, x1, y1, class."""

    name: str
    pixels: NDArray[np.uint8]
    boxes: Floats

    @property
    def is_night(self) -> bool:
        return self.name.split("_")[0] == "1"

    @property
    def altitude(self) -> int:
        return int(self.name.split("_")[1])

    @property
    def camera_angle(self) -> int:
        return int(self.name.split("_")[2])

    @property
    def number(self) -> int:
        """Running number of the video frame; neighbours show nearly the same scene."""
        return int(Path(self.name).stem.split("_")[4])


class Sample(NamedTuple):
    """What the network learns from one crop."""

    image: Tensor  # [1, CROP, CROP], normalised
    heat: Tensor  # [classes, h, w], 1 at object centres, Gaussian around
    heat_weight: Tensor  # [1, h, w], 0 inside ignore regions
    distances: Tensor  # [4, h, w], px to left, top, right, bottom
    distance_weight: Tensor  # [1, h, w], 0 outside objects
    objects: Tensor  # [], number of objects


def load_frames(data: Path, split: str) -> list[Frame]:
    """Reads `<data>/<split>.json` and its pictures into memory (0.3 MB each)."""
    coco = json.loads((data / f"{split}.json").read_text())
    class_of = {category["id"]: CLASS_OF_CATEGORY[category["name"]] for category in coco["categories"]}
    boxes: dict[int, list[list[float]]] = {image["id"]: [] for image in coco["images"]}
    for annotation in coco["annotations"]:
        x, y, width, height = annotation["bbox"]
        if width > 1 and height > 1:
            boxes[annotation["image_id"]].append([x, y, x + width, y + height, class_of[annotation["category_id"]]])
    frames = []
    for image in coco["images"]:
        path = data / "images" / image["file_name"]
        pixels = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if pixels is None:
            raise FileNotFoundError(f"cannot read {path}")
        frames.append(
            Frame(path.name, np.asarray(pixels, np.uint8), np.array(boxes[image["id"]], np.float32).reshape(-1, 5))
        )
    return frames


def normalisation(pixels: NDArray[np.uint8]) -> tuple[float, float]:
    """Offset and divisor of a frame; the exported graph computes the same."""
    values = pixels.astype(np.float32)
    return float(values.mean()), float(values.std()) + 1.0


class Crops(Dataset[Sample]):
    """Crop number `index` depends on `seed` and `index` alone.

    The result is therefore the same for any number of loader processes, and a
    run that resumes at step n sees the crops it would have seen without a stop.
    """

    def __init__(self, frames: list[Frame], seed: int, first: int, end: int) -> None:
        self.frames = frames
        self.seed = seed
        self.first = first
        self.end = end

    def __len__(self) -> int:
        return self.end - self.first

    def __getitem__(self, index: int) -> Sample:
        rng = np.random.default_rng([self.seed, self.first + index])
        frame = self.frames[rng.integers(len(self.frames))]
        view = random_view(rng, frame)
        mean, divisor = normalisation(frame.pixels)
        image = cv2.warpAffine(
            frame.pixels,
            view.matrix,
            (CROP, CROP),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=mean,
        )
        image = vary_radiometry(rng, (image.astype(np.float32) - mean) / divisor)
        objects, ignored = view.transform(frame.boxes)
        return make_targets(image, objects, ignored)


@dataclass(frozen=True)
class View:
    """Affine map from frame to crop, kept with its parts so that boxes stay tight."""

    matrix: NDArray[np.float64]  # 2x3
    scale_x: float
    scale_y: float
    quarter_turns: int
    tilt: float  # radians

    def transform(self, boxes: Floats) -> tuple[Floats, Floats]:
        """Maps boxes into the crop: (objects to learn, regions to ignore)."""
        objects: list[list[float]] = []
        ignored: list[list[float]] = []
        cosine, sine = abs(math.cos(self.tilt)), abs(math.sin(self.tilt))
        for x0, y0, x1, y1, label in boxes:
            cx, cy = self.matrix @ np.array([(x0 + x1) / 2, (y0 + y1) / 2, 1.0])
            width, height = (x1 - x0) * self.scale_x, (y1 - y0) * self.scale_y
            if self.quarter_turns % 2:
                width, height = height, width
            # The hull of the turned corners would be too loose for a round-ish object: 0.6 is a compromise.
            width, height = width * cosine + 0.6 * height * sine, height * cosine + 0.6 * width * sine
            whole = np.array([cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2])
            seen = np.clip(whole, 0, CROP)
            visible = max(seen[2] - seen[0], 0) * max(seen[3] - seen[1], 0) / (width * height)
            if visible <= 0.02:
                continue
            learnt = label != IGNORE and visible >= MIN_VISIBLE and min(width, height) >= MIN_SIDE_PX
            (objects if learnt else ignored).append([*seen, label])
        return (np.array(objects, np.float32).reshape(-1, 5), np.array(ignored, np.float32).reshape(-1, 5))


def random_view(rng: np.random.Generator, frame: Frame) -> View:
    """Picks scale, aspect, flips, turn and centre of one crop."""
    height, width = frame.pixels.shape
    scale = math.exp(rng.uniform(math.log(MIN_SCALE), math.log(MAX_SCALE)))
    aspect = math.exp(rng.normal(0, 0.06))
    tilt = math.radians(rng.normal(0, 6)) if rng.random() < 0.5 else 0.0
    turned = frame.camera_angle >= NEAR_NADIR_DEGREES and rng.random() < 0.5
    quarter_turns = int(rng.integers(4)) if turned else 0

    half = CROP / scale / 2
    if len(frame.boxes) and rng.random() < 0.8:
        odds = np.where(frame.boxes[:, 4] == 0, 2.0, 1.0)  # persons twice as often
        x0, y0, x1, y1, _ = frame.boxes[rng.choice(len(frame.boxes), p=odds / odds.sum())]
        cx, cy = np.array([(x0 + x1) / 2, (y0 + y1) / 2]) + rng.uniform(-0.84 * half, 0.84 * half, 2)
    else:
        cx, cy = rng.uniform(0, width), rng.uniform(0, height)
    # Keep the crop mostly inside the frame.
    cx = np.clip(cx, min(half, width / 2), max(width - half, width / 2))
    cy = np.clip(cy, min(half, height / 2), max(height - half, height / 2))

    flip_x = -1.0 if rng.random() < 0.5 else 1.0
    flip_y = -1.0 if rng.random() < 0.15 else 1.0
    angle = tilt + quarter_turns * math.pi / 2
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    linear = turn @ np.diag([scale * aspect * flip_x, scale / aspect * flip_y])
    shift = np.array([CROP / 2, CROP / 2]) - linear @ np.array([cx, cy])
    return View(np.column_stack([linear, shift]), scale * aspect, scale / aspect, quarter_turns, tilt)


def vary_radiometry(rng: np.random.Generator, image: Floats) -> Floats:
    """Imitates other gains, tone curves, polarities, optics and sensor noise."""
    if rng.random() < 0.5:  # monotone tone curve: another automatic gain control
        gamma = math.exp(rng.normal(0, 0.35))
        low, high = float(image.min()), float(image.max())
        image = ((image - low) / (high - low + 1e-6)) ** gamma * (high - low) + low
        image = image - image.mean() * rng.uniform(0, 1)
    image = image * math.exp(rng.normal(0, 0.2)) + rng.normal(0, 0.2)
    if rng.random() < 0.08:  # black-hot, or a person colder than sunlit ground
        image = -image
    if rng.random() < 0.3:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.3))
    if rng.random() < 0.5:
        image = image + rng.normal(0, rng.uniform(0.01, 0.12), image.shape)
    if rng.random() < 0.2:  # fixed-pattern noise of columns and rows
        image = image + rng.normal(0, 0.06, (1, image.shape[1])) + rng.normal(0, 0.03, (image.shape[0], 1))
    return image.astype(np.float32)


def make_targets(image: Floats, objects: Floats, ignored: Floats) -> Sample:
    """Paints the heat map and the distance map of one crop."""
    height, width = image.shape[0] // STRIDE, image.shape[1] // STRIDE
    heat = np.zeros((len(CLASSES), height, width), np.float32)
    heat_weight = np.ones((1, height, width), np.float32)
    distances = np.zeros((4, height, width), np.float32)
    distance_weight = np.zeros((1, height, width), np.float32)
    for x0, y0, x1, y1, _ in ignored:
        heat_weight[0, int(y0 // STRIDE) : math.ceil(y1 / STRIDE), int(x0 // STRIDE) : math.ceil(x1 / STRIDE)] = 0

    grid_x = np.arange(width, dtype=np.float32) + 0.5
    grid_y = np.arange(height, dtype=np.float32)[:, None] + 0.5
    areas = (objects[:, 2] - objects[:, 0]) * (objects[:, 3] - objects[:, 1])
    for x0, y0, x1, y1, label in objects[np.argsort(-areas)]:  # small objects last: they win shared cells
        box_width, box_height = (x1 - x0) / STRIDE, (y1 - y0) / STRIDE
        cx, cy = (x0 + x1) / 2 / STRIDE, (y0 + y1) / 2 / STRIDE
        column, row = min(int(cx), width - 1), min(int(cy), height - 1)
        sigma_x, sigma_y = max(0.18 * box_width, 0.6), max(0.18 * box_height, 0.6)
        bump = np.exp(-((grid_y - row - 0.5) ** 2) / (2 * sigma_y**2) - (grid_x - column - 0.5) ** 2 / (2 * sigma_x**2))
        channel = heat[int(label)]
        np.maximum(channel, np.where(bump > 0.01, bump, 0), out=channel)
        channel[row, column] = 1.0
        heat_weight[0, row, column] = 1.0

        inside = (np.abs(grid_x - cx) < max(box_width / 2, 0.51)) & (np.abs(grid_y - cy) < max(box_height / 2, 0.51))
        learnt = (bump > 0.3) & inside
        learnt[row, column] = True
        weight = bump * learnt
        weight *= math.log(max((x1 - x0) * (y1 - y0), 16.0)) / weight.sum()
        rows, columns = np.nonzero(learnt)
        px, py = grid_x[columns] * STRIDE, grid_y[rows, 0] * STRIDE
        distances[:, rows, columns] = np.stack([px - x0, py - y0, x1 - px, y1 - py])
        distance_weight[0, rows, columns] = weight[rows, columns]
    return Sample(
        torch.from_numpy(np.ascontiguousarray(image[None])),
        torch.from_numpy(heat),
        torch.from_numpy(heat_weight),
        torch.from_numpy(distances),
        torch.from_numpy(distance_weight),
        torch.tensor(float(len(objects))),
    )
