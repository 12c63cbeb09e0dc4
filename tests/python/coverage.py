#!/usr/bin/env python3
"""Sums up which lines tests reach.

usage: coverage.py objects BUILT.json     the programs that cargo built, as arguments of llvm-cov, a line each
       coverage.py report LINES.lcov      a table by folder, the lines that nothing reached; fails below 95 % of a folder

Test code (from `#[cfg(test)]` before a module to the end of the file; tests.rs, example.rs) and files for fuzzing do not count.
"""

import json
import pathlib
import sys

GOAL = 95.0


def objects(path):
    first = True
    for line in pathlib.Path(path).read_text().splitlines():
        built = json.loads(line)
        if built.get("reason") == "compiler-artifact" and built.get("executable") and "path+file" in built["package_id"]:
            if not first:
                print("-object")
            print(built["executable"])
            first = False


def tests_from(source):
    """The line with which test code begins."""
    lines = source.splitlines()
    for number, line in enumerate(lines, 1):
        if line.strip() == "#[cfg(test)]" and any(after.lstrip().startswith(("mod ", "pub(super) mod ", "pub(crate) mod ")) for after in lines[number : number + 4]):
            return number
    return len(lines) + 1


def report(path):
    root = pathlib.Path.cwd()
    reached, end = {}, {}
    name = None
    for line in pathlib.Path(path).read_text().splitlines():
        kind, _, rest = line.partition(":")
        if kind == "SF":
            file = pathlib.Path(rest)
            name = str(file.relative_to(root) if file.is_absolute() else file)
            source = (root / name).read_text()
            end[name] = tests_from(source)
        elif kind == "DA":
            number, count = (int(part) for part in rest.split(",")[:2])
            if number < end[name] and not name.endswith(("fuzzing.rs", "example.rs", "tests.rs")):
                lines = reached.setdefault(name, {})
                lines[number] = max(lines.get(number, 0), count)
    folders = {}
    for name, lines in sorted(reached.items()):
        missed = [number for number, count in sorted(lines.items()) if count == 0]
        folder = folders.setdefault("/".join(name.split("/")[:2]), [0, 0])
        folder[0] += len(lines) - len(missed)
        folder[1] += len(lines)
        if missed:
            print(f"{name}: not reached: {', '.join(str(number) for number in missed)}")
    print("\n| folder | lines | reached | share |\n| --- | --- | --- | --- |")
    fails = False
    for folder, (hit, of) in folders.items():
        share = 100.0 * hit / of
        fails |= share < GOAL
        print(f"| `{folder}` | {of} | {hit} | {share:.1f} % |")
    sys.exit(fails)


if __name__ == "__main__":
    {"objects": objects, "report": report}[sys.argv[1]](sys.argv[2])
