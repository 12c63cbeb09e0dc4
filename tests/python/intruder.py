#!/usr/bin/env python3
"""Plays the intruder: has the published frames and map of a simulated flight, and wants the people back.

usage: intruder.py HEATVEIL FOLDER [FRAMES [SEED]]

FOLDER gets the flight, the runs and the answer, `intruder.json` and `intruder.md`. The first is committed as `models/intruder.json` and quoted by
`heatveil report` for runs of the same models. The flight is flown without errors, so that nothing is missed for
want of a pose; its people are known. Two attacks, each against what `heatveil run` published under the policies it offers (`nodata`, `mean`), and
against `mosaic` and `blur` made here of the same places, which it does not offer: these show that the attack is able.

1. The detector (`heatveil eval` with the models that are built in) looks for people in frames and map, holes filled from around them. Chance is what
   it finds of people of another frame, whom nothing in the picture can show.
2. A learned inverse: ridge regression (Hoerl and Kennard 1970) of each hidden pixel from the redacted picture and the mask around it, learnt on half
   of the people, tried on the other half. Measured by a forced choice: is the picture it draws more like this person, or more like another whose hole
   has the same size? Half is chance; of the control without a policy it is all. Under `mean` both choices have the same mean to 0.25 K, since the
   mean is published: asked is what is told beyond it.

Needs numpy, rasterio and pyproj. Everything but the two attacks' learning is the real program.
"""

import datetime
import json
import pathlib
import subprocess
import sys
import warnings

import numpy as np
import pyproj
import rasterio

warnings.filterwarnings("ignore", category=rasterio.errors.NotGeoreferencedWarning)
WARM = 10.0  # °C: people are warmer, all else in the scene that is no house is colder
SIDE = 64  # of a place that is drawn again, px
REACH = 12  # of what the inverse sees around a pixel, px
BLOCK, SIGMA = 8, 4.0  # of mosaic and blur, px: at or above what tools for faces take for heads this small
SETTINGS = """[detect]
publish-beyond-envelope = 'intruder test on a simulated flight'
[georef]
refine = false
[tiles]
keep-frames = true
match-temperatures = false
"""
MEAN = "".join(f'[redact.{name}]\npolicy = "mean"\n' for name in ("person", "vehicle", "bicycle", "warm-spot"))


def call(*arguments, codes=(0, 3)):
    done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True, check=False)
    if done.returncode not in codes:
        sys.exit(f"{arguments}: {done.returncode}\n{done.stderr}")


def counts(path):
    """Celsius of a simulated DJI R-JPEG: APP3 segments in a row hold 640 x 512 counts of 1/64 K (DOMAIN section 1.2)."""
    data, at, payload = path.read_bytes(), 2, b""
    while data[at] == 0xFF and data[at + 1] != 0xDA:
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if data[at + 1] == 0xE3:
            payload += data[at + 4 : at + 2 + length]
        at += 2 + length
    raw = np.frombuffer(payload[: 2 * 640 * 512], "<u2").reshape(512, 640)
    return (raw / 64.0 - 273.15).astype(np.float32)


def read(path):
    with rasterio.open(path) as raster:
        return raster.read(1)


def filled(picture):
    """Holes get the mean of what lies around them, ring by ring."""
    picture = picture.copy()
    for _ in range(400):
        holes = np.isnan(picture)
        if not holes.any():
            break
        padded = np.pad(picture, 1, constant_values=np.nan)
        around = np.stack([padded[1 + y : 513 + y, 1 + x : 641 + x] for y, x in ((-1, 0), (1, 0), (0, -1), (0, 1))])
        known = np.isfinite(around)
        count = known.sum(0)
        ring = holes & (count > 0)
        picture[ring] = np.where(known, around, 0).sum(0)[ring] / count[ring]
    return np.nan_to_num(picture, nan=0.0)


def blurred(picture):
    reach = int(3 * SIGMA)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / SIGMA) ** 2)
    kernel /= kernel.sum()
    for axis in (0, 1):
        picture = np.apply_along_axis(lambda line: np.convolve(np.pad(line, reach, "edge"), kernel, "valid"), axis, picture)
    return picture


def blocks(picture):
    means = picture.reshape(512 // BLOCK, BLOCK, 640 // BLOCK, BLOCK).mean((1, 3))
    return np.kron(means, np.ones((BLOCK, BLOCK)))


def hole(mask, x, y):
    """The connected hole around a place: its rows and columns, or None where it reaches too far to be one person's."""
    if not mask[y, x]:
        return None
    seen, open_places = {(y, x)}, [(y, x)]
    while open_places:
        y, x = open_places.pop()
        for place in ((y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)):
            if place not in seen and 0 <= place[0] < 512 and 0 <= place[1] < 640 and mask[place]:
                seen.add(place)
                open_places.append(place)
                if len(seen) > SIDE * SIDE:
                    return None
    rows, columns = zip(*seen, strict=True)
    top, bottom, left, right = min(rows), max(rows) + 1, min(columns), max(columns) + 1
    return None if max(bottom - top, right - left) > SIDE - 4 else (top, bottom, left, right)


def overlap(a, b):
    """Intersection over union of two boxes x, y, width, height."""
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    return width * height / (a[2] * a[3] + b[2] * b[3] - width * height)


def detect(heatveil, folder, pictures, resolution):
    """Boxes of persons that the models are sure of, by picture."""
    images = folder / "images"
    images.mkdir(parents=True, exist_ok=True)
    for number, picture in enumerate(pictures):
        with rasterio.open(images / f"{number:05}.tif", "w", driver="GTiff", width=640, height=512, count=1, dtype="float32") as out:
            out.write(picture.astype(np.float32), 1)
    names = [{"id": n, "file_name": f"{n:05}.tif", "width": 640, "height": 512} for n in range(len(pictures))]
    # `eval` wants labels to measure by; its figures are not read here, only what it finds.
    label = {"id": 1, "image_id": 0, "category_id": 1, "bbox": [1, 1, 8, 8], "area": 64, "iscrowd": 0}
    coco = {"images": names, "annotations": [label], "categories": [{"id": 1, "name": "person"}]}
    (folder / "coco.json").write_text(json.dumps(coco))
    found = folder / "found.json"
    call(heatveil, "eval", "--data", folder / "coco.json", "--images", images, "--ground-resolution", resolution, "--detections", found, "--overwrite")
    boxes = [[] for _ in pictures]
    for find in json.loads(found.read_text()):
        if find["category_id"] == 1 and find["score"] >= 0.3:
            boxes[find["image_id"]].append(find["bbox"])
    return boxes


def share_found(boxes, people):
    """How many of the people have a find that overlaps them by 0.3 and more, and how many by chance: the finds of the picture after the next few."""
    hit = sum(any(overlap(p["bbox"], b) >= 0.3 for b in boxes[p["frame"]]) for p in people)
    shifts = range(7, 27)
    chance = [sum(any(overlap(p["bbox"], b) >= 0.3 for b in boxes[(p["frame"] + s) % len(boxes)]) for p in people) for s in shifts]
    return {"found": hit, "of": len(people), "by_chance": round(float(np.mean(chance)), 1)}


def windows_of(place, key):
    """What is seen around each hidden pixel: a window of the redacted picture and one of the mask, a row a pixel."""
    side = 2 * REACH + 1
    around = [np.lib.stride_tricks.sliding_window_view(place[k], (side, side)) for k in (key, "mask around")]
    return np.concatenate([a[place["mask"]].reshape(-1, side * side) for a in around] + [np.ones((place["mask"].sum(), 1))], 1)


def learn(places, key, rng):
    """Weights that draw the person's excess of each hidden pixel from its window; the penalty is the best of some on a fifth of the people held out."""
    inputs, targets, people = [], [], []
    for place in places:
        rows = windows_of(place, key)
        some = rng.permutation(len(rows))[: max(1, 60_000 // len(places))]
        inputs.append(rows[some])
        targets.append(place["person"][place["mask"]][some])
        people.append(np.full(len(some), place["track"]))
    x, y, people = np.concatenate(inputs), np.concatenate(targets), np.concatenate(people)
    names = sorted(set(people))
    held = np.isin(people, names[::5])

    def solve(x, y, penalty):
        gram = x.T @ x
        return np.linalg.solve(gram + penalty * np.trace(gram) / len(gram) * np.eye(len(gram)), x.T @ y)

    best = min((1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0), key=lambda p: ((x[held] @ solve(x[~held], y[~held], p) - y[held]) ** 2).sum())
    return solve(x, y, best)


def alike(a, b):
    a, b = a - a.mean(), b - b.mean()
    scale = np.linalg.norm(a) * np.linalg.norm(b)
    return float((a * b).sum() / scale) if scale > 0 else 0.0


def inverse(places, key, rng, same_mean=False):
    """Forced choices between people in holes of one size; a share with its 95 % interval (people drawn anew 1,000 times)."""
    train = [p for p in places if p["track"] % 2 == 0]
    test = [p for p in places if p["track"] % 2 == 1]
    weights = learn(train, key, rng)
    drawn = [windows_of(p, key) @ weights for p in test]
    by_size = {}
    for n, p in enumerate(test):
        by_size.setdefault(p["size"], []).append(n)
    won = {}
    for group in by_size.values():
        for n in group:
            own = alike(drawn[n], test[n]["person"][test[n]["mask"]])
            for other in group:
                if test[n]["track"] == test[other]["track"]:
                    continue
                if same_mean and abs(test[n]["told"] - test[other]["told"]) > 0.25:
                    continue
                theirs = alike(drawn[n], test[other]["person"][test[n]["mask"]])
                # Equal but for rounding is a tie.
                point = 0.5 if abs(own - theirs) < 1e-9 else float(own > theirs)
                won.setdefault(test[n]["track"], []).append(point)
    tracks = list(won)
    if not tracks:
        return {"share": None, "people": 0}
    sums = np.array([[sum(won[t]), len(won[t])] for t in tracks])
    again = sums[rng.integers(0, len(tracks), (1000, len(tracks)))].sum(1)
    low, high = np.percentile(again[:, 0] / again[:, 1], [2.5, 97.5])
    total = sums.sum(0)
    return {
        "share": round(float(total[0] / total[1]), 3),
        "low": round(float(low), 3),
        "high": round(float(high), 3),
        "people": len(tracks),
        "choices": int(total[1]),
    }


def main():
    heatveil, folder = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2])
    frames = int(sys.argv[3]) if len(sys.argv) > 3 else 240
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else 11
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    call(heatveil, "simulate", "--frames", frames, "--seed", seed, "--ideal", "--out", folder / "sim", "--overwrite")
    for name, more in (("nodata", ""), ("mean", MEAN)):
        (folder / f"{name}.toml").write_text(SETTINGS + more)
        call(heatveil, "run", folder / "sim/frames", "--out", folder / name, "--config", folder / f"{name}.toml", "--progress", "none", "--overwrite")
    poses = json.loads((folder / "sim/truth/poses.json").read_text())
    coco = json.loads((folder / "sim/truth/coco.json").read_text())
    files = [frame["file"] for frame in poses["frames"]]
    order = {name: n for n, name in enumerate(sorted(files))}
    true = [counts(folder / "sim/frames" / name) for name in sorted(files)]

    def published(policy):
        return [read(p) if (p := folder / policy / f"frames/{n:08}.tif").exists() else None for n in range(len(true))]

    nodata, mean = published("nodata"), published("mean")
    whole = [n for n in range(len(true)) if nodata[n] is not None and mean[n] is not None]
    frame_of = {image["id"]: order[image["file_name"]] for image in coco["images"]}
    people = []
    for label in coco["annotations"]:
        n = frame_of[label["image_id"]]
        if label["category_id"] == 1 and label["visible_share"] > 0.8 and min(label["bbox"][2:]) >= 4 and n in whole:
            people.append({"bbox": label["bbox"], "frame": n, "track": label["track_id"]})
    masks = {n: np.isnan(nodata[n]) for n in whole}
    uncovered = 0
    for p in people:
        x, y, width, height = p["bbox"]
        p["covered"] = float(masks[p["frame"]][y : y + height, x : x + width].mean())
        uncovered += p["covered"] < 1.0

    # The policies that are not offered, on the same places.
    smooth = {n: (blurred(true[n]), blocks(true[n])) for n in whole}
    control = {
        "true": {n: true[n] for n in whole},
        "blur": {n: np.where(masks[n], smooth[n][0], true[n]) for n in whole},
        "mosaic": {n: np.where(masks[n], smooth[n][1], true[n]) for n in whole},
        "mean": {n: np.where(np.isnan(mean[n]), filled(mean[n]), mean[n]) for n in whole},
        "nodata": {n: filled(nodata[n]) for n in whole},
    }

    seen = [p for p in people if p["covered"] == 1.0]
    place = {n: index for index, n in enumerate(whole)}
    opened = json.loads((folder / "nodata/audit/entries.jsonl").open().readline())
    answer = {"date": datetime.date.today().isoformat(), "command": "make intruder", "flown": len(true), "models": opened["models"]}
    answer |= {"frames": len(whole), "people": len(people), "not_wholly_masked": int(uncovered), "detector": {}, "map": {}, "inverse": {}}
    for policy, pictures in control.items():
        boxes = detect(heatveil, folder / "detect" / policy, [pictures[n] for n in whole], 0.066)
        answer["detector"][policy] = share_found(boxes, [{**p, "frame": place[p["frame"]]} for p in seen])

    # The map: what it would show if nothing were masked, every pixel from the frame that looks at it most steeply.
    with rasterio.open(folder / "nodata/tiles/temperature.tif") as raster:
        shown, grid, crs = raster.read(1), raster.transform, raster.crs
    origin = poses["origin"]
    plane = pyproj.CRS.from_proj4(f"+proj=aeqd +lat_0={origin['latitude']} +lon_0={origin['longitude']} +ellps=WGS84")
    to_plane = pyproj.Transformer.from_crs(crs, plane, always_xy=True)
    rows, columns = np.indices(shown.shape)
    east, north = to_plane.transform(*(grid * (columns + 0.5, rows + 0.5)))
    open_map, standing = np.full_like(shown, np.nan), np.zeros(shown.shape, np.int32)
    nearest = np.full(shown.shape, np.inf)
    for frame in poses["frames"]:
        n, pose = order[frame["file"]], frame["true"]
        if pose["pitch_deg"] != -90.0 or n not in whole:
            continue
        turn, scale = np.radians(pose["yaw_deg"]), frame["focal_px"] / pose["up_m"]
        de, dn = east - pose["east_m"], north - pose["north_m"]
        x = np.rint(320 + scale * (de * np.cos(turn) - dn * np.sin(turn)) - 0.5).astype(int)
        y = np.rint(256 - scale * (de * np.sin(turn) + dn * np.cos(turn)) - 0.5).astype(int)
        mine = (x >= 0) & (x < 640) & (y >= 0) & (y < 512) & (de * de + dn * dn < nearest)
        x, y = x[mine], y[mine]
        nearest[mine] = (de * de + dn * dn)[mine]
        open_map[mine] = true[n][y, x]
        stands = np.zeros((512, 640), np.int32)
        for number, p in enumerate(people, 1):
            if p["frame"] == n:
                left, top, width, height = p["bbox"]
                stands[top : top + height, left : left + width] = number
        standing[mine] = stands[y, x]
    windows = [
        (r, c) for r in range(0, shown.shape[0] - 511, 384) for c in range(0, shown.shape[1] - 639, 480) if np.isfinite(open_map[r : r + 512, c : c + 640]).mean() > 0.7
    ]
    for name, picture in (("unmasked", open_map), ("published", np.where(np.isfinite(open_map), shown, np.nan))):
        boxes = detect(heatveil, folder / "map" / name, [filled(picture[r : r + 512, c : c + 640]) for r, c in windows], abs(grid.a))
        found, finds = set(), 0
        for (r, c), some in zip(windows, boxes, strict=True):
            for left, top, width, height in some:
                finds += 1
                part = standing[r + int(top) : r + int(top + height) + 1, c + int(left) : c + int(left + width) + 1]
                numbers, sizes = np.unique(part[part > 0], return_counts=True)
                there = picture[r + int(top) : r + int(top + height) + 1, c + int(left) : c + int(left + width) + 1]
                # A find in a hole that was filled tells of the hole alone.
                if len(numbers) and sizes.max() >= 0.3 * part.size and (there > WARM).any():
                    found.add(int(numbers[sizes.argmax()]))
        in_windows = set()
        for r, c in windows:
            in_windows |= set(np.unique(standing[r : r + 512, c : c + 640])) - {0}
        answer["map"][name] = {"found": len(found), "of": len(in_windows), "finds": finds}

    # The learned inverse.
    places = []
    for p in seen:
        n = p["frame"]
        x, y, width, height = p["bbox"]
        box = hole(masks[n], x + width // 2, y + height // 2)
        if box is None:
            continue
        top, bottom, left, right = box
        r, c = (top + bottom - SIDE) // 2, (left + right - SIDE) // 2
        if r < 0 or c < 0 or r + SIDE > 512 or c + SIDE > 640:
            continue
        cut = (slice(r, r + SIDE), slice(c, c + SIDE))
        mask = masks[n][cut]
        level = np.median(true[n][cut][~mask]) if (~mask).any() else 0.0
        entry = {"track": p["track"], "mask": mask, "size": (bottom - top, right - left), "told": float(np.nanmean(mean[n][top:bottom, left:right]))}
        entry["person"] = np.where(mask, np.clip(true[n][cut] - WARM, 0, None), 0.0)
        if not (entry["person"] > 0).any():
            continue
        wide = (slice(r, r + SIDE + 2 * REACH), slice(c, c + SIDE + 2 * REACH))
        entry["mask around"] = np.pad(masks[n], REACH)[wide].astype(np.float64)
        for policy in control:
            entry[policy] = np.pad(control[policy][n], REACH, "edge")[wide] - level
        entry["mask alone"] = np.zeros_like(entry["mask around"])
        places.append(entry)
    for policy in ("true", "mosaic", "blur", "mean", "nodata", "mask alone"):
        answer["inverse"][policy] = inverse(places, policy, rng, same_mean=policy == "mean")
    answer["inverse"]["mean, told as such"] = inverse(places, "mean", rng)

    (folder / "intruder.json").write_text(json.dumps(answer, indent=1) + "\n")
    lines = [
        f"{answer['frames']} frames, {answer['people']} sights of people, {answer['not_wholly_masked']} of them not wholly masked.",
        "",
        "| frames under | people found by the detector | by chance |",
        "| --- | --- | --- |",
        *(f"| {name} | {v['found']} of {v['of']} | {v['by_chance']} |" for name, v in answer["detector"].items()),
        "",
        "| map | people found by the detector | finds |",
        "| --- | --- | --- |",
        *(f"| {name} | {v['found']} of {v['of']} | {v['finds']} |" for name, v in answer["map"].items()),
        "",
        "| learned inverse from | right choices (95 % interval) | people |",
        "| --- | --- | --- |",
        *(f"| {name} | {v['share']} ({v.get('low')} to {v.get('high')}) | {v['people']} |" for name, v in answer["inverse"].items()),
    ]
    (folder / "intruder.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))

    inverse_of = answer["inverse"]
    faults = []
    if inverse_of["blur"]["low"] <= 0.6 or inverse_of["mosaic"]["low"] <= 0.6:
        faults.append("the attack is not able: it fails on blur or mosaic")
    for policy in ("nodata", "mean"):
        if inverse_of[policy]["low"] > 0.5:
            faults.append(f"{policy} tells more than chance")
        if (v := answer["detector"][policy])["found"] > v["by_chance"] + 3 * max(1.0, v["by_chance"]) ** 0.5:
            faults.append(f"the detector finds people under {policy}")
    if answer["map"]["published"]["found"] > 0:
        faults.append("the detector finds people in the map")
    sys.exit("; ".join(faults) or 0)


if __name__ == "__main__":
    main()
