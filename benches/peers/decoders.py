"""Files to temperatures: heatveil against flyr, exiftool and dji-thermal-cli, in turn on the same files.

    make peers

FLIR: heatveil reads, decodes and calibrates every pixel; `flyr` does the same in one Python process (its import is not counted); `exiftool` only hands
over the raw counts, of all files in one call. DJI: R-JPEG to float TIFF, both with two threads or processes.

Real flights are taken where the data folder has them (HEATVEIL_DATA); dji-thermal-cli takes no simulated files. Nothing of them is kept.
"""

import argparse
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

from common import DATA, ROOT, machine, spread

FLYR = """
import sys, time, flyr
started = time.perf_counter()
for name in sys.argv[1:]:
    flyr.unpack(name).celsius
print(time.perf_counter() - started)
"""


def timed(command: list, **how) -> float:
    """Wall seconds of a whole process."""
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **how)
    return time.perf_counter() - started


def heatveil(bench: pathlib.Path, what: str, threads: int, files: list, out: pathlib.Path) -> float:
    """Seconds of all files, inside the process."""
    command = [bench, "--what", what, "--threads", str(threads), "--out", out, *files]
    told = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(told.stdout.split()[0])


def copies(files: list[pathlib.Path], folder: pathlib.Path, count: int) -> list[pathlib.Path]:
    """`count` files with names of their own, in a new folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    made = [folder / f"{number:04}_{files[number % len(files)].name}" for number in range(count)]
    for number, path in enumerate(made):
        shutil.copyfile(files[number % len(files)], path)
    return made


def row(name: str, peer: str, files: list, rounds: int, ours, theirs) -> None:
    """One line of the table: both sides in turn."""
    left, right = [], []
    for _ in range(rounds):
        left.append(1000 * ours() / len(files))
        right.append(1000 * theirs() / len(files))
    ratio = [b / a for a, b in zip(left, right)]
    print(f"| {name} | {len(files)} | {spread(left, 2)} | {peer} | {spread(right, 2)} | {spread(ratio, 1)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path(tempfile.gettempdir()) / "heatveil-bench")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--bench", type=pathlib.Path, required=True, help="the program of `cargo bench --bench decode`")
    parser.add_argument("--dji", type=pathlib.Path, help="dji-thermal-cli")
    given = parser.parse_args()
    given.work.mkdir(exist_ok=True)
    out = given.work / "decoded"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    fixtures = ROOT / "fixtures/flight/frames"
    real = {name: sorted((DATA / "flights" / name).rglob("*.[jJ][pP]*[gG]")) for name in ("xt2", "m2ea")}
    # flyr reads the one with a PNG inside and not the plain one.
    flir = {"FLIR, fixture": copies([fixtures / "DJI_20260115223002_0003_R.JPG"], given.work / "flir", 40)}
    dji = {}
    if real["xt2"]:
        flir["FLIR, XT2 flight"] = real["xt2"]
    if real["m2ea"]:
        dji["DJI, M2EA flight"] = real["m2ea"]
    print(machine(given.rounds) + "\n")
    print("| files | frames | heatveil, ms a frame | peer | its ms a frame | heatveil is faster by |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, files in flir.items():
        ours = lambda: heatveil(given.bench, "calibrate", 1, files, out)
        flyr = lambda: float(subprocess.run([sys.executable, "-c", FLYR, *files], check=True, capture_output=True, text=True).stdout)
        row(name, "flyr", files, given.rounds, ours, flyr)
        exiftool = lambda: timed(["exiftool", "-b", "-RawThermalImage", *files])
        row(name, "exiftool, raw counts only", files, given.rounds, ours, exiftool)
    if not given.dji:
        print("\ndji-thermal-cli was not measured: it needs Python 3.12, which was not found.")
        return
    if not dji:
        print("\ndji-thermal-cli was not measured: it takes no simulated files, and there is no real flight in HEATVEIL_DATA.")
    for name, files in dji.items():
        ours = lambda: heatveil(given.bench, "tiff", 2, files, out)

        def theirs() -> float:
            made = given.work / "dji-out"
            shutil.rmtree(made, ignore_errors=True)
            arguments = ["--input-dir", files[0].parent, "--output-dir", made, "--output", "temp_c:tiff", "--jobs", "2", "--quiet"]
            seconds = timed([given.dji, "process", *arguments])
            written = len(list(made.rglob("*.tif*")))
            if written != len(files):
                raise SystemExit(f"dji-thermal-cli wrote {written} of {len(files)} files")
            return seconds

        row(name + ", to float TIFF", "dji-thermal-cli", files, given.rounds, ours, theirs)


if __name__ == "__main__":
    main()
