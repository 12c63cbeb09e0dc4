"""Pseudo-thermal pictures with windows, because no labelled thermal ones exist.

Two sources: visible-light facades whose window polygons are painted over with
temperatures (the geometry is real, the temperatures are invented), and
procedural walls and roofs. Values are in units of "typical wall variation", not
kelvin: the crops are normalised anyway. A *look* holds for a whole scene: glass
that reflects the cold sky, glass warmer than the wall, or glass as bright as the
wall, of which only frames and reflections show.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from dataset import Floats

SIDE = 512
"""Width and height of a procedural picture, px."""
SMALLEST_WINDOW_PX2 = 20.0


@dataclass(frozen=True)
class Facade:
    """A visible-light picture with its window outlines, px."""

    grey: NDArray[np.uint8]
    windows: list[Floats]


@dataclass(frozen=True)
class Look:
    """How the glass of a scene stands out from the wall."""

    offset: float
    reflection: float
    frame: float

    @staticmethod
    def draw(rng: np.random.Generator) -> Look:
        kind = rng.random()
        if kind < 0.4:  # glass reflects the cold sky
            offset = -rng.uniform(0.5, 6)
        elif kind < 0.65:  # heated room, poor glazing, open window
            offset = rng.uniform(0.5, 5)
        else:
            offset = rng.normal(0, 0.8)
        return Look(offset, rng.uniform(0, 3), rng.normal(0, 2))


@dataclass
class Picture:
    """A picture under construction: values, and the corners (4x2, clockwise from top left) of its windows."""

    values: Floats
    windows: list[Floats]


def load_facades(data: Path) -> list[Facade]:
    """Reads `<data>/rgb/windows.json` and its pictures."""
    coco = json.loads((data / "rgb" / "windows.json").read_text())
    windows: dict[int, list[Floats]] = {image["id"]: [] for image in coco["images"]}
    for annotation in coco["annotations"]:
        for outline in annotation["segmentation"]:
            points = np.array(outline, np.float32).reshape(-1, 2)
            if len(points) >= 4 and cv2.contourArea(points) >= SMALLEST_WINDOW_PX2:
                windows[annotation["image_id"]].append(points)
    facades = []
    for image in coco["images"]:
        grey = cv2.imread(str(data / "rgb" / image["file_name"]), cv2.IMREAD_GRAYSCALE)
        if grey is None:
            raise FileNotFoundError(f"cannot read {image['file_name']} below {data / 'rgb'}")
        facades.append(Facade(np.asarray(grey, np.uint8), windows[image["id"]]))
    return facades


def smooth(rng: np.random.Generator, height: int, width: int, size: float) -> Floats:
    """Smooth noise of unit deviation whose blobs are about `size` px."""
    grid = rng.normal(0, 1, (max(2, int(height / size) + 2), max(2, int(width / size) + 2))).astype(np.float32)
    return cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)


def ramp(height: int) -> Floats:
    """-1 at the top to 1 at the bottom, as a column."""
    return np.linspace(-1, 1, height, dtype=np.float32)[:, None]


def corners(outline: Floats) -> Floats:
    """Four corners of an outline, clockwise from the top left."""
    rough = cv2.approxPolyDP(outline, 0.04 * cv2.arcLength(outline, True), True)[:, 0]
    four = rough if len(rough) == 4 else cv2.boxPoints(cv2.minAreaRect(outline))
    centre = four.mean(axis=0)
    order = np.argsort(np.arctan2(*(four - centre).T[::-1]))
    four = four[order]
    return np.roll(four, -int(np.argmin(four.sum(axis=1))), axis=0).astype(np.float32)


def pane(rng: np.random.Generator, look: Look, width: int, height: int) -> Floats:
    """The face of one window: glass with reflections, panes, bars and a frame."""
    glass = np.full((height, width), look.offset + rng.normal(0, 0.5), np.float32)
    glass += ramp(height) * rng.normal(0.6, 1.0) * (1 + look.reflection * 0.3)
    if rng.random() < 0.7:
        blobs = max(width, height) / rng.uniform(1.5, 5)
        glass += smooth(rng, height, width, max(blobs, 2)) * look.reflection * rng.uniform(0.2, 1)
    if rng.random() < 0.35:  # the reflected skyline: a sharp edge between sky and houses
        line = height * (rng.uniform(0.2, 0.9) + 0.15 * smooth(rng, 1, width, max(width / 3, 2))[0])
        glass[np.arange(height)[:, None] > line[None]] += rng.normal(0, 1) * (1 + look.reflection)
    if rng.random() < 0.15:  # blinds
        period = max(3, height // int(rng.integers(6, 20)))
        glass += (np.arange(height) % period < 1)[:, None] * rng.normal(0, 1)
    columns = [0, *sorted(int(width * rng.uniform(0.2, 0.8)) for _ in range(rng.choice([0, 1, 1, 2]))), width]
    rows = [0, *sorted(int(height * rng.uniform(0.2, 0.8)) for _ in range(rng.choice([0, 0, 1, 1, 2]))), height]
    for left, right in zip(columns, columns[1:], strict=False):
        for top, bottom in zip(rows, rows[1:], strict=False):
            opened = rng.normal(0, 4) if rng.random() < 0.06 else 0.0
            glass[top:bottom, left:right] += rng.normal(0, 0.35) * (1 + look.reflection * 0.5) + opened
    bar = max(1, int(min(width, height) * rng.uniform(0.02, 0.08)))
    frame = look.frame + rng.normal(0, 0.3)
    for x in columns[1:-1]:
        glass[:, max(x - bar, 0) : x + bar] = frame
    for y in rows[1:-1]:
        glass[max(y - bar, 0) : y + bar] = frame
    if rng.random() < 0.85:
        glass[: 2 * bar] = glass[-2 * bar :] = frame
        glass[:, : 2 * bar] = glass[:, -2 * bar :] = frame
    return glass


def paint(rng: np.random.Generator, picture: Picture, quad: Floats, look: Look, wall: float) -> None:
    """Puts a window on the wall, and sometimes its sill."""
    width = int(max(np.linalg.norm(quad[1] - quad[0]), 4))
    height = int(max(np.linalg.norm(quad[3] - quad[0]), 4))
    low = np.maximum(np.floor(quad.min(axis=0)).astype(int), 0)
    limit = np.array(picture.values.shape[::-1])
    high = np.minimum(np.ceil(quad.max(axis=0)).astype(int) + 1, limit)
    if (high - low < 2).any():
        return
    local = (quad - low).astype(np.float32)
    face = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    size = (int(high[0] - low[0]), int(high[1] - low[1]))
    warped = cv2.warpPerspective(pane(rng, look, width, height), cv2.getPerspectiveTransform(face, local), size)
    inside = np.zeros(warped.shape, np.uint8)
    cv2.fillConvexPoly(inside, np.round(local).astype(np.int32), 1)
    target = picture.values[low[1] : high[1], low[0] : high[0]]
    target[inside > 0] = warped[inside > 0] + wall
    picture.windows.append(quad)
    if rng.random() < 0.5:
        a, b = (quad[3], quad[2]) if rng.random() < 0.6 else (quad[0], quad[1])
        ends = [tuple(int(v) for v in np.round(point)) for point in (a, b)]
        cv2.line(picture.values, ends[0], ends[1], float(wall + rng.normal(0, 2)), int(rng.integers(1, 5)))


def of_facade(rng: np.random.Generator, facade: Facade) -> Picture:
    """A visible-light facade with invented temperatures."""
    height, width = facade.grey.shape
    light = facade.grey.astype(np.float32) / 255
    texture = light - cv2.GaussianBlur(light, (0, 0), rng.uniform(4, 20))
    shade = cv2.GaussianBlur(light, (0, 0), rng.uniform(6, 25))
    values = (shade - shade.mean()) * rng.normal(0, 4) + ramp(height) * rng.normal(1, 1.5)
    values += smooth(rng, height, width, rng.uniform(40, 200)) * rng.uniform(0.1, 0.9)
    values += texture * rng.normal(0, 6) * rng.random()
    picture = Picture(values.astype(np.float32), [])
    look = Look.draw(rng)
    for outline in facade.windows:
        quad = corners(outline)
        wall = float(np.median(outline_values(values, outline)))
        paint(rng, picture, quad, look if rng.random() < 0.8 else Look.draw(rng), wall)
    return picture


def outline_values(values: Floats, outline: Floats) -> Floats:
    """The values along an outline."""
    x = np.clip(np.round(outline[:, 0]).astype(int), 0, values.shape[1] - 1)
    y = np.clip(np.round(outline[:, 1]).astype(int), 0, values.shape[0] - 1)
    return values[y, x]


def wall_of_bricks(rng: np.random.Generator) -> Floats:
    """A wall with joints between bricks or panels."""
    tall = int(rng.integers(6, 24))
    wide = tall * int(rng.integers(2, 5))
    y, x = np.mgrid[:SIDE, :SIDE]
    shifted = x + (y // tall % 2) * (wide // 2)
    stones = rng.normal(0, 1, (SIDE // tall + 1, SIDE // wide + 3)).astype(np.float32)
    joints = ((y % tall) < 2) | ((shifted % wide) < 2)
    return rng.uniform(0.05, 0.5) * (joints + stones[y // tall, shifted // wide] * rng.uniform(0, 1))


def distract(rng: np.random.Generator, values: Floats, wall: float) -> None:
    """What is not a window: vents, lamps, pipes, solid doors with leaky edges, solar panels."""
    for _ in range(int(rng.integers(0, 9))):
        x, y = int(rng.uniform(0, SIDE)), int(rng.uniform(0, SIDE))
        kind, value = rng.random(), float(wall + rng.normal(0, 3))
        if kind < 0.3:
            side = rng.uniform(4, 22)
            cv2.rectangle(values, (x, y), (int(x + side * rng.uniform(1, 2)), int(y + side)), value, -1)
        elif kind < 0.45:
            cv2.circle(values, (x, y), int(rng.uniform(3, 25)), value, -1)
        elif kind < 0.75:
            end = (int(x + rng.normal(0, 300)), int(y + rng.normal(0, 60)))
            cv2.line(values, (x, y), end, value, int(rng.integers(1, 5)))
        else:
            end = (int(x + rng.uniform(40, 120)), int(y + rng.uniform(100, 260)))
            cv2.rectangle(values, (x, y), end, value, -1)
            cv2.rectangle(values, (x, y), end, float(value + rng.normal(1, 1.5)), int(rng.integers(1, 5)))


def procedural(rng: np.random.Generator) -> Picture:
    """A wall with rows of windows, a roof with some rooflights, or a close-up of one or two windows."""
    wall = rng.normal(0, 0.5)
    values = np.full((SIDE, SIDE), wall, np.float32)
    values += smooth(rng, SIDE, SIDE, rng.uniform(60, 300)) * rng.uniform(0.1, 0.8) + ramp(SIDE) * rng.normal(0, 0.8)
    if rng.random() < 0.6:
        values += wall_of_bricks(rng)
    picture = Picture(values.astype(np.float32), [])
    distract(rng, picture.values, wall)
    look = Look.draw(rng)
    roof, close = rng.random() < 0.35, rng.random() < 0.25
    step_x, step_y = rng.uniform(260, 700, 2) if close else rng.uniform(60, 320, 2)
    share = 0.6 if roof else 1.0
    width, height = step_x * rng.uniform(0.25, 0.8) * share, step_y * rng.uniform(0.25, 0.8) * share
    start_x, start_y = rng.uniform(-step_x, 0), rng.uniform(-step_y, 0)
    for column in range(math.ceil(SIDE / step_x) + 1):
        for row in range(math.ceil(SIDE / step_y) + 1):
            if rng.random() > (0.4 if roof else 0.75):
                continue
            x = start_x + column * step_x + rng.normal(0, step_x * 0.03) * roof
            y = start_y + row * step_y
            quad = np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]], np.float32)
            paint(rng, picture, quad, look if rng.random() < 0.85 else Look.draw(rng), wall)
    if rng.random() < 0.3:  # the sky above, or the eaves
        depth = int(SIDE * rng.uniform(0.02, 0.25))
        picture.values[:depth] = -rng.uniform(2, 10) if rng.random() < 0.7 else rng.uniform(2, 6)
        picture.windows = [quad for quad in picture.windows if quad[:, 1].mean() > depth]
    return picture
