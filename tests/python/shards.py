"""One run against the same run in shards, through the real program: splits, workers killed at random, Dask, overhead.

    python tests/python/shards.py target/release/heatveil shards-work 120 [kills] [dask] [overhead]

Whatever differs between the folders but the durations in summary.json ends it with exit code 1. The table that it prints stands in BENCHMARKS.md.
"""

import concurrent.futures
import itertools
import json
import os
import pathlib
import random
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import time

PROGRAM = pathlib.Path(sys.argv[1]).absolute()
WORK = pathlib.Path(sys.argv[2]).absolute()
FRAMES = int(sys.argv[3])
REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
ROUNDS = int(os.environ.get("ROUNDS", "3"))
SPLITS = [1, 2, 7, 31]
# Of the overhead: as many as there are workers, so that borders and starts count as they do in a large run.
SHARDS = 4

# The clock stands still, so that run.opened and run.closed have one time.
os.environ["SOURCE_DATE_EPOCH"] = "1768516200"
os.environ.setdefault("ORT_DYLIB_PATH", str(REPOSITORY / ".setup/onnxruntime/libonnxruntime.so"))


def call(*arguments, codes=(0,)):
    done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode not in codes:
        sys.exit(f"{arguments}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def keys():
    return ["--log-key", WORK / "log.key", "--commitment-key", WORK / "commitment.key"]


def run(out, threads):
    call("run", WORK / "flight/frames", "--out", out, "--threads", threads, *keys(), "--progress", "none", codes=(0, 3))


def plan(out, shards, threads=2):
    answer = call("plan", WORK / "flight/frames", "--out", out, "--shards", shards, "--threads", threads, *keys(), "--json", "--progress", "none")
    return json.loads(answer.splitlines()[-1])


def merge(out, threads):
    call("merge", out, "--threads", threads, "--progress", "none", codes=(0, 3))


def left(folder):
    files = {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
    files.pop(pathlib.Path("summary.json"))
    return files


def same(out):
    whole, merged = left(WORK / "whole"), left(out)
    if whole != merged:
        differ = [str(path) for path in whole.keys() | merged.keys() if whole.get(path) != merged.get(path)]
        sys.exit(f"{out} differs from the whole run: {sorted(differ)[:9]}")
    print(f"{out.name}: {len(merged)} files, byte for byte those of the whole run", flush=True)
    shutil.rmtree(out)


def work(out, shard, threads=1):
    return subprocess.Popen(
        [PROGRAM, "work", out, "--shard", str(shard), "--threads", str(threads), "--progress", "none"],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )


def killed_splits(dice):
    """Every split, with two workers at a time in random order, each killed at a random moment with even chances; some shards twice at once."""
    for shards in SPLITS:
        out = WORK / f"split-{shards}"
        shards = plan(out, shards)["shards"]
        begun = time.monotonic()
        pilot = work(out, 0)
        pilot.wait()
        took = time.monotonic() - begun
        kills = 0
        waiting = [shard for shard in range(shards) for _ in range(1 + (shard % 5 == 0))]
        dice.shuffle(waiting)

        def attempt(shard, seconds):
            child = work(out, shard)
            if seconds is None:
                return child.wait(), child.stderr.read()
            try:
                return child.wait(timeout=seconds), child.stderr.read()
            except subprocess.TimeoutExpired:
                child.send_signal(signal.SIGKILL)
                child.wait()
                return None, ""

        while waiting:
            now, waiting = waiting[:2], waiting[2:]
            limits = [dice.uniform(0, took) if dice.random() < 0.5 else None for _ in now]
            with concurrent.futures.ThreadPoolExecutor() as pool:
                for shard, (code, said) in zip(now, pool.map(attempt, now, limits)):
                    if code is None:
                        kills += 1
                        waiting.append(shard)
                    elif code != 0:
                        sys.exit(f"shard {shard}: exit code {code}\n{said}")
        if shards == SPLITS[1]:
            # What a merge that is killed leaves is gone on with, and told: such a log has an entry more.
            shutil.copytree(out, WORK / "merge-killed")
        merge(out, 2)
        print(f"split {shards}: {kills} workers killed", flush=True)
        same(out)


def killed_merge(dice):
    out = WORK / "merge-killed"
    kills = 0
    while True:
        child = subprocess.Popen([PROGRAM, "merge", out, "--progress", "none"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            code = child.wait(timeout=dice.uniform(0.2, 6) if kills < 8 else None)
            break
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL)
            child.wait()
            kills += 1
    if code not in (0, 3):
        sys.exit(f"merge after {kills} kills: exit code {code}")
    call("verify", out)
    whole, merged = left(WORK / "whole"), left(out)
    for folder in ("tiles", "buildings"):
        of = lambda files: {path: data for path, data in files.items() if path.parts[0] == folder}
        if of(whole) != of(merged):
            sys.exit(f"{folder} after a killed merge differs")
    print(f"merge killed {kills} times: tiles as in the whole run, log verifies", flush=True)
    shutil.rmtree(out)


def dask(dice):
    """Dask's own worker processes killed under it."""
    import psutil

    out = WORK / "dask"
    shards = plan(out, 31)["shards"]
    driver = subprocess.Popen(
        [sys.executable, REPOSITORY / "deploy/dask/heatveil_dask.py", out, "--heatveil", PROGRAM, "--workers", "2", "--retries", "20", "--dashboard", "127.0.0.1:0"],
        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
    )
    kills = 0
    reader = concurrent.futures.ThreadPoolExecutor().submit(driver.stderr.read)
    while driver.poll() is None:
        time.sleep(dice.uniform(2, 5))
        if kills == 6:
            continue
        try:
            workers = [child.parent() for child in psutil.Process(driver.pid).children(recursive=True) if "work" in child.cmdline()[1:2]]
            if workers:
                dice.choice(workers).kill()
                kills += 1
        except psutil.Error:
            pass
    if driver.returncode not in (0, 3) or kills == 0:
        sys.exit(f"dask: exit code {driver.returncode} after {kills} kills\n{reader.result()[-3000:]}")
    print(f"dask, {shards} shards: {kills} Dask workers killed", flush=True)
    same(out)


def cpu():
    """Seconds of processor time of all children that ended: what other work on the machine hardly changes."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def overhead():
    """One process of four threads against four workers of one thread each, in turn; clock and processor seconds."""
    print("\n| round | `run --threads 4`, s (CPU s) | plan | 4 x `work --threads 1` | merge | all / run, by the clock | by CPU seconds |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    ratios = []
    for number in range(ROUNDS):
        shutil.rmtree(WORK / "one", ignore_errors=True)
        out = WORK / "four"
        marks = [(time.monotonic(), cpu())]
        run(WORK / "one", 4)
        marks.append((time.monotonic(), cpu()))
        planned = plan(out, SHARDS, 4)
        marks.append((time.monotonic(), cpu()))
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            codes = list(pool.map(lambda shard: work(out, shard).wait(), range(planned["shards"])))
        if any(codes):
            sys.exit(f"exit codes of workers: {codes}")
        marks.append((time.monotonic(), cpu()))
        left_there = [sum(path.stat().st_size for path in (out / ".work").rglob(kind)) for kind in ("*.f32", "*.result.jsonl", "*plan.json*")]
        merge(out, 4)
        marks.append((time.monotonic(), cpu()))
        one, *others = [(b[0] - a[0], b[1] - a[1]) for a, b in itertools.pairwise(marks)]
        ratio = [sum(part[kind] for part in others) / one[kind] for kind in (0, 1)]
        ratios.append(ratio)
        cells = [f"{clock:.1f} ({used:.1f})" for clock, used in (one, *others)]
        print(f"| {number + 1} | {' | '.join(cells)} | {ratio[0]:.3f} | {ratio[1]:.3f} |", flush=True)
        if not (WORK / "whole").exists():
            shutil.copytree(WORK / "one", WORK / "whole")
        same(out)
    rasters, results, plans = left_there
    clock, used = (statistics.median(kind) for kind in zip(*ratios))
    print(f"\nmedian {clock:.3f} by the clock, {used:.3f} by CPU seconds; {FRAMES} frames in {planned['shards']} shards, {planned['neighbours']} first looks beside them")
    print(f"a frame: {rasters / FRAMES / 1e6:.2f} MB of rasters, {results / FRAMES:.0f} bytes of results, {plans / FRAMES:.0f} bytes of plan")


def main():
    seed = int(os.environ.get("SEED", "1"))
    dice = random.Random(seed)
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    call("simulate", "--out", WORK / "flight", "--frames", FRAMES)
    (WORK / "commitment.key").write_text("07" * 32)
    call("keygen", "--name", "test.example/heatveil", "--out", WORK / "log.key")
    parts = sys.argv[4:] or ["kills", "dask", "overhead"]
    if parts != ["overhead"]:
        run(WORK / "whole", 2)
    if "kills" in parts:
        killed_splits(dice)
        killed_merge(dice)
    if "dask" in parts:
        dask(dice)
    if "overhead" in parts:
        overhead()


main()
