"""Procedural street scenes: the same everywhere, truths that agree, parameters that do what they say."""

from __future__ import annotations

import hashlib
import json
import pickle
import threading
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from skimage.color import rgb2hsv
from skimage.morphology import opening

from seglab import truths
from seglab.bench import scenes as bench
from seglab.datasets import scenes
from seglab.datasets.scenes import Parameters, living
from seglab.datasets.scenes.canvas import Canvas
from seglab.datasets.scenes.dice import Dice
from seglab.datasets.scenes.space import Light
from seglab.palettes import SCENES

GOLDEN = Path(__file__).parent / "golden" / "scenes.json"
K = {name: k for k, name in enumerate(SCENES.names)}
VARIED = (
    (Parameters(), (128, 128)),
    (Parameters(crowding=1.0, things=(10, 14), thin=1.0), (128, 128)),
    (Parameters(size=2.0, context=1.0, noise=0.1, contrast=0.5), (96, 128)),
    (Parameters(scale=(20, 60), bias=1.0), (192, 256)),
)


def some(n, **parameters):
    return [scenes.render(1, i, Parameters(**parameters)) for i in range(n)]


def fingerprint(scene):
    """Return the hash of labels and ids, and the picture's mean colours in 4×4 blocks."""
    labels, ids = scene.sample.labels, scene.ids
    h, w = labels.shape
    blocks = scene.sample.image.reshape(4, h // 4, 4, w // 4, 3).mean((1, 3))
    return {
        "truth": hashlib.sha256(labels.tobytes() + ids.astype("<u2").tobytes()).hexdigest(),
        "colours": blocks.round(1).ravel().tolist(),
    }


# --- the same everywhere ---------------------------------------------------------------------------------------------


def test_the_same_numbers_give_the_same_scene():
    first, again = scenes.render(3, 5), scenes.render(3, 5)
    assert first.sample.image.tobytes() == again.sample.image.tobytes()
    assert first.sample.labels.tobytes() == again.sample.labels.tobytes()
    assert first.boxes.tolist() == again.boxes.tolist()
    for seed, index in ((3, 6), (4, 5)):
        assert (scenes.render(seed, index).sample.labels != first.sample.labels).mean() > 0.05


def test_scenes_are_what_they_were_when_the_models_were_trained():
    """Labels to the last pixel; pictures but for rounding. If this fails, every model's scores are void."""
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    for n, (parameters, size) in enumerate(VARIED):
        found = fingerprint(scenes.render(11, n, parameters, size))
        assert found["truth"] == golden[n]["truth"], f"scene {n}"
        np.testing.assert_allclose(found["colours"], golden[n]["colours"], atol=1.0)


def test_dice_are_pcg64_and_fair():
    raw = np.random.PCG64(np.random.SeedSequence((5, 6))).random_raw(512)
    dice = Dice(5, 6)
    assert [dice.unit() for _ in range(3)] == [int(raw[-1 - i] >> np.uint64(11)) / 2**53 for i in range(3)]
    grain = Dice(1).grain(200, 300)
    assert grain.mean() == pytest.approx(0, abs=0.02)
    assert grain.std() == pytest.approx(1, abs=0.02)
    assert len({Dice(0).whole(1, 1000) for _ in range(9)}) == 1
    dice = Dice(2)
    picked = [dice.pick("abc", (1, 0, 3)) for _ in range(4000)]
    assert picked.count("b") == 0
    assert picked.count("c") / 4000 == pytest.approx(0.75, abs=0.03)
    numbers = [dice.ratio(8, 32) for _ in range(4000)]
    assert sum(x < 16 for x in numbers) / 4000 == pytest.approx(0.5, abs=0.03)
    assert {dice.whole(2, 4) for _ in range(200)} == {2, 3, 4}


@pytest.mark.parametrize("index", [0, 1, 4])
def test_one_scene_at_several_sizes(index):
    small, large = (scenes.render(8, index, size=size) for size in ((128, 128), (256, 256)))
    assert small.classes.tolist() == large.classes.tolist()
    np.testing.assert_allclose(small.depths, large.depths)
    np.testing.assert_allclose(small.boxes * 2, large.boxes, atol=4)
    assert (small.sample.labels == large.sample.labels[::2, ::2]).mean() > 0.92  # a wire is a pixel wide at both


# --- truths that agree -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("parameters", "size"), VARIED)
def test_truths_agree(parameters, size):
    for index in range(5):
        scene = scenes.render(2, index, parameters, size)
        sample, ids, n = scene.sample, scene.ids, len(scene)
        assert sample.key == f"scenes-2-{index}"
        assert sample.image.shape == (*size, 3)
        is_thing = np.isin(sample.labels, SCENES.things)
        assert ((ids > 0) == is_thing).all()
        assert set(np.unique(ids)) - {0} == set(range(1, n + 1))
        for i in range(n):
            seen = ids == i + 1
            assert (sample.labels[seen] == scene.classes[i]).all()
            rows, columns = np.nonzero(seen)
            assert scene.boxes[i].tolist() == [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            assert seen.sum() >= 12 * (size[0] / 128) ** 2 - 1
        panoptic = truths.truth(sample)
        assert sum(s.thing for s in panoptic.segments) == n
        assert sorted(s.label for s in panoptic.segments if s.thing) == sorted(scene.classes.tolist())


@pytest.mark.parametrize(("parameters", "size"), VARIED)
def test_the_nearer_thing_is_seen(parameters, size):
    """What is seen at a pixel is the nearest thing there; where none of them is seen, a tree or a lamp is before it."""
    for index in range(5):
        scene = scenes.render(2, index, parameters, size)
        assert (np.diff(scene.depths) <= 0).all()
        nearest = np.zeros(size, int)
        for i, crop in enumerate(scene.amodal):  # far to near
            nearest[crop.place][crop.mask()] = i + 1
        hidden = scene.ids != nearest
        assert (scene.ids[hidden] == 0).all()
        assert np.isin(scene.sample.labels[hidden], (K["tree"], K["building"])).all()


def test_overlaps_count_shared_pixels():
    scene = scenes.render(2, 0, Parameters(crowding=1.0, things=(8, 8)))
    whole = np.zeros((len(scene), 128, 128), bool)
    for i, crop in enumerate(scene.amodal):
        whole[i][crop.place] = crop.mask()
    flat = whole.reshape(len(scene), -1).astype(int)
    expected = flat @ flat.T
    np.fill_diagonal(expected, 0)
    assert expected.any()
    assert scene.overlaps().tolist() == expected.tolist()


def test_canvas_gives_smooth_colours_and_exact_labels():
    canvas = Canvas((128, 128))
    canvas.index = 3
    canvas.rectangle(10, 10, 11.9, 12.3, (90, 180, 9))  # of the rows 10..12: 3, 3 and 1 of three sub-pixels
    canvas.index = 4
    canvas.line((50, 20, 50, 30), 0.01, (9, 9, 9))  # never thinner than a pixel, nor with a gap
    colour, index = canvas.flatten()
    assert index[10:13, 10:12].tolist() == [[3, 3], [3, 3], [0, 0]]
    np.testing.assert_allclose(colour[:, 12, 10], (30, 60, 3), rtol=1e-6)
    assert canvas.cover()[9:14, 10].tolist() == pytest.approx([0, 1, 1, 1 / 3, 0])
    assert (index == 4).any(1)[21:30].all()
    assert {int(v) for v in np.unique(index)} == {0, 3, 4}


def test_the_sun_lights_what_faces_it_and_shadows_fall_away_from_it():
    light = Light(sun=(0.6, 0.8, 0.0), strength=0.5, tint=(1, 1, 1), haze=(0, 0, 0), reach=100)
    assert light.on(1, 0, 0) > light.on(0, 0, -1) == light.on(-1, 0, 0) > 0
    assert light.shadow() == pytest.approx((-0.75, 0))


def test_persons_are_drawn_from_joints():
    for seed in range(20):
        joints = living.person_joints(Dice(seed))
        assert {"nose", "left_wrist", "right_ankle"} <= joints.keys()
        assert min(joints["left_ankle"][1], joints["right_ankle"][1]) == pytest.approx(0.07)
        turned = living.turn(joints, 1.0)
        for name, (x, y, z) in joints.items():
            assert turned[name][1] == y
            assert np.hypot(turned[name][0], turned[name][2]) == pytest.approx(np.hypot(x, z))


# --- parameters ------------------------------------------------------------------------------------------------------


def counts(n, **parameters):
    return [len(scene) for scene in some(n, **parameters)]


def test_things_sets_their_number():
    assert counts(4, things=(0, 0)) == [0] * 4
    assert counts(6, things=(1, 1)) == [1] * 6
    many = counts(8, things=(8, 10), scale=(8, 20))
    assert 8 <= min(many) <= max(many) <= 10


def extents(found):
    """Return the longer sides of the things that don't touch the picture's edge."""
    sides = []
    for scene in found:
        h, w = scene.sample.labels.shape
        sides += [max(c.height, c.width) for c in scene.amodal
                  if c.top and c.left and c.top + c.height < h and c.left + c.width < w]  # fmt: skip
    return np.array(sides)


def test_size_makes_things_larger():
    half, one, twice = (extents(some(12, size=size)).mean() for size in (0.5, 1.0, 2.0))
    assert half * 1.15 < one
    assert one * 1.15 < twice


@pytest.mark.parametrize("scale", [(8, 12), (30, 50), (64, 128)])
def test_scale_bounds_their_extent(scale):
    sides = extents(some(12, scale=scale, things=(2, 5)))
    assert len(sides) > 10
    assert scale[0] <= sides.min()
    assert sides.max() <= scale[1]


def test_crowding_is_the_share_that_overlaps():
    shares = []
    for crowding in (0.0, 0.5, 1.0):
        flags = [(scene.overlaps() > 0).any(1) for scene in some(15, crowding=crowding, things=(4, 8))]
        shares.append(np.concatenate(flags).mean())
    assert shares[0] == 0
    assert shares[1] == pytest.approx(0.5, abs=0.12)
    assert shares[2] > 0.85


def test_thin_adds_thin_structures():
    shares = []
    for thin in (0.0, 0.5, 1.0):
        share = 0.0
        for scene in some(12, thin=thin, things=(0, 0)):
            stuff = np.isin(scene.sample.labels, (K["tree"], K["building"]))
            share += (stuff & ~opening(stuff, np.ones((4, 4)))).mean() / 12
        shares.append(share)
    assert shares[0] < 0.01
    assert all(more > 1.5 * less for less, more in pairwise(shares))


def test_contrast_shrinks_the_picture_about_its_mean():
    full, half = (some(3, contrast=c, noise=0.0) for c in (1.0, 0.5))
    for a, b in zip(full, half, strict=True):
        inside = (a.sample.image > 20) & (a.sample.image < 235)  # nothing is cut off at black or white
        one, other = a.sample.image[inside].astype(float), b.sample.image[inside].astype(float)
        slope, shift = np.polyfit(one, other, 1)
        assert slope == pytest.approx(0.5, abs=0.005)
        assert shift / 0.5 == pytest.approx(a.sample.image.mean(), abs=4)  # but there something was
        assert (a.sample.labels == b.sample.labels).all()


def test_noise_is_the_standard_deviation():
    for clean, noisy in zip(some(3, noise=0.0), some(3, noise=0.05), strict=True):
        middle = (clean.sample.image > 60) & (clean.sample.image < 195)  # nothing is cut off at black or white
        error = noisy.sample.image.astype(float) - clean.sample.image
        assert error[middle].std() == pytest.approx(0.05 * 255, rel=0.03)
        assert (clean.sample.labels == noisy.sample.labels).all()


def test_imbalance_makes_the_last_class_rare():
    def tally(imbalance):
        found = some(30, imbalance=imbalance)
        classes = np.concatenate([scene.classes for scene in found])
        return [int((classes == K[name]).sum()) for name in scenes.CLASSES]

    even, uneven = tally(0.0), tally(1.0)
    assert max(even) < 2.5 * min(even)
    assert uneven[0] == max(uneven)
    assert uneven[0] > 10 * max(1, uneven[-1])


def colour_gap(found, one, other):
    """Return how far apart the mean colours of two classes are, averaged over the scenes that have both."""
    gaps = []
    for scene in found:
        masks = [scene.sample.labels == K[name] for name in (one, other)]
        if all(mask.sum() > 100 for mask in masks):
            a, b = (scene.sample.image[mask].mean(0) for mask in masks)
            gaps.append(np.abs(a - b).mean())
    assert len(gaps) >= 5
    return np.mean(gaps)


def test_context_makes_classes_look_alike_and_leaves_their_places():
    apart, half, alike = (some(24, context=c, things=(0, 0), noise=0.0) for c in (0.0, 0.5, 1.0))
    assert all((a.sample.labels == b.sample.labels).all() for a, b in zip(apart, alike, strict=True))
    for one, other, less in (("road", "pavement", 3), ("sky", "water", 1.3)):
        gaps = [colour_gap(found, one, other) for found in (apart, half, alike)]
        assert gaps[0] > gaps[1] > gaps[2]
        assert gaps[0] > less * gaps[2]


def test_context_gives_balls_the_faces_of_signs():
    """Red, blue, white and black: a sign's face has no green, yellow or violet, as balls do."""

    def odd(context):
        found = some(12, context=context, classes=("ball",), things=(3, 5), scale=(20, 60), noise=0.0)
        hue, saturation, _ = rgb2hsv(np.concatenate([s.sample.image[s.ids > 0] for s in found])).T
        return ((saturation > 0.4) & (((hue > 0.1) & (hue < 0.5)) | ((hue > 0.72) & (hue < 0.92)))).mean()

    assert odd(1.0) < 0.15 * odd(0.0)


def test_bias_lets_the_street_tell_the_class():
    def told(bias):
        """Return how often 'much of it is built' is right for a car and wrong for a dog."""
        right = []
        for scene in some(24, bias=bias, things=(1, 1), classes=("dog", "car"), thin=0.0):
            built = (scene.sample.labels == K["building"]).mean() > 0.12
            right.append(built == (scene.classes[0] == K["car"]))
        return np.mean(right)

    assert told(1.0) > 0.9
    assert 0.25 < told(0.0) < 0.75


def test_classes_takes_part():
    for scene in some(4, classes=("dog", "sign")):
        assert set(scene.classes) <= {K["dog"], K["sign"]}


@pytest.mark.parametrize(
    "wrong",
    [
        {"things": (5, 3)}, {"things": (0, 51)}, {"things": (-1, 3)}, {"things": (1.5, 3)}, {"things": (3,)},
        {"size": 0.4}, {"size": 2.1}, {"scale": (7, 20)}, {"scale": (30, 20)}, {"scale": (8, 129)}, {"crowding": -0.1},
        {"crowding": 1.1}, {"thin": 2}, {"contrast": 0}, {"noise": 0.4}, {"imbalance": -1}, {"context": 1.5},
        {"bias": float("nan")}, {"classes": ()}, {"classes": ("cat",)}, {"classes": ("dog", "dog")},
    ],
    ids=str,
)  # fmt: skip
def test_values_out_of_range_are_refused(wrong):
    (name,) = wrong
    with pytest.raises(ValueError, match=f"{name} must be"):
        Parameters(**wrong)


@pytest.mark.parametrize(
    "wrong", [{"seed": -1}, {"seed": 0.5}, {"index": -1}, {"size": (16, 128)}, {"size": (128, 4000)}], ids=str
)
def test_render_refuses(wrong):
    with pytest.raises(ValueError, match="must be"):
        scenes.render(**{"seed": 0} | wrong)


# --- sets ------------------------------------------------------------------------------------------------------------


def test_a_set_is_a_sequence():
    few = scenes.training(5, 3, Parameters(things=(1, 2)), (64, 64))
    assert len(few) == len(list(few)) == 3
    assert few[-1].key == few[2].key == "scenes-5-2"
    assert [s.key for s in few[1:]] == ["scenes-5-1", "scenes-5-2"]
    assert few[0].image.shape == (64, 64, 3)
    assert (pickle.loads(pickle.dumps(few))[1].image == few[1].image).all()
    for index in (3, -4):
        with pytest.raises(IndexError, match="0 to 2"):
            few[index]
    with pytest.raises(ValueError, match="at least one"):
        scenes.training(5, 0)


def test_the_test_set_is_never_trained_on():
    assert len(scenes.test_set()) == 500
    assert scenes.test_set() == scenes.test_set()
    with pytest.raises(ValueError, match="kept for the test set"):
        scenes.training(scenes.test_set().seed, 10)


def check_test_scenes(indices):
    overlapping, sides, seen = [], [], np.zeros(len(SCENES), int)
    for i in indices:
        scene = scenes.test_set().scene(i)
        assert scene.sample.image.shape == (128, 128, 3)
        assert 3 <= len(scene) <= 12, i
        shares = (scene.overlaps() > 0).any(1)
        assert shares.mean() >= 1 / 3 - 1e-9, i
        overlapping += shares.tolist()
        sides += [max(crop.height, crop.width) for crop in scene.amodal]
        assert np.bincount(scene.ids.ravel())[1:].min() >= 12, i
        seen += np.bincount(scene.sample.labels.ravel(), minlength=len(SCENES)) > 0
    assert np.mean(overlapping) >= 1 / 3
    assert min(sides) >= 8
    assert max(sides) > 60
    return seen


def test_some_of_the_test_set():
    assert (check_test_scenes(range(40)) >= 5).all()  # every class, often enough to be measured


@pytest.mark.slow
def test_all_of_the_test_set():
    assert (check_test_scenes(range(500)) >= 100).all()


# --- the bench -------------------------------------------------------------------------------------------------------


def test_bench_draws_and_tells_what_falls_short():
    assert bench.draw(threading.Barrier(1), 2) > 0
    slow = bench.Row(2, 10, 149.0, 13.4, 150.0, False)
    text = bench.table([bench.Row(1, 10, 90.0, 11.1, None, None), slow, replace(slow, per_second=151, met=True)])
    assert [line.endswith("falls short") for line in text.splitlines()[1:4]] == [False, True, False]
