"""Scenes of HIT-UAV: which frames show the same place, and folds that never share one.

The official split is random over video frames, so that most validation frames
have a near-twin in training. File names carry time of day, altitude, camera
angle and a running number; the drone filmed a place by rising from 60 to 130 m.
So a *session* is a run of numbers with one time of day and an altitude that does
not fall, and a fold holds whole sessions. Within a session, a jump of more than
20 numbers starts another *scene*: the unit that confidence intervals resample.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dataset import Frame

FOLDS = 3
SCENE_JUMP = 20


@dataclass
class Session:
    """Frames of one place at one time of day, by running number."""

    frames: list[Frame]

    @property
    def persons(self) -> int:
        return sum(int((frame.boxes[:, 4] == 0).sum()) for frame in self.frames)


def sessions(frames: Iterable[Frame]) -> list[Session]:
    """Cuts the running numbers where day and night change or the altitude falls."""
    ordered = sorted(frames, key=lambda frame: frame.number)
    found: list[Session] = []
    for frame in ordered:
        last = found[-1].frames[-1] if found else None
        if last is None or last.is_night != frame.is_night or frame.altitude < last.altitude:
            found.append(Session([]))
        found[-1].frames.append(frame)
    return found


def scene_names(frames: Iterable[Frame]) -> dict[str, str]:
    """File name to scene."""
    names = {}
    for number, session in enumerate(sessions(frames)):
        part = 0
        for i, frame in enumerate(session.frames):
            part += i > 0 and frame.number - session.frames[i - 1].number > SCENE_JUMP
            names[frame.name] = f"session-{number:02}-{part}"
    return names


def folds(frames: Iterable[Frame]) -> list[list[Frame]]:
    """Whole sessions, dealt largest first to the fold that has the fewest frames of that time of day."""
    dealt: list[list[Frame]] = [[] for _ in range(FOLDS)]
    for session in sorted(sessions(frames), key=lambda session: (-len(session.frames), session.frames[0].number)):
        night = session.frames[0].is_night
        smallest = min(dealt, key=lambda fold: (sum(frame.is_night == night for frame in fold), len(fold)))
        smallest.extend(session.frames)
    return dealt
