"""What the checks of an object store have in common: the programs, a survey, the store it lies in, and what must be so afterwards.

In: the arguments of objects.py. Out: a simulated flight, the run of it on files, and both in a bucket of an S3 server (moto) on loopback.
"""

import hashlib
import json
import os
import pathlib
import random
import shutil
import socket
import subprocess
import sys
import time

import botocore.session
from s3_faults import FaultyStore

PROGRAM, WORK = pathlib.Path(sys.argv[1]).absolute(), pathlib.Path(sys.argv[2]).absolute()
FRAMES = int(sys.argv[3])
REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
TOOL = REPOSITORY / "deploy/objects/heatveil_objects.py"
DRIVER = REPOSITORY / "deploy/dask/heatveil_dask.py"
SCRATCH = WORK / "scratch"
DICE = random.Random(int(os.environ.get("SEED", "1")))
SHARDS = 7
STALL_SECONDS = 3
# Of each fault, a request.
CHANCES = {"503": 0.04, "500": 0.03, "cut": 0.03, "short": 0.02, "flipped": 0.02, "dropped": 0.02, "stalled": 0.01, "half put": 0.02, "lost answer": 0.02}

os.environ.setdefault("ORT_DYLIB_PATH", str(REPOSITORY / ".setup/onnxruntime/libonnxruntime.so"))
os.environ |= {"SOURCE_DATE_EPOCH": "1768516200", "AWS_ACCESS_KEY_ID": "loopback", "AWS_SECRET_ACCESS_KEY": "loopback", "HEATVEIL_SCRATCH": str(SCRATCH)}
for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
    os.environ.pop(name, None)
LIMITS = ["--tries", "8", "--stall-seconds", str(STALL_SECONDS)]
# Settings of a survey of heat loss, with outlines and a surface model as files and as objects.
LOCAL, REMOTE = WORK / "local.toml", WORK / "remote.toml"
KEYS = ["--log-key", str(WORK / "log.key"), "--commitment-key", str(WORK / "commitment.key")]


def check(is_so, what):
    if not is_so:
        sys.exit(f"not so: {what}")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def heatveil(*arguments, codes=(0,), cwd=None):
    done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, cwd=cwd)
    check(done.returncode in codes, f"{arguments}: exit code {done.returncode}\n{done.stderr}")


def tool(*arguments, url, codes=(0,), limits=LIMITS, **environment):
    """The command, its exit code, its answer and what it said."""
    command = [sys.executable, TOOL, *map(str, arguments)]
    if arguments[0] != "clear":
        command += [*limits, "--heatveil", PROGRAM]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"AWS_ENDPOINT_URL": url} | environment)
    check(done.returncode in codes, f"{arguments[:4]}: exit code {done.returncode} is none of {codes}\n{done.stdout}\n{done.stderr}")
    return done.returncode, json.loads(done.stdout or "{}"), done.stderr


class Bucket:
    """What is really there, past the proxy."""

    def __init__(self, port):
        session = botocore.session.Session()
        self.s3 = session.create_client("s3", region_name="us-east-1", endpoint_url=f"http://127.0.0.1:{port}")
        self.s3.create_bucket(Bucket="survey")

    def put(self, key, data):
        self.s3.put_object(Bucket="survey", Key=key, Body=data)

    def get(self, key):
        return self.s3.get_object(Bucket="survey", Key=key)["Body"].read()

    def remove(self, key):
        self.s3.delete_object(Bucket="survey", Key=key)

    def keys(self, prefix=""):
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket="survey", Prefix=prefix)
        return sorted(found["Key"] for page in pages for found in page.get("Contents", []))


class Survey:
    def __init__(self):
        heatveil("simulate", "--out", WORK / "flight", "--frames", FRAMES)
        (WORK / "commitment.key").write_text("07" * 32)
        heatveil("keygen", "--name", "test.example/heatveil", "--out", WORK / "log.key")
        settings = (REPOSITORY / "tests/heat.toml").read_text().replace("xyz = true\n", "").replace("fixtures/flight/", "") + '[georef]\ndsm = "truth/dsm.tif"\n'
        check(settings.count('"truth/') == 2, "two files in the settings")
        # Their paths are part of the settings' digest, in the log.
        shutil.copytree(WORK / "flight/truth", WORK / "flight/files/survey/truth")
        LOCAL.write_text(settings.replace('"truth/', '"files/survey/truth/'))
        REMOTE.write_text(settings.replace('"truth/', '"s3://survey/truth/'))
        heatveil("run", "frames", "--config", LOCAL, "--out", WORK / "whole", "--threads", 2, *KEYS, "--progress", "none", codes=(0, 3), cwd=WORK / "flight")
        check((WORK / "whole/buildings/buildings.csv").exists(), "buildings")
        self.port = free_port()
        moto = pathlib.Path(sys.executable).with_name("moto_server")
        with open(WORK / "moto.log", "wb") as log:
            self.server = subprocess.Popen([moto, "-H", "127.0.0.1", "-p", str(self.port)], stdout=log, stderr=log)
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    break
            time.sleep(0.2)
        self.bucket = Bucket(self.port)
        for name in ("buildings.geojson", "dsm.tif"):
            self.bucket.put(f"truth/{name}", (WORK / "flight/truth" / name).read_bytes())
        self.raw = {}
        for path in sorted((WORK / "flight/frames").iterdir()):
            self.bucket.put(f"flight/{path.name}", path.read_bytes())
            self.raw[hashlib.sha256(path.read_bytes()).hexdigest()] = path.name

    @property
    def direct(self):
        return f"http://127.0.0.1:{self.port}"

    def proxy(self, chances):
        return FaultyStore(f"127.0.0.1:{self.port}", DICE, chances, STALL_SECONDS + 2)

    def same(self, work, out):
        """Every published file byte for byte, the operator's own beside the results, nothing else, no raw frame anywhere."""
        whole = {str(path.relative_to(WORK / "whole")): path.read_bytes() for path in (WORK / "whole").rglob("*") if path.is_file()}
        released = {key.removeprefix(out): self.bucket.get(key) for key in self.bucket.keys(out)}
        own = {key.removeprefix(work): self.bucket.get(key) for key in self.bucket.keys(f"{work}private/")}
        there = released | own
        for files in (whole, there):
            files.pop("summary.json")
        whole = {name: data for name, data in whole.items() if not name.startswith(".")}
        # Where each frame lies is another place.
        whole["private/frames.jsonl"] = whole["private/frames.jsonl"].replace(f"{WORK}/flight/frames/".encode(), b"s3://survey/flight/")
        differ = sorted(name for name in whole.keys() | there.keys() if whole.get(name) != there.get(name))
        check(not differ, f"{out} differs from the whole run: {differ[:9]}")
        check(not any(name.startswith("private/") for name in released), f"{out} holds what is the operator's own")
        self.no_raw()
        return len(there)

    def cleared(self, work):
        """Nothing is left of a merged plan but itself and what is the operator's own."""
        left = [key for key in self.bucket.keys(work) if not key.startswith(f"{work}private/")]
        check(left == [f"{work}merged.json", f"{work}plan.json"], f"{work} was cleared: {left[:9]}")

    def no_raw(self):
        for key in self.bucket.keys():
            if not key.startswith("flight/"):
                check(hashlib.sha256(self.bucket.get(key)).hexdigest() not in self.raw, f"{key} is a raw frame")


def scratch_is_private():
    """Modes of what lies there now; how many frames."""
    frames = 0
    if SCRATCH.exists():
        check(SCRATCH.stat().st_mode & 0o777 == 0o700, "scratch folder 0700")
        for path in SCRATCH.glob("job-*/base/frames/*"):
            try:
                check(path.stat().st_mode & 0o777 == 0o600, f"{path} 0600")
                frames += 1
            except FileNotFoundError:
                pass
    return frames


def scratch_is_empty():
    tool("clear", url="http://127.0.0.1:1")
    check(not list(SCRATCH.iterdir()), "what killed commands left is cleared at the next start")


def same_folder(folder):
    left = lambda of: {path.relative_to(of): path.read_bytes() for path in of.rglob("*") if path.is_file() and path.name != "summary.json"}
    whole, there = left(WORK / "whole"), left(folder)
    check(whole == there, f"{folder} differs: {sorted(str(name) for name in whole.keys() | there.keys() if whole.get(name) != there.get(name))[:9]}")
    return len(there)
