"""Peak memory of a night: 10,000 frames of 640x512 against the 500 of its first flight, with all networks, carry and refined poses, two threads.

    make soak-night        FRAMES=500 a flight, FLIGHTS=20; half an hour of two free cores and 20 GB of disk (TMPDIR)

A flight is simulated once; the others are its files with another date in their EXIF, byte for byte the same otherwise: what a run keeps for a frame does
not depend on what is in its pixels. The peak is the program's own (`peak_rss_bytes` of summary.json, the kernel's VmHWM), with the allocator as users have it.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

GOAL = 1.10
LIMIT_MB = 600


def fly(program: str, folder: pathlib.Path, frames: int, flights: int) -> None:
    """One folder a flight, `00` as simulated on 15 January, the others on the nights that follow."""
    subprocess.run([program, "simulate", "--frames", str(frames), "--out", folder / "simulated", "--quiet"], check=True)
    first = folder / "night" / "00"
    first.parent.mkdir()
    (folder / "simulated" / "frames").rename(first)
    for flight in range(1, flights):
        month, day = divmod(flight - 1, 28)
        to = folder / "night" / f"{flight:02}"
        to.mkdir()
        for path in sorted(first.iterdir()):
            date = f"2026:{month + 2:02}:{day + 1:02}"
            data = path.read_bytes().replace(b"2026:01:15", date.encode())
            (to / path.name.replace("20260115", date.replace(":", ""))).write_bytes(data)


def run(program: str, frames: pathlib.Path, out: pathlib.Path) -> dict:
    """The summary of a run."""
    command = [program, "run", frames, "--out", out, "--threads", "2", "--quiet"]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    if finished.returncode not in (0, 3):
        raise SystemExit(finished.stderr)
    return json.loads((out / "summary.json").read_text())


def main() -> None:
    program = sys.argv[1]
    frames, flights = (int(os.environ.get(name) or otherwise) for name, otherwise in (("FRAMES", 500), ("FLIGHTS", 20)))
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        fly(program, folder, frames, flights)
        peaks = []
        print("| frames | published | mosaic | pairs refined | seconds | peak memory |")
        print("| --- | --- | --- | --- | --- | --- |")
        for label, inputs in (("one", folder / "night" / "00"), ("all", folder / "night")):
            started = time.monotonic()
            summary = run(program, inputs, folder / label)
            mosaic = summary["mosaic"]
            pairs = sum((flight["alignment"] or {}).get("pairs_tied", 0) for flight in summary["flights"])
            peaks.append(summary["peak_rss_bytes"])
            print(
                f"| {summary['frames_total']} | {summary['frames_published']} | {mosaic['width']} x {mosaic['height']} | {pairs} "
                f"| {time.monotonic() - started:.0f} | {peaks[-1] / 2**20:.0f} MiB |",
                flush=True,
            )
    growth = peaks[1] / peaks[0]
    print(f"\n{growth:.3f} times (goal {GOAL}), {peaks[1] / 1e6:.0f} MB at most (goal {LIMIT_MB}).")
    sys.exit(growth > GOAL or peaks[1] > LIMIT_MB * 1e6)


if __name__ == "__main__":
    main()
