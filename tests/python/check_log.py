"""Reads a run's log with PyPI rfc8785 and pymerkle: canonical bytes, no floats, and the checkpoint's root.

    python tests/python/check_log.py DIR
"""

import base64
import json
import pathlib
import sys

import pymerkle
import rfc8785


def no_float(text: str) -> float:
    raise ValueError(f"a float in the log: {text}")


def main() -> None:
    folder = pathlib.Path(sys.argv[1]) / "audit"
    tree = pymerkle.InmemoryTree(algorithm="sha256")
    lines = (folder / "entries.jsonl").read_bytes().splitlines()
    for number, line in enumerate(lines, start=1):
        entry = json.loads(line, parse_float=no_float)
        if rfc8785.dumps(entry) != line:
            sys.exit(f"line {number} is not canonical")
        tree.append_entry(line)
    _origin, size, root = (folder / "checkpoint").read_text().split("\n")[:3]
    if int(size) != len(lines):
        sys.exit(f"the checkpoint covers {size} entries, the log has {len(lines)}")
    if base64.b64encode(tree.get_root()).decode() != root:
        sys.exit("pymerkle computes another root")
    print(f"log: {size} canonical entries, root {root}")


if __name__ == "__main__":
    main()
