"""What the comparisons of this folder share."""

import datetime
import os
import pathlib
import platform
import statistics
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
# As it is handed on: see `make dist`.
HEATVEIL = ROOT / "target/dist/heatveil"
DATA = pathlib.Path(os.environ.get("HEATVEIL_DATA", ROOT / "../shared/data"))


def simulate(folder: pathlib.Path, frames: int) -> pathlib.Path:
    """A simulated DJI flight, kept between calls."""
    out = folder / f"flight-{frames}"
    if not (out / "truth").exists():
        subprocess.run([HEATVEIL, "simulate", "--out", out, "--frames", str(frames)], check=True, stdout=subprocess.DEVNULL)
    return out / "frames"


def spread(values: list[float], digits: int) -> str:
    """Median (lowest to highest)."""
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def machine(rounds: int) -> str:
    """The line above every table."""
    processor = next(l for l in open("/proc/cpuinfo") if l.startswith("model name")).split(":")[1].strip()
    load = os.getloadavg()[0]
    return (
        f"{datetime.date.today()}, {processor}, {os.cpu_count()} cores, {platform.system()} {platform.release()}, load {load:.1f} at the start; "
        f"{rounds} interleaved rounds, median (lowest to highest)."
    )
