"""End to end against the limit: `heatveil run` and bare ONNX Runtime in turn, on the same frames and threads.

    make bench

Simulates flights of 30 and 1,000 frames, runs both sides interleaved, and prints the tables of BENCHMARKS.md.
"""

import argparse
import concurrent.futures
import datetime
import json
import os
import pathlib
import platform
import statistics
import subprocess
import tempfile
import time

import numpy
import onnxruntime

# What one look at a frame of 640x512 costs by default: both built-in networks in int8, the window's at its card's three scales.
LOOK = {
    "person-vehicle-bicycle.int8.onnx": [(512, 640)],
    "window.int8.onnx": [(512, 640), (256, 320), (128, 160)],
}
ROOT = pathlib.Path(__file__).resolve().parents[2]
HEATVEIL = ROOT / "target/release/heatveil"


def simulate(folder: pathlib.Path, frames: int) -> pathlib.Path:
    """A simulated DJI flight, kept between calls."""
    out = folder / f"flight-{frames}"
    if not (out / "truth").exists():
        subprocess.run([HEATVEIL, "simulate", "--out", out, "--frames", str(frames)], check=True)
    return out / "frames"


def run(frames: pathlib.Path, out: pathlib.Path, threads: int) -> dict:
    """One run; its summary."""
    arguments = [HEATVEIL, "run", frames, "--out", out, "--overwrite", "--threads", str(threads), "--quiet"]
    finished = subprocess.run(arguments, capture_output=True, text=True, check=False)
    if finished.returncode not in (0, 3):
        raise SystemExit(finished.stderr)
    return json.loads((out / "summary.json").read_text())


def bare(passes: int, threads: int) -> float:
    """Seconds for `passes` looks: one session of each network a thread, one thread a session."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    load = lambda name: onnxruntime.InferenceSession(str(ROOT / "models" / name), options, ["CPUExecutionProvider"])
    pools = [{name: load(name) for name in LOOK} for _ in range(threads)]
    random = numpy.random.default_rng(1)
    pictures = {
        name: [random.uniform(0, 255, (1, 1, *size)).astype(numpy.float32) for size in sizes] for name, sizes in LOOK.items()
    }

    def look(sessions: dict) -> None:
        for name, session in sessions.items():
            for picture in pictures[name]:
                session.run(None, {"frame": picture})

    def work(index: int) -> None:
        for _ in range(passes // threads + (index < passes % threads)):
            look(pools[index])

    for sessions in pools:
        look(sessions)
    started = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(threads)))
    return time.perf_counter() - started


def spread(values: list[float], digits: int) -> str:
    """Median (lowest to highest)."""
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path(tempfile.gettempdir()) / "heatveil-bench")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    given.work.mkdir(exist_ok=True)
    out = given.work / "out"
    small, large = simulate(given.work, 30), simulate(given.work, 1000)
    processor = next(l for l in open("/proc/cpuinfo") if l.startswith("model name")).split(":")[1].strip()
    print(f"{datetime.date.today()}, {processor}, {os.cpu_count()} cores, {platform.system()} {platform.release()},")
    print(f"ONNX Runtime {onnxruntime.__version__}, {given.rounds} interleaved rounds, median (lowest to highest).\n")
    print("| threads | heatveil, frames/s | looks a frame | bare networks, looks/s | looks/s of heatveil / bare |")
    print("| --- | --- | --- | --- | --- |")
    for threads in (1, 2):
        ours, limit, ratio, looks = [], [], [], []
        for _ in range(given.rounds):
            summary = run(small, out, threads)
            passes = summary["inference_passes"]
            seconds = bare(passes, threads)
            ours.append(summary["frames_per_second"])
            limit.append(passes / seconds)
            ratio.append(seconds / summary["seconds"])
            looks.append(passes / summary["frames_total"])
        print(f"| {threads} | {spread(ours, 2)} | {looks[0]:.2f} | {spread(limit, 2)} | {spread(ratio, 2)} |")
    summary = run(small, out, 2)
    print("\n| stage | ms a frame |\n| --- | --- |")
    for stage, seconds in summary["stage_seconds"].items():
        print(f"| {stage} | {1000 * seconds / summary['frames_total']:.2f} |")
    print(f"| of it inside the network | {1000 * summary['inference_seconds'] / summary['frames_total']:.2f} |")
    print("\n| frames | frames/s | mosaic | peak memory |\n| --- | --- | --- | --- |")
    for frames in (small, large):
        summary = run(frames, out, 2)
        mosaic = summary["mosaic"]
        print(
            f"| {summary['frames_total']} | {summary['frames_per_second']:.2f} | "
            f"{mosaic['width']} x {mosaic['height']} | {summary['peak_rss_bytes'] / 2**20:.0f} MiB |"
        )


if __name__ == "__main__":
    main()
