"""How far two runs of the same frames lie apart: `compare.py ONE OTHER`, two output folders.

First looks alone are compared: later ones see what earlier ones masked.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

Find = tuple[str, int, list[int]]


def entries(folder: str) -> list[dict]:
    lines = (Path(folder) / "audit/entries.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def finds(log: list[dict]) -> dict[tuple[int, str], list[Find]]:
    looks = (entry for entry in log if entry["type"] == "frame.detected" and entry["round"] == 0 and entry["line"] == "model")
    return {
        (look["frame"], look["model"]): [(find["class"], find["score"], find["box"]) for find in look["found"]]
        for look in looks
    }


def partner(find: Find, others: list[Find]) -> Find | None:
    """The find of the same class whose edges lie nearest, if none is more than two pixels off."""
    kind, _, box = find
    same = [other for other in others if other[0] == kind]
    apart = lambda other: max(abs(a - b) for a, b in zip(box, other[2], strict=True))  # noqa: E731
    best = min(same, key=apart, default=None)
    return best if best is not None and apart(best) <= 2 else None


def main() -> None:
    one, other = (entries(folder) for folder in sys.argv[1:3])
    here, there = finds(one), finds(other)
    assert here.keys() == there.keys() and here, "other frames or models"
    alone, pairs, scores, edges = [], 0, 0, 0
    for look, found in here.items():
        for find in found:
            match = partner(find, there[look])
            if match is None:
                alone.append(find[1])
                continue
            pairs += 1
            scores = max(scores, abs(find[1] - match[1]))
            edges = max(edges, max(abs(a - b) for a, b in zip(find[2], match[2], strict=True)))
        alone += [find[1] for find in there[look] if partner(find, found) is None]
    masks = [{e["frame"]: e["mask_sha256"] for e in log if e["type"] == "frame.masked"} for log in (one, other)]
    equal = sum(masks[0][frame] == masks[1].get(frame) for frame in masks[0])
    print(
        f"{len(here)} looks, {pairs} finds in both, {len(alone)} in one alone (scores in thousandths: {sorted(alone)[-8:]}), "
        f"scores up to {scores} thousandths and edges up to {edges} px apart; {equal} of {len(masks[0])} frames have equal masks"
    )


if __name__ == "__main__":
    main()
