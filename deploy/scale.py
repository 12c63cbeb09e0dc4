#!/usr/bin/env python3
"""A survey as shards on many workers, simulated event by event: how long, how well the workers are used, what it costs.

usage: scale.py COSTS.json [--seeds N]        prints the tables of docs/scale.md

COSTS.json holds what was measured (seconds of one core, bytes) and what is assumed (failures, prices); every name is explained in docs/scale.md.
A shard is a range of frames. A worker takes the next one as soon as it is free; one that fails is lost where it stands and its shard begins anew on another;
a slow worker keeps its shard, and once no shard waits, free workers do the oldest running ones a second time (`heatveil work` is safe to run twice): the first
to end counts. Then one machine merges.
"""

import argparse
import heapq
import json
import random
import statistics


def chunks(total, size):
    """Sizes of shards."""
    return [min(size, total - start) for start in range(0, total, size)]


def looks(costs, frames, workers):
    """Seconds of one worker for the frames of a shard: arithmetic or its share of the store's bandwidth, whichever takes longer."""
    overlap = 2 * costs["overlap_frames"]
    arithmetic = frames * costs["frame_seconds"] + overlap * costs["overlap_frame_seconds"]
    moved = (frames + overlap) * costs["frame_bytes_in"] + frames * costs["frame_bytes_out"]
    return costs["start_seconds"] + max(arithmetic, moved * workers / costs["store_bytes_per_second"])


def simulate(costs, total, size, workers, seed):
    """Makespan of the shards (s), share of the workers' time that first attempts needed, attempts lost, second copies."""
    chance = random.Random(seed)
    waiting = list(reversed(list(enumerate(chunks(total, size)))))
    running, done = {}, set()
    events, free, clock, number = [], [], 0.0, 0
    lost = twice = 0

    def start(worker, shard, at):
        nonlocal number
        number += 1
        needed = looks(costs, shard[1], workers) * chance.lognormvariate(0.0, costs["spread"])
        if chance.random() < costs["straggler_share"]:
            needed *= costs["straggler_factor"]
        breaks = chance.expovariate(costs["failures_per_hour"] / 3600) if costs["failures_per_hour"] else float("inf")
        ends, broken = (at + needed, False) if needed <= breaks else (at + breaks, True)
        heapq.heappush(events, (ends, number, worker, shard, broken))
        running.setdefault(shard[0], []).append((at, worker))

    def next_for(worker, at):
        nonlocal twice
        while waiting:
            shard = waiting.pop()
            if shard[0] not in done:
                return start(worker, shard, at)
        again = [(begun[0][0], shard) for shard, begun in running.items() if shard not in done and len(begun) == 1]
        if again and costs["second_copies"]:
            shard = min(again)[1]
            twice += 1
            return start(worker, (shard, sizes[shard]), at)
        free.append(worker)

    sizes = chunks(total, size)
    for worker in range(workers):
        next_for(worker, 0.0)
    while events:
        clock, _, worker, shard, broken = heapq.heappop(events)
        mine = running.get(shard[0], [])
        running[shard[0]] = [one for one in mine if one[1] != worker]
        if not running[shard[0]]:
            del running[shard[0]]
        if broken:
            lost += 1
            if shard[0] not in done:
                waiting.append(shard)
            # A worker that broke comes back after a while.
            heapq.heappush(events, (clock + costs["repair_seconds"], -number - lost, worker, (None, 0), False))
            while free and waiting:
                next_for(free.pop(), clock)
            continue
        if shard[0] is not None:
            done.add(shard[0])
            if len(done) == len(sizes):
                break
        next_for(worker, clock)
    # Waiting for the store is no use.
    useful = sum(looks(costs, size, 1) for size in sizes)
    return clock, useful / (clock * workers), lost, twice


def merge(costs, total, shards):
    """Seconds of the one machine at the end, by part."""
    cores = costs["merge_cores"]
    return {
        "log": total * costs["log_seconds"] + shards * costs["shard_seconds"],
        "placing": total * costs["refine_seconds"] / cores,
        "drawing": total * costs["draw_seconds"] / cores,
        "verify": total * costs["verify_seconds"],
    }


def hours(seconds):
    return f"{seconds / 3600:.2f}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("costs")
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args()
    with open(given.costs, encoding="utf-8") as file:
        costs = json.load(file)
    total, seeds = costs["frames"], range(given.seeds)
    print(f"{total} frames, shards of {costs['shard_frames']}\n")
    print("| workers | looking, h | used | attempts lost | second copies | merging, h | together, h | speed-up | price per 1,000 homes |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    alone = None
    for workers in costs["workers"]:
        runs = [simulate(costs, total, costs["shard_frames"], workers, seed) for seed in seeds]
        looking, used, lost, twice = (statistics.median(run[column] for run in runs) for column in range(4))
        merging = sum(merge(costs, total, len(chunks(total, costs["shard_frames"]))).values())
        alone = alone or (total * costs["frame_seconds"] + merging)
        price = (workers * looking * costs["price_core_hour"] + costs["merge_cores"] * merging * costs["price_core_hour"]) / 3600
        homes = total / costs["frames_per_home"]
        print(
            f"| {workers} | {hours(looking)} | {used:.0%} | {lost:.0f} | {twice:.0f} | {hours(merging)} | {hours(looking + merging)} "
            f"| {alone / (looking + merging):.0f} | {1000 * price / homes:.2f} {costs['currency']} |"
        )
    print(f"\nShards on {costs['workers'][-2]} workers\n\n| frames a shard | shards | looking, h | used | attempts lost |\n| ---: | ---: | ---: | ---: | ---: |")
    for size in costs["shard_sizes"]:
        runs = [simulate(costs, total, size, costs["workers"][-2], seed) for seed in seeds]
        looking, used, lost, _ = (statistics.median(run[column] for run in runs) for column in range(4))
        print(f"| {size} | {len(chunks(total, size))} | {hours(looking)} | {used:.0%} | {lost:.0f} |")
    print("\n| merging | h |\n| --- | ---: |")
    for part, seconds in merge(costs, total, len(chunks(total, costs["shard_frames"]))).items():
        print(f"| {part} | {hours(seconds)} |")


if __name__ == "__main__":
    main()
