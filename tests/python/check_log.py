"""Reads a run's log with PyPI rfc8785 and pymerkle: canonical bytes, no floats, the checkpoint's root; release statements and their subjects.

    python tests/python/check_log.py DIR
"""

import base64
import hashlib
import json
import pathlib
import sys

import pymerkle
import rfc8785


def no_float(text: str) -> float:
    raise ValueError(f"a float in the log: {text}")


def check_statement(run: pathlib.Path, path: pathlib.Path) -> None:
    """An in-toto statement whose subjects are files of the run (the signature is checked in Go)."""
    text = path.read_bytes()
    envelope = json.loads(text)
    payload = base64.b64decode(envelope["payload"])
    statement = json.loads(payload)
    if rfc8785.dumps(envelope) != text or rfc8785.dumps(statement) != payload:
        sys.exit(f"{path} is not canonical")
    if envelope["payloadType"] != "application/vnd.in-toto+json" or statement["_type"] != "https://in-toto.io/Statement/v1":
        sys.exit(f"{path} is not an in-toto statement")
    for subject in statement["subject"]:
        if hashlib.sha256((run / subject["name"]).read_bytes()).hexdigest() != subject["digest"]["sha256"]:
            sys.exit(f"{path}: {subject['name']} is another file")
    print(f"release: {len(statement['subject'])} subjects for {statement['predicate']['recipient']}")


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
    for path in sorted((folder.parent / "release").glob("*.dsse.json")):
        check_statement(folder.parent, path)
    print(f"log: {size} canonical entries, root {root}")


if __name__ == "__main__":
    main()
