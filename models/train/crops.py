"""The random training crops: where they lie, how they are varied, what the network shall answer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from cuttings import Cuttings
from dataset import IGNORE, Floats, Frame, normalisation
from network import CLASSES, STRIDE

CROP = 384
MAX_SCALE = 1.7
NEAR_NADIR_DEGREES = 70
"""From this camera angle on (90 = straight down) a frame has no "up" and may be turned by quarters."""
MIN_VISIBLE = 0.35
"""An object cut by the crop's edge to less than this share becomes an ignore region."""
MIN_SIDE_PX = 3.0
"""So does an object whose shorter side got smaller than this."""


@dataclass(frozen=True)
class Recipe:
    """How training crops are drawn and varied."""

    min_scale: float
    object_odds: tuple[float, float, float, float]
    """Odds of the object that a crop is laid around: person, vehicle, bicycle, ignore region."""
    night_share: float | None = None
    """Share of the crops that come from night frames; `None` draws every frame alike."""
    simulated_share: float = 0.0
    paste_share: float = 0.0
    """Share of the crops that get objects of other frames pasted in, so that places and people come apart."""
    field_share: float = 0.0
    """Share of the crops that get a smooth field added: vignetting, drift, warm and cold ground."""


RECIPES = {
    "plain": Recipe(min_scale=0.45, object_odds=(2.0, 1.0, 1.0, 1.0)),
    "strong": Recipe(
        min_scale=0.5,
        object_odds=(2.0, 1.0, 1.5, 1e-3),
        night_share=0.55,
        simulated_share=0.08,
        paste_share=0.5,
        field_share=0.3,
    ),
}


class Sample(NamedTuple):
    """What the network learns from one crop."""

    image: Tensor  # [1, CROP, CROP], normalised
    heat: Tensor  # [classes, h, w], 1 at object centres, Gaussian around
    heat_weight: Tensor  # [1, h, w], 0 inside ignore regions
    distances: Tensor  # [4, h, w], px to left, top, right, bottom
    distance_weight: Tensor  # [1, h, w], 0 outside objects
    objects: Tensor  # [], number of objects

class Source(Protocol):
    """Whatever makes training crops: number `index` depends on a seed and `index` alone."""

    def crop(self, index: int) -> Sample: ...


class Numbered(Dataset[Sample]):
    """Crops `first` to `end` of a source.

    The result is the same for any number of loader processes, and a run that
    resumes at step n sees the crops it would have seen without a stop.
    """

    def __init__(self, source: Source, first: int, end: int) -> None:
        self.source = source
        self.first = first
        self.end = end

    def __len__(self) -> int:
        return self.end - self.first

    def __getitem__(self, index: int) -> Sample:
        return self.source.crop(self.first + index)


class Crops:
    """Crops of labelled frames, with people, vehicles and bicycles."""

    def __init__(
        self, frames: list[Frame], seed: int, recipe: Recipe = RECIPES["plain"], simulated: Sequence[Frame] = ()
    ) -> None:
        self.frames = frames
        self.day = [frame for frame in frames if not frame.is_night]
        self.night = [frame for frame in frames if frame.is_night]
        self.simulated = simulated
        self.cuttings = Cuttings(frames)
        self.recipe = recipe
        self.seed = seed

    def crop(self, index: int) -> Sample:
        rng = np.random.default_rng([self.seed, index])
        frame = self.draw(rng)
        view = random_view(rng, frame, self.recipe)
        mean, divisor = normalisation(frame.pixels)
        image = cv2.warpAffine(
            frame.pixels,
            view.matrix,
            (CROP, CROP),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=mean,
        )
        image = (image.astype(np.float32) - mean) / divisor
        objects, ignored = view.transform(frame.boxes)
        if self.recipe.paste_share and rng.random() < self.recipe.paste_share:
            objects = self.cuttings.paste(rng, image, objects, ignored, math.sqrt(view.scale_x * view.scale_y))
        return make_targets(vary_radiometry(rng, image, self.recipe.field_share), objects, ignored)

    def draw(self, rng: np.random.Generator) -> Frame:
        """A frame: simulated, by night or by day."""
        if self.recipe.night_share is None:
            return self.frames[rng.integers(len(self.frames))]
        kind, night = rng.random(), rng.random()
        if self.simulated and kind < self.recipe.simulated_share:
            pool = self.simulated
        else:
            pool = self.night if (night < self.recipe.night_share and self.night) or not self.day else self.day
        return pool[rng.integers(len(pool))]


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


def random_view(rng: np.random.Generator, frame: Frame, recipe: Recipe) -> View:
    """Picks scale, aspect, flips, turn and centre of one crop."""
    height, width = frame.pixels.shape
    scale = math.exp(rng.uniform(math.log(recipe.min_scale), math.log(MAX_SCALE)))
    aspect = math.exp(rng.normal(0, 0.06))
    tilt = math.radians(rng.normal(0, 6)) if rng.random() < 0.5 else 0.0
    turned = frame.camera_angle >= NEAR_NADIR_DEGREES and rng.random() < 0.5
    quarter_turns = int(rng.integers(4)) if turned else 0

    half = CROP / scale / 2
    if len(frame.boxes) and rng.random() < 0.8:
        labels = frame.boxes[:, 4].astype(int)
        odds = np.array(recipe.object_odds)[labels]  # an ignore region is -1: the last
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


def vary_radiometry(rng: np.random.Generator, image: Floats, field_share: float) -> Floats:
    """Imitates other gains, tone curves, polarities, optics and sensor noise."""
    if rng.random() < 0.5:  # monotone tone curve: another automatic gain control
        gamma = math.exp(rng.normal(0, 0.35))
        low, high = float(image.min()), float(image.max())
        image = ((image - low) / (high - low + 1e-6)) ** gamma * (high - low) + low
        image = image - image.mean() * rng.uniform(0, 1)
    image = image * math.exp(rng.normal(0, 0.2)) + rng.normal(0, 0.2)
    if field_share and rng.random() < field_share:  # vignetting, drift, warm and cold ground: a smooth field
        field = rng.normal(0, rng.uniform(0.05, 0.4), (4, 4)).astype(np.float32)
        image = image + cv2.resize(field, (image.shape[1], image.shape[0]), interpolation=cv2.INTER_CUBIC)
    if rng.random() < 0.08:  # black-hot, or a person colder than sunlit ground
        image = -image
    if rng.random() < 0.3:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.3))
    if rng.random() < 0.5:
        image = image + rng.normal(0, rng.uniform(0.01, 0.12), image.shape)
    if rng.random() < 0.2:  # fixed-pattern noise of columns and rows
        image = image + rng.normal(0, 0.06, (1, image.shape[1])) + rng.normal(0, 0.03, (image.shape[0], 1))
    return image.astype(np.float32)


def make_targets(image: Floats, objects: Floats, ignored: Floats, classes: int = len(CLASSES)) -> Sample:
    """Paints the heat map and the distance map of one crop."""
    height, width = image.shape[0] // STRIDE, image.shape[1] // STRIDE
    heat = np.zeros((classes, height, width), np.float32)
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
