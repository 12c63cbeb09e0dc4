#!/usr/bin/env python3
"""Does the shards of a planned heatveil run on Dask workers, then merges them.

    heatveil plan flight/ --out tonight --shards 31
    python deploy/dask/heatveil_dask.py tonight --workers 4 --threads 1

Dask only decides who runs `heatveil work` when: frames, masks and the log are heatveil's. A shard whose worker dies or fails is done again, here or
elsewhere; done twice it is done once. Without --scheduler the workers are processes of this machine. With it they are those of any Dask cluster
(SSH, SLURM, Kubernetes) whose machines see the same folders and program; each of its workers must be started with `--resources heatveil=1`, so
that one shard at a time runs on it.

    python deploy/dask/heatveil_dask.py s3://private/tonight --frames s3://survey/flight --out s3://released/tonight --shards 31 \\
        --log-key log.key --commitment-key commitment.key --workers 4

does the same with an object store, and plans first if nobody has (deploy/objects/): each worker fetches the frames of its shard and puts its results.
Credentials are those in the environment of each worker.
"""

import argparse
import collections
import ctypes
import json
import pathlib
import signal
import subprocess
import sys

import dask
from distributed import Client, LocalCluster, as_completed
from distributed.scheduler import KilledWorker

# One shard takes all of it, whatever threads the Dask worker has.
SLOT = {"heatveil": 1}
OBJECTS = pathlib.Path(__file__).resolve().parent.parent / "objects"
PR_SET_PDEATHSIG = 1


def die_with_parent():
    """A worker that is killed takes its shard with it (Linux); elsewhere that runs on, in vain and harmlessly."""
    try:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    except (AttributeError, OSError):
        pass


def work(program, folder, shard, arguments):
    """One shard, on a worker."""
    command = [program, "work", folder, "--shard", str(shard), "--progress", "none", "--json", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=die_with_parent)
    if done.returncode != 0:
        raise RuntimeError(f"shard {shard}: exit code {done.returncode}: {done.stderr.strip()[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def work_objects(arguments):
    """One shard in an object store, on a worker."""
    import heatveil_objects

    return heatveil_objects.work(heatveil_objects.parse(arguments))


class InFolder:
    """A plan in a folder that all see."""

    def __init__(self, args, flags):
        self.heatveil, self.threads, self.flags = args.heatveil, args.threads, flags
        self.folder = str(pathlib.Path(args.folder).absolute())
        plan = pathlib.Path(self.folder, ".work", "plan.json")
        if not plan.exists():
            sys.exit(f"error: {self.folder} holds no plan; make one with `heatveil plan`")
        self.shards = len(json.loads(plan.read_text())["shards"])

    def prepare(self, client):
        pass

    def task(self, shard):
        return work, self.heatveil, self.folder, shard, ["--threads", str(self.threads), *self.flags]

    def merge(self):
        return subprocess.run([self.heatveil, "merge", self.folder, *self.flags]).returncode


class InObjects:
    """A plan in an object store, made now where there is none."""

    def __init__(self, args, flags):
        sys.path.insert(0, str(OBJECTS))
        import heatveil_objects

        self.tool = heatveil_objects
        if args.out is None and not args.no_merge:
            sys.exit("error: where does the release go? give --out s3://BUCKET/PREFIX")
        chosen = {"--scratch": args.scratch, "--tries": args.tries, "--stall-seconds": args.stall_seconds, "--heatveil": args.heatveil}
        options = [text for name, value in chosen.items() if value is not None for text in (name, str(value))]
        self.work = [args.folder, *options, "--threads", str(args.threads), "--shard"]
        self.flags = ["--", *flags]
        key = ["--log-key", args.log_key] if args.log_key else []
        self.merging = ["merge", args.folder, *options, "--out", str(args.out), *key, *self.flags]
        self.shards = self.call(heatveil_objects.shards, ["work", *self.work, "0"])
        if self.shards is None:
            if None in (args.frames, args.shards, args.log_key, args.commitment_key):
                sys.exit(f"error: {args.folder} holds no plan; to make one, give --frames, --shards, --log-key and --commitment-key")
            planning = ["plan", args.folder, *options, "--frames", args.frames, "--shards", str(args.shards), *key, "--commitment-key", args.commitment_key]
            planning += ["--config", args.config] if args.config else []
            self.shards = self.call(heatveil_objects.plan, [*planning, *self.flags])["shards"]

    def call(self, does, arguments):
        try:
            return does(self.tool.parse(arguments))
        except self.tool.Failure as failure:
            print(f"error: {failure}", file=sys.stderr)
            sys.exit(failure.code)

    def prepare(self, client):
        for name in ("object_store.py", "local_run.py", "heatveil_objects.py"):
            client.upload_file(str(OBJECTS / name))

    def task(self, shard):
        return work_objects, ["work", *self.work, str(shard), *self.flags]

    def merge(self):
        code, answer = self.call(self.tool.merge, self.merging)
        print(json.dumps(answer))
        return code


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="folder of the plan, which every worker sees under this path, or s3://BUCKET/PREFIX")
    parser.add_argument("--heatveil", default="heatveil", metavar="FILE", help="the program, on every worker [default: heatveil]")
    parser.add_argument("--workers", type=int, default=2, help="worker processes on this machine [default: 2]")
    parser.add_argument("--threads", type=int, default=1, help="threads of each `heatveil work` [default: 1]")
    parser.add_argument("--scheduler", metavar="ADDRESS", help="a Dask scheduler, instead of workers on this machine")
    parser.add_argument("--retries", type=int, default=5, help="times that a shard is tried again [default: 5]")
    parser.add_argument("--dashboard", default="127.0.0.1:8787", metavar="ADDRESS", help="where Dask shows what it does [default: 127.0.0.1:8787]")
    parser.add_argument("--no-merge", action="store_true", help="leave `heatveil merge` to somebody else")
    objects = parser.add_argument_group("object store", "where the folder is s3://BUCKET/PREFIX; `heatveil_objects.py --help` tells more")
    objects.add_argument("--frames", metavar="URL", help="s3://BUCKET/PREFIX of the thermal frames, where nobody planned yet")
    objects.add_argument("--out", metavar="URL", help="s3://BUCKET/PREFIX of the release")
    objects.add_argument("--shards", type=int, metavar="N", help="parts to divide the frames into, where nobody planned yet")
    objects.add_argument("--config", metavar="FILE", help="settings of heatveil, where nobody planned yet")
    objects.add_argument("--log-key", metavar="FILE", help="key that signs the log; workers do not need it")
    objects.add_argument("--commitment-key", metavar="FILE", help="key of the input commitments, under the same path on every worker")
    objects.add_argument("--scratch", metavar="DIR", help="folder for raw frames, on every worker")
    objects.add_argument("--tries", type=int, metavar="N", help="times that a request is made before it is given up")
    objects.add_argument("--stall-seconds", type=float, metavar="S", help="silence that ends a request")
    end = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    args, flags = parser.parse_args(sys.argv[1:end]), sys.argv[end + 1 :]
    job = (InObjects if args.folder.startswith("s3://") else InFolder)(args, flags)
    shards = job.shards

    # A worker that died starts again; on a busy machine that takes longer than the 15 seconds after which Dask gives it up for good.
    dask.config.set({"distributed.deploy.lost-worker-timeout": "1 hour"})
    cluster = None
    if args.scheduler is None:
        cluster = LocalCluster(
            n_workers=args.workers, threads_per_worker=1, processes=True, resources=SLOT, dashboard_address=args.dashboard
        )
    failed = []
    with Client(args.scheduler or cluster) as client:
        print(f"{shards} shards; {client.dashboard_link}", file=sys.stderr, flush=True)
        job.prepare(client)

        def submit(shard, number=0):
            return client.submit(*job.task(shard), key=f"shard-{shard}-{number}", resources=SLOT, retries=args.retries, pure=False)

        futures = {submit(shard): shard for shard in range(shards)}
        done, deaths = 0, collections.Counter()
        ended = as_completed(futures)
        for future in ended:
            shard = futures[future]
            # The scheduler blames a shard for the workers that died under it, four of them unless it was started otherwise.
            if future.status == "error" and isinstance(future.exception(), KilledWorker) and deaths[shard] < args.retries:
                deaths[shard] += 1
                again = submit(shard, deaths[shard])
                futures[again] = shard
                ended.add(again)
            elif future.status == "finished":
                done += 1
                answer = future.result()
                how = "was done before" if answer["was_done"] else f"{answer['frames_published']} of {answer['frames']} frames"
                print(f"{done}/{shards}: shard {answer['shard']}, {how}", file=sys.stderr, flush=True)
            else:
                failed.append(shard)
                print(f"shard {shard} failed: {future.exception()}", file=sys.stderr, flush=True)
    if cluster is not None:
        cluster.close()
    if failed:
        sys.exit(f"error: {len(failed)} of {shards} shards are not done; the same command does what is left")
    if not args.no_merge:
        sys.exit(job.merge())


if __name__ == "__main__":
    main()
