"""Ground resolution of HIT-UAV, from the size of its cars, and coarser versions of its frames."""

from __future__ import annotations

import cv2
import numpy as np

from dataset import Floats, Frame
from masks import Row, rounded
from metrics import PERSON
from network import CLASSES

CAR_LENGTH_M, CAR_WIDTH_M = 4.5, 1.8
SMALLEST_CAR_PX = 30
"""Car boxes below this in a straight-down frame are label errors or cut cars."""


def sizes_px(boxes: Floats) -> Floats:
    """Square root of every box's area."""
    return np.sqrt((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]))


def car_length_px(width: Floats, height: Floats) -> Floats:
    """Length in px of a turned rectangle of a car's proportions, from its upright box."""
    ratio = CAR_WIDTH_M / CAR_LENGTH_M
    long_side, short_side = np.maximum(width, height), np.minimum(width, height)
    shape = np.clip(short_side / long_side, ratio, 1.0)
    tangent = (shape - ratio) / (1 - ratio * shape)
    angle = np.arctan(tangent)
    return long_side / (np.cos(angle) + ratio * np.sin(angle))


def ground_resolution(frames: list[Frame]) -> list[Row]:
    """Metres per pixel of the straight-down frames of each altitude, from the size of cars.

    HIT-UAV gives no focal length we could check, so cars are the ruler. The
    class holds vans and trucks too; the median is robust against some of them.
    """
    rows = []
    for altitude in sorted({frame.altitude for frame in frames}):
        lengths: list[Floats] = []
        persons: list[Floats] = []
        for frame in frames:
            if frame.altitude != altitude or frame.camera_angle != 90:
                continue
            height, width = frame.pixels.shape
            x0, y0, x1, y1, label = frame.boxes.T
            people = label == PERSON
            whole = (x0 > 2) & (y0 > 2) & (x1 < width - 2) & (y1 < height - 2)
            cars = whole & (label == CLASSES.index("vehicle")) & (np.maximum(x1 - x0, y1 - y0) >= SMALLEST_CAR_PX)
            lengths.append(car_length_px((x1 - x0)[cars], (y1 - y0)[cars]))
            persons.append(sizes_px(frame.boxes[whole & people]))
        length, person = np.concatenate(lengths), np.concatenate(persons)
        coarse, middle, fine = CAR_LENGTH_M / np.percentile(length, [10, 50, 90])
        rows.append(
            {
                "altitude_m": altitude,
                "cars": len(length),
                "frames_with_cars": sum(len(part) > 0 for part in lengths),
                "metres_per_pixel": rounded(middle),
                "metres_per_pixel_p10_p90": [rounded(fine), rounded(coarse)],
                "persons": len(person),
                "person_sqrt_area_px": rounded(np.median(person)) if len(person) else None,
            }
        )
    return rows


def metres_per_pixel_per_metre(rows: list[Row]) -> float:
    """Resolution divided by altitude, the median over altitudes weighted by cars."""
    ratios = np.concatenate([np.full(row["cars"], row["metres_per_pixel"] / row["altitude_m"]) for row in rows])
    return float(np.median(ratios))


def shrunk(frame: Frame, factor: float) -> Frame:
    """The frame as a coarser sensor of the same scene would see it (but with less noise than a real one)."""
    height, width = frame.pixels.shape
    size = (round(width * factor), round(height * factor))
    pixels = cv2.resize(frame.pixels, size, interpolation=cv2.INTER_AREA)
    boxes = frame.boxes.copy()
    boxes[:, :4] *= np.array([size[0] / width, size[1] / height] * 2, np.float32)
    return Frame(frame.name, np.asarray(pixels, np.uint8), boxes)
