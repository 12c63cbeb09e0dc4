"""Shards whose frames and results lie in an object store that fails, through the real programs: against one run on files.

    python tests/python/objects.py target/release/heatveil objects-work 48 [faults] [exhausted] [parts] [merges] [scheduler] [slurm] [manifests]

An S3 server (moto) and a proxy that spoils what it passes on (s3_faults.py) listen on loopback. Whatever differs from the run but the durations in
summary.json ends it with exit code 1. What it prints stands in docs/assurance.md.
"""

import collections
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import psutil
from object_survey import (
    CHANCES, DICE, DRIVER, FRAMES, KEYS, LIMITS, LOCAL, PROGRAM, REMOTE, REPOSITORY, SHARDS, STALL_SECONDS, TOOL, WORK, Survey, check, free_port, heatveil, same_folder,
    scratch_is_empty, scratch_is_private, tool,
)  # fmt: skip


def shards_at_work(pid):
    """By shard: Dask's processes under the driver that run its `heatveil work` now."""
    found = {}
    try:
        for child in psutil.Process(pid).children(recursive=True):
            line = child.cmdline()
            if "work" in line[1:2]:
                found[line[line.index("--shard") + 1]] = child.parent()
    except psutil.Error:
        pass
    return {shard: worker for shard, worker in found.items() if worker}


def kill_under(driver, most, between):
    """Kills processes of Dask at random until the driver ends; how many, and the most raw frames seen lying about."""
    kills = seen = 0
    while driver.poll() is None:
        time.sleep(DICE.uniform(*between))
        seen = max(seen, scratch_is_private())
        workers = list(shards_at_work(driver.pid).values())
        if workers and kills < most:
            try:
                DICE.choice(workers).kill()
                kills += 1
            except psutil.Error:
                pass
    return kills, seen


def dask(survey, url, *arguments, log):
    with open(WORK / log, "wb") as file:
        command = [sys.executable, DRIVER, *arguments, *LIMITS, "--heatveil", PROGRAM, "--retries", "20", "--dashboard", "127.0.0.1:0"]
        return subprocess.Popen(list(map(str, command)), stderr=file, stdout=file, env=os.environ | {"AWS_ENDPOINT_URL": url})


def faults(survey):
    """Everything fails now and then, and Dask's workers are killed."""
    proxy = survey.proxy(CHANCES)
    # Nobody knows the hash of a frame that is read for the first time: TLS keeps its bytes on the way to the plan, not this.
    planned = lambda: "tonight/plan.json" in survey.bucket.keys("tonight/plan.json")
    proxy.spare = lambda path, fault: fault == "flipped" and "/flight/" in path and not planned()
    driver = dask(
        survey, proxy.url, "s3://survey/tonight", "--frames", "s3://survey/flight", "--out", "s3://survey/release", "--shards", SHARDS, *KEYS, "--config", REMOTE, "--workers", "3", log="dask.log"
    )
    kills, seen = kill_under(driver, 6, (0.5, 3))
    check(driver.returncode in (0, 3), f"dask: exit code {driver.returncode} after {kills} kills\n{(WORK / 'dask.log').read_text()[-3000:]}")
    check(kills > 0 and seen > 0, "workers were killed and frames seen")
    files = survey.same("tonight/", "release/")
    survey.cleared("tonight/")
    done = ", ".join(f"{what} {number}" for what, number in sorted(proxy.done.items()))
    check(len(proxy.done) >= 7, f"most kinds of faults came: {done}")
    print(f"faults: {FRAMES} frames, {SHARDS} shards, {kills} Dask workers killed, {proxy.requests} requests ({done}): {files} files as in the run", flush=True)
    scratch_is_empty()
    code, answer, _ = tool("merge", "s3://survey/tonight", "--out", "s3://survey/release", url=survey.direct, codes=(0, 3))
    check(answer["was_done"] and answer["put"] == 0, "a merge that was done does nothing")
    code, answer, _ = tool("work", "s3://survey/tonight", "--shard", 3, url=survey.direct)
    check(answer["was_done"] and answer["put"] == 0, "a shard that was merged is not done again")
    survey.bucket.remove("release/tiles/tilejson.json")
    _, _, text = tool("merge", "s3://survey/tonight", "--out", "s3://survey/release", url=survey.direct, codes=(1,))
    check("is not what it was" in text, text)
    _, _, text = tool("merge", "s3://survey/tonight", "--out", "s3://survey/other", url=survey.direct, codes=(1,))
    check("was merged into s3://survey/release/ before" in text, text)
    proxy.shutdown()


def exhausted(survey):
    """Retries used up: exit code, words, and that the same command goes on afterwards."""
    proxy = survey.proxy({})
    tool("plan", "s3://survey/later", "--frames", "s3://survey/flight", "--shards", 2, *KEYS, "--config", REMOTE, url=survey.direct)
    shard = ["work", "s3://survey/later", "--shard", "0", "--threads", "1"]
    frame = survey.bucket.keys("flight/")[1]
    few = ["--tries", "3", "--stall-seconds", "1"]
    said = {}
    for fault, words in {
        "503": "the store answered 503 SlowDown to GetObject (the last of 3 tries",
        "500": "the store answered 500 InternalError to GetObject (the last of 3 tries",
        "cut": "read, but total bytes expected",
        "short": "bytes came where",
        "flipped": "its SHA-256 is",
        "stalled": "Read timeout",
        "dropped": "Connection was closed",
        "403": "are the credentials",
    }.items():
        proxy.always = {(None, frame): fault}
        _, _, text = tool(*shard, url=proxy.url, codes=(1,), limits=few)
        check(f"s3://survey/{frame}" in text and words in text, f"{fault}: {text}")
        check("Traceback" not in text, text)
        said[fault] = text.splitlines()[0]
    proxy.always = {}
    data = survey.bucket.get(frame)
    survey.bucket.put(frame, data[:-1] + bytes([data[-1] ^ 1]))
    _, _, text = tool(*shard, url=proxy.url, codes=(1,), limits=few)
    check("if it was changed for good, plan anew" in text, text)
    said["changed"] = text.splitlines()[0]
    survey.bucket.remove(frame)
    _, _, text = tool(*shard, url=proxy.url, codes=(1,), limits=few)
    check("no such object" in text and frame in text, text)
    said["removed"] = text.splitlines()[0]
    survey.bucket.put(frame, data)
    _, _, text = tool(*shard, url=proxy.url, codes=(2,), AWS_ACCESS_KEY_ID="")
    check("AWS_ACCESS_KEY_ID" in text, text)
    # No room: as much as half a frame to each file.
    command = ["prlimit", f"--fsize={len(data) // 2}", sys.executable, TOOL, *shard, "--heatveil", PROGRAM]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, env=os.environ | {"AWS_ENDPOINT_URL": survey.direct})
    check(done.returncode == 1 and "give --scratch a folder with room" in done.stderr, done)
    said["no room"] = done.stderr.splitlines()[0]
    check(not survey.bucket.keys("later/done/"), "nothing counts of what failed")
    _, _, text = tool("merge", "s3://survey/later", "--out", "s3://survey/later-release", url=proxy.url, codes=(1,))
    check("2 of 2 shards are not done, the first is 0" in text, text)

    # The list cannot be put: what it would name lies there, and is not put twice.
    proxy.always = {("PUT", "done/00000.json"): "503"}
    tool(*shard, url=proxy.url, codes=(1,), limits=few)
    blobs = set(survey.bucket.keys("later/blobs/"))
    proxy.always = {}
    _, answer, _ = tool(*shard, url=proxy.url)
    _, again, _ = tool(*shard, url=proxy.url)
    check(again["was_done"] and again["put"] == 0, "a shard that was done is not done again")
    added = set(survey.bucket.keys("later/blobs/")) - blobs
    # Times of frames are in the result, which is another file each time.
    check(not answer["was_done"] and len(added) <= 1, f"rasters are not put again: {added}")
    # A result that went bad in the store.
    tool("work", "s3://survey/later", "--shard", 1, "--threads", 1, url=proxy.url)
    raster = next(file for name, file in json.loads(survey.bucket.get("later/done/00001.json"))["files"].items() if name.endswith(".f32"))
    key = f"later/blobs/{raster[1][:2]}/{raster[1]}"
    survey.bucket.put(key, bytes(raster[0]))
    _, _, text = tool("merge", "s3://survey/later", "--out", "s3://survey/later-release", url=proxy.url, codes=(1,), limits=few)
    check(key in text and "--shard 1 --again" in text, text)
    check(not survey.bucket.keys("later-release/"), "nothing is released of what is doubtful")
    tool("work", "s3://survey/later", "--shard", 1, "--threads", 1, "--again", url=proxy.url)
    survey.bucket.put("busy/notes.txt", b"another's")
    _, _, text = tool("merge", "s3://survey/later", "--out", "s3://survey/busy", url=proxy.url, codes=(1,))
    check("busy/notes.txt is not of this release" in text and survey.bucket.keys("busy/") == ["busy/notes.txt"], text)
    proxy.always = {("PUT", "audit/checkpoint"): "503"}
    tool("merge", "s3://survey/later", "--out", "s3://survey/later-release", url=proxy.url, codes=(1,), limits=few)
    check("later-release/audit/checkpoint" not in survey.bucket.keys("later-release/"), "no checkpoint")
    proxy.always = {}
    tool("merge", "s3://survey/later", "--out", "s3://survey/later-release", url=proxy.url, codes=(0, 3))
    survey.same("later/", "later-release/")
    print(f"exhausted: {len(said)} ways to fail, each with its words and exit code 1; resumed, and as in the run", flush=True)
    for fault, text in said.items():
        print(f"  {fault}: {text}")
    proxy.shutdown()
    scratch_is_empty()


def parts(survey):
    """A file in parts: whole or not there, through faults; and what does not belong into a folder."""
    sys.path.insert(0, str(TOOL.parent))
    import object_store
    from object_store import Failure, ObjectStore, Place, sha256_of

    object_store.PART = 5 << 20
    proxy = survey.proxy({"503": 0.1, "half put": 0.1, "lost answer": 0.1, "cut": 0.2, "flipped": 0.2})
    os.environ["AWS_ENDPOINT_URL"] = proxy.url
    store = ObjectStore(4, 12, STALL_SECONDS)
    large, back = WORK / "large", WORK / "large-back"
    large.write_bytes(DICE.randbytes(17_000_001))
    size, sha256 = sha256_of(large)
    place = Place.object("s3://survey/parts/large")
    for _ in range(5):
        survey.bucket.remove(place.key)
        store.put(place, large, sha256, size)
        check(store.fetch(place, back) == (size, sha256) and sha256_of(back) == (size, sha256), "a file in parts comes back")
        check(store.size(place, sha256) == size and store.size(place, "0" * 64) is None, "it is known by its hash")
    survey.bucket.remove(place.key)
    proxy.chances = {"503": 0.7}
    few = ObjectStore(4, 2, STALL_SECONDS)
    failed = 0
    while failed < 5:
        try:
            few.put(place, large, sha256, size)
            survey.bucket.remove(place.key)
        except Failure:
            failed += 1
            check(not survey.bucket.keys("parts/"), "an upload that failed is not there")
    again, done = store.moved["tried_again"], dict(proxy.done)
    proxy.shutdown()

    del os.environ["AWS_ENDPOINT_URL"]
    for key in ("odd/../../etc/x.jpg", "odd//x.jpg", "odd/a\\b.jpg"):
        survey.bucket.put(key, b"x")
        _, _, text = tool("plan", "s3://survey/odd-work", "--frames", "s3://survey/odd", "--shards", 2, *KEYS, url=survey.direct, codes=(2,))
        check("rename the object" in text, text)
        survey.bucket.remove(key)
    _, _, text = tool("plan", "s3://survey/odd-work", "--frames", "s3://survey/none", "--shards", 2, *KEYS, url=survey.direct, codes=(2,))
    check("no objects there" in text, text)
    _, _, text = tool("plan", "s3://survey/flight/work", "--frames", "s3://survey/flight", "--shards", 2, *KEYS, url=survey.direct, codes=(2,))
    check("one lies in the other" in text, text)
    _, _, text = tool("work", "s3://nobucket/x", "--shard", 2, url=survey.direct, codes=(2,))
    check("holds no plan" in text, text)
    open_to_all = WORK / "open-to-all"
    open_to_all.mkdir()
    open_to_all.chmod(0o755)
    _, _, text = tool("plan", "s3://survey/odd-work", "--frames", "s3://survey/flight", "--shards", 2, *KEYS, "--scratch", open_to_all, url=survey.direct, codes=(2,))
    check("mode 0700" in text, text)
    print(f"parts: five files of four parts, and five that failed, {again} requests again, faults {done}", flush=True)


def merges(survey):
    """`plan`, `work` and `merge` killed at random by hand; a released checkpoint is always the last of whole files."""
    kills = collections.Counter()
    steps = [["plan", "s3://survey/killed", "--frames", "s3://survey/flight", "--shards", "2", *KEYS, "--config", str(REMOTE)]]
    steps += [["work", "s3://survey/killed", "--shard", str(shard), "--threads", "1"] for shard in (0, 1)]
    steps += [["merge", "s3://survey/killed", "--out", "s3://survey/killed-release"]]
    for step in steps:
        longest = None
        for number in range(7):
            begun = time.monotonic()
            command = [sys.executable, TOOL, *step, *LIMITS, "--heatveil", PROGRAM]
            child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=os.environ | {"AWS_ENDPOINT_URL": survey.direct})
            try:
                child.wait(timeout=DICE.uniform(0.5, longest or 5) if number < 6 else None)
            except subprocess.TimeoutExpired:
                how = DICE.choice([signal.SIGKILL, signal.SIGTERM])
                child.send_signal(how)
                child.wait()
                kills[f"{step[0]} {how.name}"] += 1
                longest = min(15, 2 * (time.monotonic() - begun) + 2)
            if "audit/checkpoint" in "".join(survey.bucket.keys("killed-release/audit/checkpoint")):
                survey.same("killed/", "killed-release/")
            if child.returncode in (0, 3):
                break
        check(child.returncode in (0, 3) or (step[0] == "plan" and child.returncode == 2), f"{step}: exit code {child.returncode}\n{child.stderr.read()}")
    survey.same("killed/", "killed-release/")
    survey.cleared("killed/")
    scratch_is_empty()
    print(f"kills by hand: {', '.join(f'{what} {number}' for what, number in sorted(kills.items()))}: as in the run", flush=True)


def scheduler(survey):
    """A scheduler and workers that were there before, in both ways of keeping a plan; workers killed."""
    port = free_port()
    bin_folder = pathlib.Path(sys.executable).parent
    address = f"tcp://127.0.0.1:{port}"
    environment = os.environ | {"AWS_ENDPOINT_URL": survey.direct}
    log = open(WORK / "scheduler.log", "wb")
    away = WORK / "elsewhere"
    away.mkdir()
    start = lambda *command: subprocess.Popen(list(map(str, command)), stdout=log, stderr=log, env=environment, cwd=away)
    running = [start(bin_folder / "dask", "scheduler", "--host", "127.0.0.1", "--port", port, "--dashboard-address", "127.0.0.1:0")]
    worker = lambda: start(bin_folder / "dask", "worker", address, "--nthreads", 1, "--resources", "heatveil=1", "--local-directory", WORK / "dask-local", "--no-dashboard")
    running += [worker(), worker()]
    try:
        for where in ("objects", "folder"):
            if where == "objects":
                arguments = ["s3://survey/cluster", "--frames", "s3://survey/flight", "--out", "s3://survey/cluster-release", "--shards", SHARDS, *KEYS, "--config", REMOTE]
            else:
                heatveil("plan", "frames", "--out", WORK / "cluster", "--shards", SHARDS, *KEYS, "--config", LOCAL, "--progress", "none", cwd=WORK / "flight")
                arguments = [WORK / "cluster"]
            driver = dask(survey, survey.direct, *arguments, "--scheduler", address, log=f"cluster-{where}.log")
            kills, unlucky = 0, None
            while driver.poll() is None:
                time.sleep(0.2)
                under = {}
                for process in running[1:]:
                    under |= shards_at_work(process.pid)
                unlucky = unlucky or next(iter(under), None)
                # One shard loses so many workers that the scheduler would give it up.
                if unlucky in under and kills < 6:
                    try:
                        under[unlucky].kill()
                    except psutil.Error:
                        continue
                    kills += 1
                    if kills == 2:
                        # A machine that goes away for good, and one that comes.
                        gone = running.pop(1)
                        for process in [*psutil.Process(gone.pid).children(recursive=True), gone]:
                            process.kill()
                        running.append(worker())
            check(driver.returncode in (0, 3), f"{where}: exit code {driver.returncode}\n{(WORK / f'cluster-{where}.log').read_text()[-3000:]}")
            check(kills == 6, f"{where}: {kills} workers were killed")
            if where == "objects":
                files = survey.same("cluster/", "cluster-release/")
            else:
                files = same_folder(WORK / "cluster")
            print(f"scheduler, {where}: six workers killed under one shard, one gone for good: {files} files as in the run", flush=True)
    finally:
        for process in running:
            for child in [*psutil.Process(process.pid).children(recursive=True), process]:
                child.kill()
            process.wait()
    scratch_is_empty()


def slurm(survey):
    """The array's script as SLURM would run it, once for each index, in both ways of keeping a plan."""
    tools = WORK / "bin"
    tools.mkdir()
    (tools / "heatveil").symlink_to(PROGRAM)
    (tools / "python3").symlink_to(sys.executable)
    heatveil("plan", "frames", "--out", WORK / "array", "--shards", SHARDS, *KEYS, "--config", LOCAL, "--progress", "none", cwd=WORK / "flight")
    tool("plan", "s3://survey/array", "--frames", "s3://survey/flight", "--shards", SHARDS, *KEYS, "--config", REMOTE, url=survey.direct)
    for where in (str(WORK / "array"), "s3://survey/array"):
        for index in range(SHARDS):
            # sbatch runs a copy of the script in a folder of its own.
            copied = WORK / f"slurm_script_{index}"
            shutil.copy(REPOSITORY / "deploy/slurm/array.sh", copied)
            environment = os.environ | {
                "AWS_ENDPOINT_URL": survey.direct, "SLURM_ARRAY_TASK_ID": str(index), "SLURM_CPUS_PER_TASK": "1",
                "PATH": f"{tools}:{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}", "HEATVEIL_DEPLOY": str(REPOSITORY / "deploy"),
            }  # fmt: skip
            done = subprocess.run(["bash", copied, where], capture_output=True, text=True, env=environment)
            check(done.returncode == 0, f"array.sh {where}, index {index}: exit code {done.returncode}\n{done.stderr}")
    heatveil("merge", WORK / "array", "--progress", "none", codes=(0, 3))
    tool("merge", "s3://survey/array", "--out", "s3://survey/array-release", url=survey.direct, codes=(0, 3))
    same_folder(WORK / "array")
    survey.same("array/", "array-release/")
    print(f"slurm: array.sh for indices 0 to {SHARDS - 1}, on a folder and on a store: as in the run", flush=True)


def manifests(_):
    """Kubernetes' manifests by its own schemas, and their arguments by the programs that they start."""
    files = sorted((REPOSITORY / "deploy/kubernetes").glob("*.yaml"))
    validate = pathlib.Path(sys.executable).with_name("kubernetes-validate")
    for version in ("1.29", "1.33", "1.37"):
        done = subprocess.run([validate, "--strict", "-k", version, *files], capture_output=True, text=True)
        check(done.returncode == 0, f"{version}: {done.stdout}{done.stderr}")
    sys.path.insert(0, str(TOOL.parent))
    import heatveil_objects
    import yaml

    for file in files:
        [container] = yaml.safe_load(file.read_text())["spec"]["template"]["spec"]["containers"]
        arguments = [text.replace("$(JOB_COMPLETION_INDEX)", "3") for text in container["args"]]
        if "objects" in file.name:
            check(heatveil_objects.parse(arguments).shard == 3, file)
        else:
            done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True)
            check("/survey/tonight holds no plan" in done.stderr, f"{file}: {done}")
    print(f"manifests: {', '.join(file.name for file in files)} pass the schemas of 1.29, 1.33 and 1.37", flush=True)


def main():
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    survey = Survey()
    try:
        every = {part.__name__: part for part in (faults, exhausted, parts, merges, scheduler, slurm, manifests)}
        for name in sys.argv[4:] or every:
            every[name](survey)
    finally:
        survey.server.kill()
        survey.server.wait()


main()
