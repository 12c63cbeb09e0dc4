"""End to end against the limit: `heatveil run` and bare ONNX Runtime in turn, on the same frames and threads.

    make peers

Simulates a flight of 200 frames, runs both sides interleaved, and prints the tables of BENCHMARKS.md.
"""

import argparse
import concurrent.futures
import json
import pathlib
import platform
import subprocess
import tempfile
import time

import numpy
import onnxruntime

from common import HEATVEIL, ROOT, machine, simulate, spread

# What one look at a frame of 640x512 costs by default: both built-in networks in int8, the window's at its card's three scales.
LOOK = {
    "person-vehicle-bicycle.int8.onnx": [(512, 640)],
    "window.int8.onnx": [(512, 640), (256, 320), (128, 160)],
}


def run(frames: pathlib.Path, out: pathlib.Path, threads: int) -> dict:
    """One run; its summary."""
    arguments = [HEATVEIL, "run", frames, "--out", out, "--overwrite", "--threads", str(threads), "--quiet"]
    finished = subprocess.run(arguments, capture_output=True, text=True, check=False)
    if finished.returncode not in (0, 3):
        raise SystemExit(finished.stderr)
    return json.loads((out / "summary.json").read_text())


def bare(looks: int, threads: int) -> float:
    """Seconds for `looks` looks, each of both networks: one session of each network a thread, one thread a session."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    # As heatveil asks for it: without VNNI the fast kernels for int8 add in 16 bits and overflow, so that they find other things.
    if platform.machine() == "x86_64" and "vnni" not in pathlib.Path("/proc/cpuinfo").read_text():
        options.add_session_config_entry("session.x64quantprecision", "1")
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
        for _ in range(looks // threads + (index < looks % threads)):
            look(pools[index])

    for sessions in pools:
        look(sessions)
    started = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(threads)))
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path(tempfile.gettempdir()) / "heatveil-bench")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--frames", type=int, default=200)
    given = parser.parse_args()
    given.work.mkdir(exist_ok=True)
    out = given.work / "out"
    flight = simulate(given.work, given.frames)
    print(machine(given.rounds) + f" ONNX Runtime {onnxruntime.__version__}.\n")
    print("| threads | heatveil, frames/s | looks of both networks a frame | bare networks, frames/s | heatveil / bare |")
    print("| --- | --- | --- | --- | --- |")
    speeds = {}
    for threads in (1, 2):
        ours, limit, ratio, looks = [], [], [], []
        for _ in range(given.rounds):
            summary = run(flight, out, threads)
            # Each look of each network counts as one pass.
            looks.append(summary["inference_passes"] // len(LOOK))
            seconds = bare(looks[-1], threads)
            ours.append(summary["frames_per_second"])
            limit.append(summary["frames_total"] / seconds)
            ratio.append(seconds / summary["seconds"])
        speeds[threads] = ours
        print(f"| {threads} | {spread(ours, 2)} | {looks[0] / summary['frames_total']:.2f} | {spread(limit, 2)} | {spread(ratio, 2)} |", flush=True)
    both = [two / one for one, two in zip(speeds[1], speeds[2])]
    print(f"\nTwo threads against one: {spread(both, 2)}.")
    summary = run(flight, out, 1)
    print("\n| stage, one thread | ms a frame |\n| --- | --- |")
    stages = summary["stage_seconds"]
    for stage, seconds in stages.items():
        print(f"| {stage} | {1000 * seconds / summary['frames_total']:.2f} |")
    print(f"| of it inside the networks | {1000 * summary['inference_seconds'] / summary['frames_total']:.2f} |")
    rest = summary["seconds"] - sum(stages.values())
    print(f"| the rest: start, log, refinement, map and its files | {1000 * rest / summary['frames_total']:.2f} |")
    mosaic, peak = summary["mosaic"], summary["peak_rss_bytes"] / 2**20
    print(f"\n{summary['frames_total']} frames, map of {mosaic['width']} x {mosaic['height']} pixels, peak memory {peak:.0f} MiB.")


if __name__ == "__main__":
    main()
