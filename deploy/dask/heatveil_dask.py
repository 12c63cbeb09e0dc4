#!/usr/bin/env python3
"""Does the shards of a planned heatveil run on Dask workers, then merges them.

    heatveil plan flight/ --out tonight --shards 31
    python deploy/dask/heatveil_dask.py tonight --workers 4 --threads 1

Dask only decides who runs `heatveil work` when: frames, masks and the log are heatveil's. A shard whose worker dies or fails is done again, here or
elsewhere; done twice it is done once. Without --scheduler the workers are processes of this machine. With it they are those of any Dask cluster
(SSH, SLURM, Kubernetes) whose machines see the same folders and program; each of its workers must be started with `--resources heatveil=1`, so
that one shard at a time runs on it.
"""

import argparse
import ctypes
import json
import pathlib
import signal
import subprocess
import sys

import dask
from distributed import Client, LocalCluster, as_completed

# One shard takes all of it, whatever threads the Dask worker has.
SLOT = {"heatveil": 1}
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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="folder of the plan, which every worker sees under this path")
    parser.add_argument("--heatveil", default="heatveil", metavar="FILE", help="the program, on every worker [default: heatveil]")
    parser.add_argument("--workers", type=int, default=2, help="worker processes on this machine [default: 2]")
    parser.add_argument("--threads", type=int, default=1, help="threads of each `heatveil work` [default: 1]")
    parser.add_argument("--scheduler", metavar="ADDRESS", help="a Dask scheduler, instead of workers on this machine")
    parser.add_argument("--retries", type=int, default=5, help="times that a shard is tried again [default: 5]")
    parser.add_argument("--dashboard", default="127.0.0.1:8787", metavar="ADDRESS", help="where Dask shows what it does [default: 127.0.0.1:8787]")
    parser.add_argument("--no-merge", action="store_true", help="leave `heatveil merge` to somebody else")
    parser.add_argument("arguments", nargs="*", metavar="FLAG", help="after --: flags for `heatveil work` and `merge`, such as --onnx-runtime FILE")
    args = parser.parse_args()

    folder = str(pathlib.Path(args.folder).absolute())
    plan = pathlib.Path(folder, ".work", "plan.json")
    if not plan.exists():
        sys.exit(f"error: {folder} holds no plan; make one with `heatveil plan`")
    shards = len(json.loads(plan.read_text())["shards"])

    # A shard is not to blame for the machine that was taken away under it.
    dask.config.set({
        "distributed.scheduler.allowed-failures": args.retries,
        # A worker that died starts again; on a busy machine that takes longer than the 15 seconds after which Dask gives it up for good.
        "distributed.deploy.lost-worker-timeout": "1 hour",
    })
    cluster = None
    if args.scheduler is None:
        cluster = LocalCluster(
            n_workers=args.workers, threads_per_worker=1, processes=True, resources=SLOT, dashboard_address=args.dashboard
        )
    failed = []
    with Client(args.scheduler or cluster) as client:
        print(f"{shards} shards; {client.dashboard_link}", file=sys.stderr, flush=True)
        flags = ["--threads", str(args.threads), *args.arguments]
        futures = {
            client.submit(work, args.heatveil, folder, shard, flags, key=f"shard-{shard}", resources=SLOT, retries=args.retries, pure=False): shard
            for shard in range(shards)
        }
        done = 0
        for future in as_completed(futures):
            if future.status == "finished":
                done += 1
                answer = future.result()
                how = "was done before" if answer["was_done"] else f"{answer['frames_published']} of {answer['frames']} frames"
                print(f"{done}/{shards}: shard {answer['shard']}, {how}", file=sys.stderr, flush=True)
            else:
                failed.append(futures[future])
                print(f"shard {futures[future]} failed: {future.exception()}", file=sys.stderr, flush=True)
    if cluster is not None:
        cluster.close()
    if failed:
        sys.exit(f"error: {len(failed)} of {shards} shards are not done; the same command does what is left")
    if not args.no_merge:
        sys.exit(subprocess.run([args.heatveil, "merge", folder, *args.arguments]).returncode)


if __name__ == "__main__":
    main()
