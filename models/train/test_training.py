"""Checks of the parts a wrong sign would silently spoil: `python -m unittest` in this folder."""

from __future__ import annotations

import unittest

import cv2
import numpy as np
import torch

from boxes import decode, iou, non_maximum_suppression
from contrast import faded
from crops import CROP, RECIPES, Crops, Numbered, make_targets, random_view
from cuttings import Cuttings
from dataset import IGNORE, Frame
from export import Exported, example
from masks import MaskRule, cover_of
from metrics import Matches, match
from network import Detector
from resolution import car_length_px
from scenes import folds, scene_names, sessions
from windows.crops import boxes
from windows.evaluate import wilson
from windows.render import Look, Picture, paint


def one_box_frame(angle: int = 90) -> Frame:
    """A black frame with one bright rectangle and its box."""
    pixels = np.zeros((512, 640), np.uint8)
    pixels[200:230, 300:360] = 255
    return Frame(f"1_060_{angle}_0_00001.jpg", pixels, np.array([[300, 200, 360, 230, 0]], np.float32))


class Views(unittest.TestCase):
    def test_boxes_follow_the_pixels_through_turns_and_flips(self) -> None:
        frame = one_box_frame()
        turns = set()
        for seed in range(200):
            view = random_view(np.random.default_rng(seed), frame, RECIPES["plain"])
            objects, _ = view.transform(frame.boxes)
            if len(objects) == 0 or view.tilt != 0:
                continue
            turns.add(view.quarter_turns)
            crop = cv2.warpAffine(frame.pixels, view.matrix, (CROP, CROP))
            y, x = np.nonzero(crop > 127)
            seen = np.array([[x.min(), y.min(), x.max() + 1, y.max() + 1]], np.float32)
            self.assertGreater(iou(objects[:, :4], seen)[0, 0], 0.8, view)
        self.assertEqual(turns, {0, 1, 2, 3})

    def test_oblique_frames_keep_their_up(self) -> None:
        frame = one_box_frame(angle=40)
        turns = {random_view(np.random.default_rng(seed), frame, RECIPES["plain"]).quarter_turns for seed in range(50)}
        self.assertEqual(turns, {0})

    def test_crop_depends_on_seed_and_number_alone(self) -> None:
        frames = [one_box_frame()]
        whole, resumed = Numbered(Crops(frames, 7), 0, 20), Numbered(Crops(frames, 7), 12, 20)
        self.assertTrue(torch.equal(whole[15].image, resumed[3].image))
        self.assertFalse(torch.equal(whole[15].image, Crops(frames, 8).crop(15).image))


class Scenes(unittest.TestCase):
    def test_no_session_is_in_two_folds(self) -> None:
        pixels, boxes = np.zeros((8, 8), np.uint8), np.zeros((0, 5), np.float32)
        names = [f"{time}_{altitude}_90_0_{number:05}.jpg" for time, altitude, number in self.flights()]
        frames = [Frame(name, pixels, boxes) for name in names]
        dealt = folds(frames)
        self.assertEqual(sorted(frame.name for fold in dealt for frame in fold), sorted(names))
        for session in sessions(frames):
            holding = [fold for fold in dealt if any(frame in session.frames for frame in fold)]
            self.assertEqual(len(holding), 1)

    @staticmethod
    def flights() -> list[tuple[int, int, int]]:
        """Six sessions: the altitude falls, or the time of day changes, at every hundred."""
        return [(block % 4 // 2, 60 + step, 100 * block + step) for block in range(6) for step in range(block + 3)]

    def test_a_jump_of_numbers_starts_another_scene_of_the_session(self) -> None:
        pixels, boxes = np.zeros((8, 8), np.uint8), np.zeros((0, 5), np.float32)
        frames = [Frame(f"1_60_90_0_{number:05}.jpg", pixels, boxes) for number in (0, 20, 41)]
        self.assertEqual(len(sessions(frames)), 1)
        names = scene_names(frames)
        self.assertEqual(names[frames[0].name], names[frames[1].name])
        self.assertNotEqual(names[frames[1].name], names[frames[2].name])


class Pasting(unittest.TestCase):
    def test_a_pasted_object_is_where_its_box_says_and_nowhere_else(self) -> None:
        cuttings = Cuttings([one_box_frame()])
        for seed in range(30):
            image = np.zeros((CROP, CROP), np.float32)
            nothing = np.zeros((0, 5), np.float32)
            placed = cuttings.paste(np.random.default_rng(seed), image, nothing, nothing, 0.7)
            for x0, y0, x1, y1, _ in placed:
                self.assertGreater(image[int(y0) + 2 : int(y1) - 2, int(x0) + 2 : int(x1) - 2].min(), 0.5)
                image[max(int(y0) - 5, 0) : int(y1) + 6, max(int(x0) - 5, 0) : int(x1) + 6] = 0
            self.assertAlmostEqual(float(np.abs(image).max()), 0, delta=0.05)


class Windows(unittest.TestCase):
    def test_a_painted_window_lies_in_its_corners(self) -> None:
        for seed in range(20):
            picture = Picture(np.full((200, 200), 5.0, np.float32), [])
            quad = np.array([[60, 50], [130, 60], [125, 150], [55, 140]], np.float32)
            paint(np.random.default_rng(seed), picture, quad, Look(offset=-8.0, reflection=0.0, frame=-8.0), wall=5.0)
            y, x = np.nonzero(picture.values < 1.0)
            self.assertTrue(x.min() >= 55 - 4 and x.max() <= 130 + 4 and y.min() >= 50 - 4 and y.max() <= 150 + 4)
            self.assertGreater(len(x), 3000)

    def test_boxes_follow_windows_into_the_crop_and_cut_ones_are_ignored(self) -> None:
        quads = [[10, 20, 60, 80], [-200, 30, 8, 90], [500, 500, 540, 540]]
        picture = Picture(np.zeros((600, 600), np.float32), [])
        for x0, y0, x1, y1 in quads:
            picture.windows.append(np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float32))
        same = np.array([[1.0, 0, 0], [0, 1, 0]])
        objects, ignored = boxes(same, picture, np.zeros((320, 320), bool))
        self.assertEqual(objects.tolist(), [[10, 20, 60, 80, 0]])
        self.assertEqual(ignored[:, :4].tolist(), [[0, 30, 8, 90]])

    def test_wilson_interval_of_26_of_29(self) -> None:
        low, high = wilson(26, 29)
        self.assertAlmostEqual(low, 0.736, delta=0.001)
        self.assertAlmostEqual(high, 0.964, delta=0.001)


class Targets(unittest.TestCase):
    def test_decoding_the_targets_gives_the_boxes_back(self) -> None:
        boxes = np.array([[40, 60, 52, 84, 0], [200, 100, 290, 160, 1], [205, 300, 220, 318, 2]], np.float32)
        image = np.zeros((CROP, CROP), np.float32)
        sample = make_targets(image, boxes, np.zeros((0, 5), np.float32))
        peaks = np.where(sample.heat.numpy() == 1, 1.0, 0.0).astype(np.float32)
        found = decode(peaks, sample.distances.numpy())
        found = found[np.argsort(found[:, 5])]
        np.testing.assert_allclose(found[:, :4], boxes[:, :4], atol=1e-3)
        np.testing.assert_array_equal(found[:, 5], boxes[:, 4])

    def test_ignore_region_has_no_weight_except_at_objects(self) -> None:
        image = np.zeros((CROP, CROP), np.float32)
        region = np.array([[0, 0, 80, 80, IGNORE]], np.float32)
        person = np.array([[30, 30, 42, 42, 0]], np.float32)
        weight = make_targets(image, person, region).heat_weight
        self.assertEqual(weight[0, 0, 0], 0)
        self.assertEqual(weight[0, 9, 9], 1)
        self.assertEqual(weight[0, 40, 40], 1)


class Figures(unittest.TestCase):
    def test_average_precision_of_known_rankings(self) -> None:
        perfect = Matches(np.array([0.9, 0.8], np.float32), np.array([True, True]), 2)
        self.assertAlmostEqual(perfect.average_precision(), 1.0)
        half = Matches(np.array([0.9, 0.8], np.float32), np.array([True, False]), 2)
        self.assertAlmostEqual(half.average_precision(), 51 / 101)
        self.assertEqual(perfect.recall_at(0), (1.0, np.float32(0.8)))

    def test_second_detection_of_an_object_is_a_false_alarm(self) -> None:
        frame = one_box_frame()
        box = [300, 200, 360, 230]
        detections = np.array([[*box, 0.9, 0], [*box, 0.8, 0]], np.float32)
        matches = match([detections], [frame], 0, 0.5)
        self.assertEqual(matches.is_hit.tolist(), [True, False])
        self.assertEqual(len(non_maximum_suppression(detections)), 1)

    def test_mask_padding_is_per_side_with_a_least_width(self) -> None:
        detections = np.array([[100, 100, 104, 120, 0.5, 0]], np.float32)
        mask = MaskRule.single(threshold=0.1, padding=0.5, all_classes=False).mask(detections, (512, 640))
        y, x = np.nonzero(mask)
        self.assertEqual((x.min(), x.max() + 1, y.min(), y.max() + 1), (96, 108, 90, 130))
        self.assertEqual(cover_of(mask, np.array([100, 100, 104, 120, 0], np.float32)), 1.0)

    def test_a_faded_person_keeps_its_share_of_the_contrast(self) -> None:
        frame = one_box_frame()
        for share, grey in ((1.0, 255), (0.5, 128), (0.1, 26)):
            pale, strengths = faded(frame, share)
            self.assertEqual(pale.pixels[215, 330], grey)
            self.assertAlmostEqual(strengths[0], 255 * share)

    def test_car_length_survives_a_turn(self) -> None:
        length, width = 100.0, 40.0
        for angle in np.radians([0, 20, 45, 80]):
            across = np.array([length * np.cos(angle) + width * np.sin(angle)], np.float32)
            down = np.array([length * np.sin(angle) + width * np.cos(angle)], np.float32)
            self.assertAlmostEqual(float(car_length_px(across, down)[0]), length, delta=0.1)


class Export(unittest.TestCase):
    def test_fused_network_is_the_same_function(self) -> None:
        torch.manual_seed(0)
        network = Detector()
        for buffer_name, buffer in network.named_buffers():  # statistics that fusing must honour
            if buffer_name.endswith("running_var"):
                buffer.uniform_(0.5, 2.0)
            elif buffer_name.endswith("running_mean"):
                buffer.normal_(0, 0.3)
        torch.nn.init.normal_(network.output.weight, std=0.2)
        frame = torch.from_numpy(example(320, 256))
        with torch.no_grad():
            logits, log_distances = network.eval()((frame - frame.mean()) / (frame.std(correction=0) + 1.0))
            scores, distances = Exported(network).eval()(frame)
        peaks = scores > 0
        torch.testing.assert_close(scores[peaks], logits.sigmoid()[peaks], atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(distances, log_distances.exp(), atol=1e-3, rtol=1e-3)


if __name__ == "__main__":
    unittest.main()
