"""Validates log lines with PyPI jsonschema against docs/audit-log.schema.json, and changes to them that must not be valid.

    python tests/python/check_schema.py [DIR ...]

Always: the examples of docs/audit-log.md, each changed in many ways. With DIR: every line of those runs' logs.
"""

import copy
import json
import pathlib
import sys

import jsonschema

ROOT = pathlib.Path(__file__).parents[2]
# Texts that mean the same whatever they say, and numbers without an upper end that a test could pass.
WRONG = [None, 1.5, True, [], {}, "x", "", -1, 2**53, 2**64]


def no_float_type(schema: object, path: str = "#") -> None:
    """No member may be a number that is not an integer."""
    if isinstance(schema, dict):
        if schema.get("type") in ("number", ["number"]):
            sys.exit(f"{path} allows floats")
        for key, value in schema.items():
            no_float_type(value, f"{path}/{key}")
    elif isinstance(schema, list):
        for number, value in enumerate(schema):
            no_float_type(value, f"{path}/{number}")


def leaves(value: object, path: tuple = ()):
    """Paths of all members and items."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield path + (key,), inner
        yield from leaves(inner, path + (key,))


def changed(entry: dict, path: tuple, value: object) -> dict:
    entry = copy.deepcopy(entry)
    at = entry
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return entry


def refuses(validator: jsonschema.Draft202012Validator, entry: dict) -> int:
    """How many wrong forms of an entry were tried; the first that is taken ends the program."""
    bad = [{**entry, "unknown": 1}]
    for key in entry:
        # Of weather by line; that of a run's lines of defence must be there.
        if key == "lines" and entry["type"] == "heatloss.parameters":
            continue
        if key not in ("skipped", "model", "source", "ground", "poses", "agreement", "retention", "reviewed", "pixels", "intake_key", "sealed", "destroyed_key"):
            bad.append({name: value for name, value in entry.items() if name != key})
    for path, value in leaves(entry):
        for wrong in WRONG:
            # Of the same kind, it may be right.
            same = type(wrong) is type(value) and not isinstance(value, bool)
            if isinstance(value, int) and wrong == 2**64 or not same and not (isinstance(value, bool) and wrong is True):
                bad.append(changed(entry, path, wrong))
        if isinstance(value, str) and len(value) == 64:
            bad += [changed(entry, path, value[1:]), changed(entry, path, "G" + value[1:])]
    for wrong in bad:
        if validator.is_valid(wrong):
            sys.exit(f"the schema takes {json.dumps(wrong)}")
    return len(bad)


def main() -> None:
    schema = json.loads((ROOT / "docs/audit-log.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    no_float_type(schema)
    validator = jsonschema.Draft202012Validator(schema)
    page = (ROOT / "docs/audit-log.md").read_text().splitlines()
    examples = [json.loads(line) for line in page if line.startswith("{")]
    missing = set(schema["properties"]["type"]["enum"]) - {entry["type"] for entry in examples}
    if missing:
        sys.exit(f"docs/audit-log.md shows no {missing}")
    tried = 0
    for entry in examples:
        validator.validate(entry)
        tried += refuses(validator, entry)
    print(f"schema: {len(examples)} examples are valid, {tried} changes of them are not")
    for folder in sys.argv[1:]:
        lines = (pathlib.Path(folder) / "audit/entries.jsonl").read_bytes().splitlines()
        for number, line in enumerate(lines, start=1):
            error = jsonschema.exceptions.best_match(validator.iter_errors(json.loads(line)))
            if error:
                sys.exit(f"{folder}, line {number}: {error.message}")
        print(f"schema: {len(lines)} lines of {folder} are valid")


if __name__ == "__main__":
    main()
