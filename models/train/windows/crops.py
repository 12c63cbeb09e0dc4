"""Training crops with windows: rendered facades and roofs, simulated frames, real frames without windows."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from crops import Sample, make_targets
from dataset import IGNORE, Floats, Frame, normalisation
from windows.render import Facade, Picture, of_facade, procedural, smooth

CROP = 320
FACADE_SHARE, PROCEDURAL_SHARE, SIMULATED_SHARE = 0.48, 0.30, 0.08
"""The rest are HIT-UAV frames: real noise, cars, roofs and road markings that are no windows."""
MIN_SCALE, MAX_SCALE = 0.3, 1.6
MIN_VISIBLE = 0.3
MIN_SIDE_PX = 5.0


class WindowCrops:
    """Crop number `index` depends on the seed and `index` alone."""

    def __init__(self, facades: list[Facade], empty: list[Frame], simulated: Sequence[Frame], seed: int) -> None:
        self.facades = facades
        self.empty = empty
        self.simulated = simulated
        self.seed = seed

    def crop(self, index: int) -> Sample:
        rng = np.random.default_rng([self.seed, index])
        kind = rng.random()
        if kind < FACADE_SHARE:
            picture, rendered = of_facade(rng, self.facades[rng.integers(len(self.facades))]), True
        elif kind < FACADE_SHARE + PROCEDURAL_SHARE:
            picture, rendered = procedural(rng), True
        else:
            simulated = self.simulated and kind < FACADE_SHARE + PROCEDURAL_SHARE + SIMULATED_SHARE
            pool = self.simulated if simulated else self.empty
            frame = pool[rng.integers(len(pool))]
            picture, rendered = of_frame(frame, bool(simulated)), False
        matrix = random_matrix(rng, picture.values.shape, upright=rng.random() < 0.8)
        image = cv2.warpAffine(
            picture.values, matrix, (CROP, CROP), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
        )
        objects, ignored = boxes(matrix, picture, mirrored_ground(matrix, picture.values.shape))
        return make_targets(vary(rng, image, rendered), objects, ignored, classes=1)


def of_frame(frame: Frame, with_windows: bool) -> Picture:
    """A thermal frame as a picture; boxes that are ignore regions keep no window."""
    mean, divisor = normalisation(frame.pixels)
    values = (frame.pixels.astype(np.float32) - mean) / divisor * 3
    quads = []
    for x0, y0, x1, y1, label in frame.boxes if with_windows else []:
        if label != IGNORE:
            quads.append(np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float32))
    return Picture(values, quads)


def random_matrix(rng: np.random.Generator, shape: tuple[int, ...], upright: bool) -> NDArray[np.float64]:
    """Scale, turn, shear and centre of one crop, as a 2x3 matrix."""
    scale = math.exp(rng.uniform(math.log(MIN_SCALE), math.log(MAX_SCALE)))
    angle = math.radians(rng.normal(0, 5) if upright else rng.uniform(-180, 180))
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    shear = np.array([[1, rng.normal(0, 0.08)], [rng.normal(0, 0.12), 1]])
    flip = -1.0 if rng.random() < 0.5 else 1.0
    linear = turn @ shear @ np.diag([scale * flip, scale])
    centre = np.array([rng.uniform(0.2, 0.8) * shape[1], rng.uniform(0.2, 0.8) * shape[0]])
    return np.column_stack([linear, np.array([CROP / 2, CROP / 2]) - linear @ centre])


def mirrored_ground(matrix: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Where the crop reaches past the picture and shows its mirror image: nothing is known there."""
    whole = cv2.warpAffine(np.ones(shape[:2], np.uint8), matrix, (CROP, CROP), flags=cv2.INTER_NEAREST)
    return np.asarray(whole == 0)


def boxes(
    matrix: NDArray[np.float64], picture: Picture, unknown: NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """Upright hulls of the windows in the crop: (objects to learn, regions to ignore)."""
    objects: list[list[float]] = []
    ignored: list[list[float]] = [[*region, IGNORE] for region in hulls(unknown)]
    for quad in picture.windows:
        points = quad @ matrix[:, :2].T + matrix[:, 2]
        low, high = points.min(axis=0), points.max(axis=0)
        seen_low, seen_high = np.clip(low, 0, CROP), np.clip(high, 0, CROP)
        visible = float(np.prod(seen_high - seen_low) / max(np.prod(high - low), 1e-6))
        if visible <= 0.02:
            continue
        learnt = visible >= MIN_VISIBLE and (seen_high - seen_low).min() >= MIN_SIDE_PX
        (objects if learnt else ignored).append([*seen_low, *seen_high, 0 if learnt else IGNORE])
    return np.array(objects, np.float32).reshape(-1, 5), np.array(ignored, np.float32).reshape(-1, 5)


def hulls(unknown: NDArray[np.bool_]) -> list[list[float]]:
    """Strips that cover the unknown ground: coarse blocks, each as a box."""
    block = 32
    found = []
    for y in range(0, CROP, block):
        for x in range(0, CROP, block):
            if unknown[y : y + block, x : x + block].any():
                found.append([float(x), float(y), float(x + block), float(y + block)])
    return found


def vary(rng: np.random.Generator, image: Floats, rendered: bool) -> Floats:
    """Optics, noise, gain control and polarity; real frames keep their own noise."""
    if rendered:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.5, 2.2))
        image = image + rng.normal(0, rng.uniform(0.02, 0.25), image.shape)
        image = image + smooth(rng, CROP, CROP, 120) * rng.uniform(0, 0.3)
        if rng.random() < 0.3:
            image = image + rng.normal(0, 0.1, (1, CROP))
        low, high = np.percentile(image, [rng.uniform(0, 3), rng.uniform(97, 100)])
        image = np.clip(image, low, high)
    if rng.random() < 0.5:
        low, high = float(image.min()), float(image.max())
        gamma = math.exp(rng.normal(0, 0.4))
        image = ((image - low) / (high - low + 1e-6)) ** gamma * (high - low) + low
    image = (image - image.mean()) / (image.std() + 0.05) * math.exp(rng.normal(0, 0.2)) + rng.normal(0, 0.2)
    return np.asarray(-image if rng.random() < 0.1 else image, np.float32)
