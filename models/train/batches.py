"""Declares an exported file's first dimension free, so that an accelerator may look at several pictures at once.

The networks never mixed pictures: weights and operators stay as they are, and the answers too, which is checked.
`export.py` declares it so by itself; this is for files exported before (2026-11-26 and earlier).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import onnx
from export import example, session

PICTURES = "N"


def declare(path: Path) -> None:
    """Replaces the file once the new one answers as the old one: alone to the bit, and in a batch as alone."""
    model = onnx.load(path)
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = PICTURES
    onnx.checker.check_model(model, full_check=True)
    partial = path.with_suffix(".partial")
    onnx.save(model, partial)
    before, after = session(path), session(partial)
    frames = [np.roll(example(320, 256), 37 * shift, axis=3) for shift in range(3)]
    alone = [before.run(None, {"frame": frame}) for frame in frames]
    for frame, answer in zip(frames, alone, strict=True):
        for old, new in zip(answer, after.run(None, {"frame": frame}), strict=True):
            np.testing.assert_array_equal(old, new)
    for together, *each in zip(after.run(None, {"frame": np.concatenate(frames)}), *alone, strict=True):
        np.testing.assert_allclose(together, np.concatenate(each), rtol=1e-5, atol=1e-5)
    partial.replace(path)


def main() -> None:
    parser = argparse.ArgumentParser(description="Declares the first dimension of ONNX files free.")
    parser.add_argument("files", type=Path, nargs="+")
    for path in parser.parse_args().files:
        declare(path)


if __name__ == "__main__":
    main()
