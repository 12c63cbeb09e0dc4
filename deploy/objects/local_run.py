"""heatveil on files of this machine: a folder that nobody else can enter, and the program in it.

In: where such folders may be. Out: one that is gone afterwards; exit code and answer of the program. Refuses: a place that others can look into.
"""

import contextlib
import ctypes
import fcntl
import json
import os
import pathlib
import shutil
import signal
import stat
import subprocess
import sys
import tempfile

from object_store import Failure

PR_SET_PDEATHSIG = 1
# How long heatveil may take to stop where it is.
GRACE_SECONDS = 25


@contextlib.contextmanager
def private_folder(root):
    """A folder that nobody else can enter, for as long as it is used; removes those of commands that are no more."""
    root = pathlib.Path(root or os.environ.get("HEATVEIL_SCRATCH") or pathlib.Path(tempfile.gettempdir(), f"heatveil-{os.getuid()}"))
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    is_whose = root.lstat()
    if not stat.S_ISDIR(is_whose.st_mode) or is_whose.st_uid != os.getuid() or is_whose.st_mode & 0o077:
        raise Failure(f"{root} is to hold raw frames, and others may enter it; give --scratch a folder of your own with mode 0700", code=2)
    door = os.open(root, os.O_RDONLY)
    try:
        # Whoever comes or clears holds the door, so that no folder is seen between its making and its lock.
        fcntl.flock(door, fcntl.LOCK_EX)
        for stale in root.glob("job-*"):
            with contextlib.suppress(BlockingIOError, FileNotFoundError):
                lock = os.open(stale, os.O_RDONLY)
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(stale)
                finally:
                    os.close(lock)
        folder = pathlib.Path(tempfile.mkdtemp(prefix="job-", dir=root))
        lock = os.open(folder, os.O_RDONLY)
        fcntl.flock(lock, fcntl.LOCK_EX)
    finally:
        os.close(door)
    try:
        # heatveil inherits the lock: the folder is in use until it has ended too.
        yield folder, lock
    finally:
        shutil.rmtree(folder)
        os.close(lock)


def die_with_parent():
    """Whoever kills this kills heatveil too (Linux); elsewhere that runs on, in vain and harmlessly."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def heatveil(options, lock, *arguments, codes=(0,), cwd=None):
    """Runs the program, without this one's credentials; its exit code and the last line of its answer."""
    command = [os.path.abspath(shutil.which(options.heatveil) or options.heatveil), *map(str, arguments), "--json", "--progress", options.progress]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    quiet = options.progress == "none"
    try:
        child = subprocess.Popen(
            command,
            cwd=cwd,
            env=environment,
            pass_fds=[lock],
            preexec_fn=die_with_parent,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if quiet else None,
        )
    except OSError as error:
        raise Failure(f"could not start {options.heatveil}: {error.strerror}; say where it is with --heatveil", code=2) from error
    try:
        answer, said = child.communicate()
    except BaseException:
        child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.communicate(timeout=GRACE_SECONDS)
        child.kill()
        raise
    if child.returncode not in codes:
        raise Failure(f"`heatveil {arguments[0]}`: exit code {child.returncode}\n{(said or '').strip()[-3000:]}".rstrip(), code=child.returncode if child.returncode > 0 else 1)
    if said:
        print(said, end="", file=sys.stderr)
    lines = answer.splitlines()
    return child.returncode, json.loads(lines[-1]) if lines else {}
