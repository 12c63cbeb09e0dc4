#!/usr/bin/env python3
"""Shards of a run whose frames and results lie in an S3-compatible object store.

    heatveil_objects.py plan s3://private/tonight --frames s3://survey/flight --shards 31 --log-key log.key --commitment-key commitment.key
    heatveil_objects.py work s3://private/tonight --shard 0          # ... to 30, anywhere, as often as you like
    heatveil_objects.py merge s3://private/tonight --out s3://released/tonight

heatveil itself never talks to a network: this moves the bytes and runs `heatveil plan`, `work` and `merge` on files in a folder of its own, mode 0700, which
is gone when the command ends, or, if that was killed, when the next one starts. Frames are fetched and never put. Credentials come from the environment
(AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN; AWS_ENDPOINT_URL and AWS_REGION say where) and are not handed on to heatveil.

Flags for heatveil follow after --; those of `plan` hold for all. A value that is an s3:// URL is fetched as a file. Paths are absolute ones.
Exit codes are heatveil's: 0 done, 1 failed, 2 wrong flags, 3 (`merge`) finished with frames withheld, 130 interrupted.
"""

import argparse
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import sys

from local_run import heatveil, private_folder
from object_store import Failure, ObjectStore, Place, is_name, sha256_of

VERSION = 1
CHECKPOINT = "audit/checkpoint"


# Under WORK, plan.json and what it names by SHA-256 is the plan; done/K.json and what it names is shard K; merged.json is written last of all,
# and then the results are removed. A list is put when all that it names is there, so that what nobody lists never counts.
def blob(work, sha256):
    return work / f"blobs/{sha256[:2]}/{sha256}"


def put_all(store, work, folder, names):
    """Puts files under their SHA-256, those that are not there yet; their list."""

    def put(name):
        size, sha256 = sha256_of(folder / name)
        if store.size(blob(work, sha256)) != size:
            store.put(blob(work, sha256), folder / name, sha256, size)
        return name, [size, sha256]

    return dict(store.each(put, sorted(names)))


def inside(folder, name):
    """A file of a list, below the folder that is its place."""
    if not is_name(name):
        raise Failure(f"a list in the store names the file {name!r}, which would lie elsewhere; somebody else wrote to it")
    return folder / name


def fetch_all(store, work, folder, files):
    def fetch(item):
        name, (size, sha256) = item
        store.fetch(blob(work, sha256), inside(folder, name), size, sha256)

    store.each(fetch, files.items())


def put_list(store, place, content):
    text = json.dumps(content, sort_keys=True).encode()
    store.put(place, text, hashlib.sha256(text).hexdigest(), len(text))


def read_list(store, place):
    """What a list says and its SHA-256; `None` where there is none."""
    if store.size(place) is None:
        return None, None
    text = store.read(place)
    try:
        content = json.loads(text)
        if content["version"] == VERSION:
            return content, hashlib.sha256(text).hexdigest()
    except (ValueError, KeyError, TypeError):
        pass
    raise Failure(f"{place} is no list of this version; plan anew into another prefix")


def read_plan(store, work):
    plan, sha256 = read_list(store, work / "plan.json")
    if plan is None:
        raise Failure(f"{work} holds no plan; make one with `heatveil_objects.py plan`", code=2)
    return plan, sha256


def local_file(url, inputs):
    """Where the object of a flag or setting lies, below the base, when it is fetched."""
    path = "files/" + url.removeprefix("s3://")
    inputs[path] = url
    return path


def local_flags(flags, inputs):
    """Flags for heatveil, in which URLs became the files that were, or will be, fetched."""
    return [re.sub("^(--[a-z0-9-]+=)?(s3://.*)$", lambda found: (found[1] or "") + local_file(found[2], inputs), flag) for flag in flags]


def local_settings(file, folder, inputs):
    """A copy of a settings file in which the strings that are URLs became files; as a flag."""
    if file is None:
        return []
    text = re.sub("""(["'])(s3://.*?)\\1""", lambda found: found[1] + local_file(found[2], inputs) + found[1], file.read_text())
    (folder / file.name).write_text(text)
    return ["--config", folder / file.name]


def threads(options):
    return ["--threads", options.threads] if options.threads else []


def plan(options):
    """Reads every frame once, here, and leaves a plan in the store."""
    store, work = options.store(), Place.folder(options.work)
    frames = Place.folder(options.frames)
    sizes = store.list(frames)
    if not sizes:
        raise Failure(f"{frames}: no objects there, or none that these credentials may list", code=2)
    for name in sizes:
        if not is_name(name):
            raise Failure(f"{frames}{name}: a key that is no path below the prefix; rename the object", code=2)
    if frames.bucket == work.bucket and (frames.key.startswith(work.key) or work.key.startswith(frames.key)):
        raise Failure(f"{work} and {frames}: one lies in the other; results would become frames", code=2)
    if store.size(work / "plan.json") is not None:
        raise Failure(f"{work} holds a plan; work on that, or give another prefix", code=2)
    with private_folder(options.scratch) as (folder, lock):
        base, out = folder / "base", folder / "out"
        files = {}
        flags = [*local_settings(options.config, folder, files), *local_flags(options.flags, files)]
        keys = ["--log-key", options.log_key.absolute(), "--commitment-key", options.commitment_key.absolute()]

        def fetch(item):
            name, (place, size) = item
            if not is_name(name):
                raise Failure(f"{place}: its key is no path of a file; rename the object", code=2)
            return name, [str(place), *store.fetch(place, base / name, size)]

        wanted = {f"frames/{name}": (frames / name, size) for name, size in sizes.items()}
        inputs = dict(store.each(fetch, (wanted | {name: (Place.object(url), None) for name, url in files.items()}).items()))
        # Relative to the folder that each worker names by --base.
        _, answer = heatveil(options, lock, "plan", "frames", "--out", out, "--shards", options.shards, *keys, *threads(options), *flags, cwd=base)
        made = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}
        secret = sorted(name for name in made if name.startswith("private/"))
        if secret:
            raise Failure(f"`heatveil plan` left {secret[0]}, which belongs into no store; give --log-key and --commitment-key")
        lists = sorted(name for name in made if name.endswith(".plan.jsonl"))
        listed = put_all(store, work, out, made)
        for name in lists:
            named = [json.loads(line)["file"] for line in (out / name).read_text().splitlines()]
            part = {"files": {name: listed[name]}, "inputs": {file: inputs[file] for file in named}}
            (folder / pathlib.Path(name).name).write_text(json.dumps(part, sort_keys=True))
        shards = list(put_all(store, work, folder, [pathlib.Path(name).name for name in lists]).values())
        common = {name: where for name, where in listed.items() if name not in lists}
        others = {name: inputs[name] for name in files}
        put_list(store, work / "plan.json", {"version": VERSION, "frames": str(frames), "files": common, "inputs": others, "shards": shards})
    return answer | {"out": str(work)} | store.moved


def fetch_part(store, work, number, described):
    """What the plan says of a shard."""
    size, sha256 = described["shards"][number]
    return json.loads(store.read(blob(work, sha256), size, sha256))


def fetch_inputs(store, base, inputs):
    def fetch(item):
        name, (url, size, sha256) = item
        try:
            store.fetch(Place.object(url), inside(base, name), size, sha256)
        except Failure as failure:
            raise Failure(f"{failure}\n(the plan read it with {size} bytes and SHA-256 {sha256}; if it was changed for good, plan anew)", failure.code) from failure

    base.mkdir(mode=0o700, exist_ok=True)
    store.each(fetch, inputs.items())


def heatveil_flags(options, described):
    wanted = {}
    flags = local_flags(options.flags, wanted)
    for name, url in wanted.items():
        if name not in described["inputs"]:
            raise Failure(f"{url} was not given to `plan`; only what the plan read is fetched", code=2)
    return [*threads(options), *flags]


def work(options):
    """Does one shard, unless it is done."""
    store, place = options.store(), Place.folder(options.work)
    described, plan_sha256 = read_plan(store, place)
    number, shards = options.shard, len(described["shards"])
    if not 0 <= number < shards:
        raise Failure(f"{place}: its plan has shards 0 to {shards - 1}, not {number}", code=2)
    if is_merged(store, place, plan_sha256):
        return {"shard": number, "was_done": True} | store.moved
    done_at = place / f"done/{number:05}.json"
    done, _ = read_list(store, done_at)
    if done and not options.again and done["plan"] == plan_sha256:
        is_there = store.each(lambda file: store.size(blob(place, file[1])) == file[0], done["files"].values())
        if all(is_there):
            return done["worked"] | {"was_done": True} | store.moved
    with private_folder(options.scratch) as (folder, lock):
        base, out = folder / "base", folder / "out"
        part = fetch_part(store, place, number, described)
        fetch_all(store, place, out, described["files"] | part["files"])
        fetch_inputs(store, base, described["inputs"] | part["inputs"])
        _, worked = heatveil(options, lock, "work", out, "--shard", number, "--base", base, *heatveil_flags(options, described))
        shutil.rmtree(base)
        results = [f".work/shards/{number:05}.result.jsonl", *(f".work/frames/{path.name}" for path in (out / ".work/frames").glob("*.f32"))]
        if options.again:
            for name in results:
                size, sha256 = sha256_of(out / name)
                store.put(blob(place, sha256), out / name, sha256, size)
        files = put_all(store, place, out, results)
        put_list(store, done_at, {"version": VERSION, "plan": plan_sha256, "worked": worked, "files": files})
    return worked | store.moved


def merge(options):
    """Makes the release of all shards and puts it, its checkpoint last."""
    store, place, released = options.store(), Place.folder(options.work), Place.folder(options.out)
    described, plan_sha256 = read_plan(store, place)
    numbers = range(len(described["shards"]))
    merged, _ = read_list(store, place / "merged.json")
    if merged and merged["plan"] == plan_sha256:
        if merged["out"] != str(released):
            raise Failure(f"{place} was merged into {merged['out']} before; copy that, or plan anew")
        is_there = store.each(lambda item: store.size(released / item[0], item[1][1]) == item[1][0], merged["files"].items())
        if all(is_there):
            remove_results(store, place)
            return merged["code"], merged["summary"] | {"was_done": True} | store.moved
        raise Failure(f"{released} was whole once, and is not what it was; its results are gone: plan anew into another prefix")
    lists = store.each(lambda number: read_list(store, place / f"done/{number:05}.json")[0], numbers)
    missing = [number for number, done in zip(numbers, lists) if done is None or done["plan"] != plan_sha256]
    if missing:
        raise Failure(f"{place}: {len(missing)} of {len(lists)} shards are not done, the first is {missing[0]}; `heatveil_objects.py work {place} --shard {missing[0]}` does it")
    with private_folder(options.scratch) as (folder, lock):
        base, out = folder / "base", folder / "out"
        fetch_all(store, place, out, described["files"])
        for number, done in zip(numbers, lists):
            fetch_all(store, place, out, fetch_part(store, place, number, described)["files"])
            try:
                fetch_all(store, place, out, done["files"])
            except Failure as failure:
                raise Failure(f"{failure}\n(a result of shard {number}; if it is lost, `heatveil_objects.py work {place} --shard {number} --again` makes it anew)") from failure
        fetch_inputs(store, base, described["inputs"])
        key = ["--log-key", options.log_key.absolute()] if options.log_key else []
        code, summary = heatveil(options, lock, "merge", out, "--base", base, *key, *heatveil_flags(options, described), codes=(0, 3))
        name_frames(out / "private/frames.jsonl", os.path.realpath(base / "frames"), described["frames"])
        files = release(store, place, released, out)
        put_list(store, place / "merged.json", {"version": VERSION, "plan": plan_sha256, "out": str(released), "code": code, "summary": summary, "files": files})
    remove_results(store, place)
    return code, summary | store.moved


def is_merged(store, place, plan_sha256):
    merged, _ = read_list(store, place / "merged.json")
    return merged is not None and merged["plan"] == plan_sha256


def remove_results(store, place):
    """As `heatveil merge` removes its working files: rasters of every frame, with times and places."""
    for kind in ("done/", "blobs/"):
        store.each(store.remove, [place / kind / name for name in store.list(place / kind)])


def name_frames(path, folder, url):
    """The operator's list of what became of each file tells where it lies, not where it lay for a while."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        line["file"] = url + line["file"].removeprefix(f"{folder}/")
    path.write_text("".join(json.dumps(line, separators=(",", ":"), ensure_ascii=False) + "\n" for line in lines))


def release(store, place, released, out):
    """Puts what is handed on, the checkpoint last, and before it, beside the results, what is the operator's own; a list of the former."""
    made = sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())
    own = [name for name in made if name.startswith("private/")]
    public = [name for name in made if name not in own and not name.startswith(".")]
    for name in own:
        if name.endswith(".key"):
            raise Failure(f"`heatveil merge` left {name}, which belongs into no store")
    others = sorted(store.list(released).keys() - set(public))
    if others:
        raise Failure(f"{released}{others[0]} is not of this release; give an empty prefix")
    size, sha256 = sha256_of(out / CHECKPOINT)
    if store.size(released / CHECKPOINT) is not None and store.size(released / CHECKPOINT, sha256) != size:
        raise Failure(f"{released}{CHECKPOINT} is that of another release; give an empty prefix")

    def put(item):
        name, where = item
        size, sha256 = sha256_of(out / name)
        if store.size(where, sha256) != size:
            store.put(where, out / name, sha256, size)
        return name, [size, sha256]

    store.each(put, [(name, place / name) for name in own])
    files = dict(store.each(put, [(name, released / name) for name in public if name != CHECKPOINT]))
    return files | dict([put((CHECKPOINT, released / CHECKPOINT))])


def shards(options):
    """How many the plan has; `None` where there is no plan."""
    described, _ = read_list(options.store(), Place.folder(options.work) / "plan.json")
    return described and len(described["shards"])


class Options(argparse.Namespace):
    def store(self):
        return ObjectStore(self.connections, self.tries, self.stall_seconds)


def parse(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, usage="%(prog)s COMMAND ... [-- FLAG...]", formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    every = {name: commands.add_parser(name, help=does.__doc__) for name, does in {**COMMANDS, "clear": clear}.items()}
    for name, command in every.items():
        command.add_argument("--scratch", metavar="DIR", help="folder for raw frames, your own alone [default: $HEATVEIL_SCRATCH, else one in the folder for temporary files]")
        if name == "clear":
            continue
        command.add_argument("work", metavar="URL", help="s3://BUCKET/PREFIX of plan and results: places are in them, keep it private")
        command.add_argument("--heatveil", default="heatveil", metavar="FILE", help="the program [default: heatveil]")
        command.add_argument("--threads", type=int, metavar="N", help="threads of heatveil [default: one per core]")
        command.add_argument("--progress", default="none", metavar="WHEN", help="as heatveil's [default: none]")
        command.add_argument("--connections", type=int, default=8, metavar="N", help="objects on their way at once [default: 8]")
        command.add_argument("--tries", type=int, default=8, metavar="N", help="times that a request is made before it is given up [default: 8]")
        command.add_argument("--stall-seconds", type=float, default=20, metavar="S", help="silence that ends a request [default: 20]")
    every["plan"].add_argument("--frames", required=True, metavar="URL", help="s3://BUCKET/PREFIX of the thermal frames")
    every["plan"].add_argument("--shards", required=True, type=int, metavar="N", help="parts to divide the frames into, at most")
    every["plan"].add_argument("--config", type=pathlib.Path, metavar="FILE", help="settings of heatveil; files that they name by an s3:// URL are fetched")
    every["plan"].add_argument("--log-key", required=True, type=pathlib.Path, metavar="FILE", help="key that signs the log; workers do not need it")
    every["plan"].add_argument("--commitment-key", required=True, type=pathlib.Path, metavar="FILE", help="key of the input commitments, under the same path on every worker")
    every["work"].add_argument("--shard", required=True, type=int, metavar="K", help="number of the shard, from 0 on")
    every["work"].add_argument("--again", action="store_true", help="do it, and put its results, even where they are there")
    every["merge"].add_argument("--out", required=True, metavar="URL", help="s3://BUCKET/PREFIX of the release, empty")
    every["merge"].add_argument("--log-key", type=pathlib.Path, metavar="FILE", help="key that signs the log [default: where it lay for the plan]")
    arguments = sys.argv[1:] if arguments is None else arguments
    end = arguments.index("--") if "--" in arguments else len(arguments)
    return parser.parse_args(arguments[:end], Options(flags=arguments[end + 1 :]))


def clear(options):
    """Removes raw frames that killed commands left on this machine."""
    with private_folder(options.scratch):
        return {}


COMMANDS = {"plan": plan, "work": work, "merge": merge}


def main():
    options = parse()

    def stop(number, _frame):
        sys.exit(130)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        answer = {**COMMANDS, "clear": clear}[options.command](options)
    except Failure as failure:
        print(f"error: {failure}", file=sys.stderr)
        sys.exit(failure.code)
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    code, answer = answer if isinstance(answer, tuple) else (0, answer)
    if answer:
        print(json.dumps(answer))
    sys.exit(code)


if __name__ == "__main__":
    main()
