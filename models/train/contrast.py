"""How little a person may stand out before the network misses it: `contrast.json`, and the missed ones, `failures.png`.

Only simulated frames, so the picture may be committed. Within each person's box
every sample keeps a share of its difference from the ground around; a negative
share makes the person as much colder as it was warmer.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from dataset import Frame
from evaluate import OPERATING_RULE, look
from export import MODELS
from gallery import sheet, worst
from metrics import PERSON
from simulated import load_simulated

HERE = Path(__file__).resolve().parent
SHARES = (1.0, 0.5, 0.3, 0.2, 0.1, 0.05, -0.2, -0.5)
RING = 6
"""Width of the ground around a box that its samples are compared with, in px."""
SHOWN, SHOWN_SHARE = 24, 0.1


def faded(frame: Frame, share: float) -> tuple[Frame, list[float]]:
    """The frame with paler people, and how much each then stands out, in grey levels."""
    pixels = frame.pixels.astype(np.float32)
    strengths = []
    for box in frame.boxes[frame.boxes[:, 4] == PERSON]:
        x0, y0, x1, y1 = (int(v) for v in (*np.floor(box[:2]), *np.ceil(box[2:4])))
        ring = np.zeros(pixels.shape, bool)
        ring[max(y0 - RING, 0) : y1 + RING, max(x0 - RING, 0) : x1 + RING] = True
        ring[y0:y1, x0:x1] = False
        ground, inside = float(np.median(pixels[ring])), pixels[y0:y1, x0:x1]
        strengths.append(share * float(np.percentile(np.abs(inside - ground), 90)))
        pixels[y0:y1, x0:x1] = ground + share * (inside - ground)
    return replace(frame, pixels=np.clip(pixels, 0, 255).round().astype(np.uint8)), strengths


def main() -> None:
    parser = argparse.ArgumentParser(description="Coverage of simulated people by how much they stand out.")
    parser.add_argument("--model", type=Path, default=MODELS / "person-vehicle-bicycle.int8.onnx")
    parser.add_argument("--simulated", type=Path, required=True, help="a folder of `heatveil simulate`, no training seed")
    options = parser.parse_args()
    frames = load_simulated(options.simulated)
    scenes = {frame.name: frame.name for frame in frames}
    rows = []
    for share in SHARES:
        pale = [faded(frame, share) for frame in frames]
        looked, _ = look(options.model, [frame for frame, _ in pale], scenes)
        covered = looked.covered(OPERATING_RULE)
        kept = ("objects", "objects_80_covered", "objects_80_covered_ci", "objects_80_covered_mirrored", "frame_masked")
        strength = float(np.median([one for _, strengths in pale for one in strengths]))
        rows.append({"share_of_contrast": share, "median_grey_levels": round(strength, 1), **{key: covered[key] for key in kept}})
        print(rows[-1])
        if share == SHOWN_SHARE:
            cv2.imwrite(str(HERE / "failures.png"), sheet(worst(looked, SHOWN)), [cv2.IMWRITE_PNG_COMPRESSION, 9])
    (HERE / "contrast.json").write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
