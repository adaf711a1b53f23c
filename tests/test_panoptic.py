"""Fusion against a plain reading of its rules with whole masks, by hand, and what must hold for any input."""

from __future__ import annotations

from statistics import median
from time import process_time

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from seglab import panoptic
from seglab.palettes import CAMVID
from seglab.types import Crop, InstanceResult, Palette, Sample, SemanticResult

STREET = Palette(
    "street", ("sky", "road", "car", "person"), ((1, 1, 1), (2, 2, 2), (3, 3, 3), (4, 4, 4)), things=(2, 3)
)
SKY, ROAD, CAR, PERSON = range(4)


def semantic(labels, palette=STREET):
    labels = np.asarray(labels, np.uint8)
    return SemanticResult(labels, np.zeros((len(palette), 1, 1), np.float16), palette)


def instances(size, *objects, palette=STREET):
    """Objects as (class, score, mask of the whole picture)."""
    crops = []
    for _, _, mask in objects:
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        top, left = (rows[0], columns[0]) if len(rows) else (0, 0)
        end = (rows[-1] + 1, columns[-1] + 1) if len(rows) else (1, 1)
        crops.append(Crop.of(mask[top : end[0], left : end[1]], int(top), int(left)))
    boxes = np.array([(c.left, c.top, c.left + c.width, c.top + c.height) for c in crops], np.float32)
    return InstanceResult(
        boxes.reshape(-1, 4),
        np.array([k for k, _, _ in objects], np.int64),
        np.array([score for _, score, _ in objects], np.float32),
        tuple(crops),
        size,
        palette,
    )


def row(text, letter="x"):
    """'..xx.' → a mask of one row."""
    return np.array([[c == letter for c in text]])


def fused(labels, *objects, **options):
    labels = np.atleast_2d(labels)
    return panoptic.fuse(semantic(labels), instances(labels.shape, *objects), **({"stuff_area": 1} | options))


# --- rules by hand ----------------------------------------------------------------------------------------------------


def test_who_was_first_keeps_the_pixel_and_every_step_says_why():
    result = fused(
        [ROAD] * 6 + [SKY] * 3 + [CAR, 255],
        (CAR, 0.8, row(".xxxx......")),
        (PERSON, 0.9, row("...xxx.....")),
    )
    assert result.segment_ids.tolist() == [[4, 2, 2, 1, 1, 1, 3, 3, 3, 0, 0]]
    assert [(s.id, s.label, s.thing, s.area) for s in result.segments] == [
        (1, PERSON, True, 3), (2, CAR, True, 2), (3, SKY, False, 3), (4, ROAD, False, 1),
    ]  # fmt: skip
    assert [s.score for s in result.segments] == pytest.approx([0.9, 0.8, 1, 1])
    person, car, sky, road, bare = result.steps
    assert (person.what, person.index, person.segment, person.won, person.lost_to) == ("kept", 1, 1, 3, ())
    assert person.reason == "Kept: all of its 3 pixels were free."
    assert (car.what, car.index, car.segment, car.pixels, car.won, car.lost_to) == ("cut", 0, 2, 4, 2, ((1, 2),))
    assert car.reason == "Cut: objects with a better score keep 2 of its 4 pixels, most of them person 1."
    assert (sky.what, sky.index, sky.segment) == ("kept", -1, 3)
    assert sky.reason == "Kept: no object covers any of its 3 pixels."
    assert (road.what, road.won, road.lost_to) == ("cut", 1, ((1, 3), (2, 2)))
    assert road.reason == "Cut: objects cover 5 of its 6 pixels, and things come before stuff."
    assert (bare.what, bare.label, bare.pixels, bare.won, bare.segment) == ("dropped", CAR, 1, 0, 0)
    assert bare.reason == "Dropped: car is a thing, and in 1 of its 1 pixels no object was kept; they are void."


def test_score_threshold_keeps_what_reaches_it():
    objects = [(CAR, 0.5, row("xx....")), (CAR, 0.49999, row("..xx.."))]
    result = fused([ROAD] * 6, *objects)
    assert [step.what for step in result.steps] == ["kept", "dropped", "cut"]
    assert result.steps[1].reason == "Dropped: its score of 0.49 is below the 0.5 asked for."
    assert (result.steps[1].pixels, result.steps[1].won, result.steps[1].index) == (2, 0, 1)
    assert len(fused([ROAD] * 6, *objects, score=0.4).segments) == 3


def test_visible_share_drops_below_it_and_leaves_the_pixels_to_the_next():
    objects = [
        (CAR, 0.9, row("xxxx......")),
        (PERSON, 0.8, row(".xxxxx....")),  # 2 of 5 are left
        (CAR, 0.7, row("....xxxxx.")),
    ]
    result = fused([SKY] * 10, *objects, visible=0.41)
    assert result.segment_ids.tolist() == [[1, 1, 1, 1, 2, 2, 2, 2, 2, 3]]
    dropped = result.steps[1]
    assert (dropped.what, dropped.segment, dropped.won, dropped.pixels) == ("dropped", 0, 0, 5)
    assert dropped.lost_to == ((1, 3),)
    assert dropped.reason == (
        "Dropped: 40 % of it is still visible, less than the 41 % asked for; car 1 has most of the rest."
    )
    assert result.steps[2].what == "kept"
    again = fused([SKY] * 10, *objects, visible=0.4)  # reaches it
    assert again.segment_ids.tolist() == [[1, 1, 1, 1, 2, 2, 3, 3, 3, 4]]
    assert again.steps[2].lost_to == ((2, 2),)


def test_nothing_visible_is_dropped_whatever_the_share():
    result = fused([SKY] * 4, (CAR, 0.9, row("xxx.")), (PERSON, 0.8, row(".xx.")), visible=0)
    assert [segment.label for segment in result.segments] == [CAR, SKY]
    assert result.steps[1].reason == "Dropped: nothing of it is visible any more; car 1 has most of it."


def test_the_smaller_first():
    objects = [(PERSON, 0.9, row("xxxxxx..")), (CAR, 0.6, row("..xx...."))]
    assert fused([SKY] * 8, *objects, visible=0).segment_ids.tolist() == [[1] * 6 + [2] * 2]
    result = fused([SKY] * 8, *objects, overlap="smaller")
    assert result.segment_ids.tolist() == [[2, 2, 1, 1, 2, 2, 3, 3]]
    assert [step.index for step in result.steps] == [1, 0, -1]
    assert result.steps[1].reason == "Cut: smaller objects keep 2 of its 6 pixels, most of them car 1."


def test_scores_need_not_be_sorted_and_equal_ones_keep_their_order():
    result = fused(
        [SKY] * 6,
        (CAR, 0.6, row("xxx...")), (PERSON, 0.9, row(".xxx..")), (CAR, 0.6, row("x...xx")),
        visible=0.1,
    )  # fmt: skip
    assert [step.index for step in result.steps] == [1, 0, 2, -1]
    assert result.segment_ids.tolist() == [[2, 1, 1, 1, 3, 3]]


@pytest.mark.parametrize(("least", "kept"), [(0, [SKY, ROAD]), (2, [SKY, ROAD]), (3, [SKY]), (5, [])])
def test_stuff_area_in_pixels(least, kept):
    result = fused([SKY] * 4 + [ROAD] * 3, (CAR, 0.9, row("......x")), stuff_area=least)
    assert [segment.label for segment in result.segments] == [CAR, *kept]
    assert (result.segment_ids == 0).sum() == 6 - 4 * (SKY in kept) - 2 * (ROAD in kept)
    if least == 3:
        assert (
            result.steps[-1].reason == "Dropped: 2 of its pixels are left, fewer than the 3 asked for; they are void."
        )
        assert result.steps[-1].lost_to == ((1, 1),)


def test_stuff_that_is_covered_all_over():
    result = fused([SKY, SKY, ROAD], (CAR, 0.9, row("xx.")), stuff_area=0)
    assert [segment.label for segment in result.segments] == [CAR, ROAD]
    assert result.steps[1].reason == "Dropped: objects cover all of its 2 pixels."


def test_a_class_is_switched_between_stuff_and_thing():
    labels = [CAR] * 3 + [ROAD] * 3
    objects = [(CAR, 0.9, row("xx....")), (PERSON, 0.8, row("....x."))]
    as_stuff = fused(labels, *objects, things=[PERSON])
    assert as_stuff.palette.things == (PERSON,)
    assert as_stuff.segment_ids.tolist() == [[3, 3, 3, 2, 1, 2]]
    assert as_stuff.steps[0].reason == ("Dropped: car counts as stuff here, so that the semantic map says where it is.")
    as_thing = fused(labels, *objects, things=[CAR, PERSON, ROAD])
    assert as_thing.segment_ids.tolist() == [[1, 1, 0, 0, 2, 0]]
    nothing = fused(labels, *objects, things=[])
    assert [segment.thing for segment in nothing.segments] == [False, False]
    with pytest.raises(ValueError, match="class indices"):
        fused(labels, things=[4])


@pytest.mark.parametrize("labels", [[SKY] * 5, [255] * 5, [CAR] * 5])
def test_a_picture_without_objects(labels):
    result = fused(labels)
    assert len(result.segments) == (labels[0] == SKY)
    assert (result.segment_ids == (labels[0] == SKY)).all()
    assert len(result.steps) == (labels[0] != 255)


def test_an_empty_mask_is_dropped():
    result = fused([SKY] * 3, (CAR, 0.9, row("...")))
    assert result.steps[0].reason == "Dropped: its mask has no pixels."


def test_wrong_input_is_explained():
    one = instances((1, 3), (CAR, 0.9, row("xx.")))
    with pytest.raises(ValueError, match="one picture"):
        panoptic.fuse(semantic([[SKY] * 4]), one)
    for wrong in ({"score": 1.1}, {"visible": -0.1}, {"stuff_area": -1}, {"overlap": "size"}):
        with pytest.raises(ValueError, match="got"):
            panoptic.fuse(semantic([[SKY] * 3]), one, **wrong)


# --- against the rules with whole masks, on any input -----------------------------------------------------------------


def plainly(labels, found, score, visible, stuff_area, things):
    """Kirillov's heuristic as one would write it down: whole masks, no records."""
    ids = np.zeros(labels.shape, int)
    kept = []
    for i in sorted(range(len(found)), key=lambda i: -found.scores[i]):
        mask = found.mask(i)
        if found.scores[i] < score or found.classes[i] not in things or not mask.any():
            continue
        free = mask & (ids == 0)
        if free.sum() / mask.sum() < visible or not free.any():
            continue
        kept.append((int(found.classes[i]), True, int(free.sum())))
        ids[free] = len(kept)
    for k in range(len(found.palette)):
        free = (labels == k) & (ids == 0)
        if k not in things and free.any() and free.sum() >= stuff_area:
            kept.append((k, False, int(free.sum())))
            ids[free] = len(kept)
    return ids, kept


def random_case(seed, size=(13, 17), count=6):
    rng = np.random.default_rng(seed)
    labels = np.kron(rng.choice([SKY, ROAD, CAR, PERSON, 255], (5, 6)), np.ones((3, 3)))[: size[0], : size[1]]
    objects = []
    for _ in range(rng.integers(0, count + 1)):
        (y, x), (h, w) = rng.integers(0, (size[0] - 1, size[1] - 1)), rng.integers(1, 9, 2)
        mask = np.zeros(size, bool)
        mask[y : y + h, x : x + w] = rng.random(mask[y : y + h, x : x + w].shape) < rng.choice([0.3, 1])
        objects.append((rng.choice([CAR, PERSON, ROAD]), rng.choice([0.2, 0.5, 0.7, 0.7, 0.95]), mask))
    return labels.astype(np.uint8), instances(size, *objects)


@settings(deadline=None, max_examples=150, database=None)
@given(
    seed=st.integers(0, 10**6),
    score=st.sampled_from([0.0, 0.5, 0.6]),
    visible=st.sampled_from([0.0, 0.25, 0.5, 0.8, 1.0]),
    stuff_area=st.integers(0, 30),
    things=st.sets(st.sampled_from([ROAD, CAR, PERSON])),
)
@example(seed=3, score=0.5, visible=0.5, stuff_area=10, things={CAR, PERSON})
def test_it_is_the_heuristic_and_its_record_adds_up(seed, score, visible, stuff_area, things):
    labels, found = random_case(seed)
    result = panoptic.fuse(semantic(labels), found, score=score, visible=visible, stuff_area=stuff_area, things=things)
    ids, kept = plainly(labels, found, np.float32(score), visible, stuff_area, things)
    np.testing.assert_array_equal(result.segment_ids, ids)
    assert [(s.label, s.thing, s.area) for s in result.segments] == kept

    assert sorted(step.index for step in result.steps if step.index >= 0) == list(range(len(found)))
    assert [step.segment for step in result.steps if step.segment] == [s.id for s in result.segments]
    for step in result.steps:
        mask = found.mask(step.index) if step.index >= 0 else labels == step.label
        assert step.pixels == mask.sum()
        assert step.reason.startswith(step.what.capitalize() + ": ")
        lost = sum(n for _, n in step.lost_to)
        if step.what == "dropped":
            assert (step.won, step.segment) == (0, 0)
        else:
            assert step.won == step.pixels - lost == (result.segment_ids == step.segment).sum()
            assert (step.what == "cut") == (lost > 0)
        for other, n in step.lost_to:
            assert n == (mask & (result.segment_ids == other)).sum()

    np.testing.assert_array_equal(panoptic.after(result, len(result.steps)), result.segment_ids)
    there = np.zeros_like(ids)
    for n, step in enumerate(result.steps):
        np.testing.assert_array_equal(panoptic.after(result, n), there)
        there[result.segment_ids == step.segment] = step.segment
    np.testing.assert_array_equal(
        panoptic.contested(found, score),
        np.sum([found.mask(i) for i in range(len(found)) if found.scores[i] >= score], axis=0, initial=0),
    )
    for y, x in ((0, 0), (6, 8), (12, 16)):
        claims = panoptic.claimants(result, found, y, x)
        assert {step.index for step in claims} == {i for i in range(len(found)) if found.mask(i)[y, x]}
        assert [step for step in result.steps if step in claims] == list(claims)


def test_contested_stops_at_255():
    full = np.ones((2, 9), bool)
    found = instances((2, 9), *[(CAR, 0.9, full)] * 300)
    assert (panoptic.contested(found) == 255).all()
    assert not panoptic.contested(found, 0.95).any()
    assert len(panoptic.fuse(semantic(np.zeros((2, 9))), found).segments) == 1


def test_stuff_and_void_want_their_pixels_too():
    labels, car = np.array([[SKY, SKY, CAR, CAR, ROAD]]), (CAR, 0.9, row(".xx.."))
    result, found = panoptic.fuse(semantic(labels), instances((1, 5), car), stuff_area=2), instances((1, 5), car)

    def told(x):
        at = panoptic.claimants(result, found, 0, x, int(labels[0, x]))
        return [(step.label, step.what, 0 < step.segment == result.segment_ids[0, x]) for step in at]

    assert told(0) == [(SKY, "dropped", False)]  # one pixel of two is left, and two are asked for
    assert told(1) == [(CAR, "kept", True), (SKY, "dropped", False)]
    assert told(2) == [(CAR, "kept", True)]  # the map says car as well: no news
    assert told(3) == [(CAR, "dropped", False)]  # a car in the map, and no object: void
    assert told(4) == [(ROAD, "dropped", False)]
    assert panoptic.claimants(result, found, 0, 0) == ()  # objects alone, as long as no class is named


def test_what_reaches_the_score_is_kept():
    assert fused([SKY] * 3, (CAR, 0.7, row("xx.")), score=0.7).segments[0].thing  # 0.7 is less in float32
    assert panoptic.contested(instances((1, 3), (CAR, 0.7, row("xx."))), 0.7).tolist() == [[1, 1, 0]]


def test_claimants_outside_the_picture():
    result = fused([SKY] * 3, (CAR, 0.9, row("xx.")))
    with pytest.raises(ValueError, match="no pixel"):
        panoptic.claimants(result, instances((1, 3), (CAR, 0.9, row("xx."))), 1, 0)


# --- two palettes -----------------------------------------------------------------------------------------------------

COCO = Palette("COCO", ("person", "car", "truck"), ((9, 0, 0), (0, 9, 0), (0, 0, 9)), things=(0, 1, 2))


def test_streets_stuff_with_cocos_things():
    palette, to = panoptic.joined(CAMVID, COCO)
    assert palette.names == (*CAMVID.names, "person", "truck")
    assert palette.colors == (*CAMVID.colors, (9, 0, 0), (0, 0, 9))
    assert palette.title == "CamVid + COCO"
    assert palette.things == (8, 9, 10, 11, 12)
    assert to == (11, CAMVID.index("Car"), 12)
    sky, car = CAMVID.index("Sky"), CAMVID.index("Car")
    found = instances((1, 5), (0, 0.9, row("x....")), (1, 0.8, row(".x...")), (2, 0.7, row("..x..")), palette=COCO)
    result = panoptic.fuse(semantic([[car, car, car, car, sky]], CAMVID), found, stuff_area=1)
    assert [palette.names[segment.label] for segment in result.segments] == ["person", "Car", "truck", "Sky"]
    assert result.segment_ids.tolist() == [[1, 2, 3, 0, 4]]
    assert result.palette == palette


def test_same_says_which_names_mean_the_same():
    same = {"person": "Pedestrian", "truck": "Car"}
    palette, to = panoptic.joined(CAMVID, COCO, same)
    assert palette == CAMVID
    assert to == (9, 8, 8)
    with pytest.raises(ValueError, match="No class 'lorry'"):
        panoptic.joined(CAMVID, COCO, {"lorry": "Car"})
    with pytest.raises(ValueError, match="No class 'Van'"):
        panoptic.joined(CAMVID, COCO, {"truck": "Van"})


def test_joining_a_palette_with_itself_or_with_things_of_the_same_name():
    assert panoptic.joined(STREET, STREET) == (STREET, (0, 1, 2, 3))
    other = Palette("signs", ("ROAD",), ((5, 5, 5),), things=(0,))
    palette, to = panoptic.joined(STREET, other)
    assert (palette.names, palette.things, to) == (STREET.names, (1, 2, 3), (1,))


# --- the truth --------------------------------------------------------------------------------------------------------


def sample(labels, ids):
    labels = np.atleast_2d(np.array(labels, np.uint8))
    ids = None if ids is None else np.atleast_2d(np.array(ids, np.uint16))
    return Sample(np.zeros((*labels.shape, 3), np.uint8), labels, STREET, "drawn", ids=ids)


def test_truth_keeps_the_ids_and_numbers_stuff_after_them():
    given = sample([SKY, SKY, CAR, CAR, PERSON, ROAD, CAR, 255, 255], [0, 0, 7, 7, 2, 0, 0, 0, 2])
    result = panoptic.truth(given)
    assert result.segment_ids.tolist() == [[8, 8, 7, 7, 2, 9, 0, 0, 0]]
    assert [(s.id, s.label, s.thing, s.area) for s in result.segments] == [
        (2, PERSON, True, 1), (7, CAR, True, 2), (8, SKY, False, 2), (9, ROAD, False, 1),
    ]  # fmt: skip
    assert result.steps == ()
    switched = panoptic.truth(given, things=[PERSON])
    assert switched.segment_ids.tolist() == [[3, 3, 5, 5, 2, 4, 5, 0, 0]]
    assert switched.palette.things == (PERSON,)


def test_truth_without_ids_or_with_an_id_of_two_classes():
    with pytest.raises(ValueError, match="drawn has classes only"):
        panoptic.truth(sample([SKY], None))
    with pytest.raises(ValueError, match="drawn: thing 3 has pixels of several classes"):
        panoptic.truth(sample([CAR, PERSON], [3, 3]))


def test_a_truth_without_anything():
    result = panoptic.truth(sample([255, 255], [0, 0]))
    assert (result.segments, result.segment_ids.tolist()) == ((), [[0, 0]])
    assert len(panoptic.instances_of(result)) == 0


@settings(deadline=None, max_examples=40, database=None)
@given(seed=st.integers(0, 10**6))
def test_a_truth_as_instances_fuses_to_itself(seed):
    rng = np.random.default_rng(seed)
    ids = np.kron(rng.integers(0, 6, (4, 5)), np.ones((5, 4))).astype(np.uint16)
    of = rng.choice([CAR, PERSON], 6)
    labels = np.where(ids > 0, of[ids], rng.choice([SKY, ROAD, 255], ids.shape)).astype(np.uint8)
    given = sample(labels, ids)
    truth = panoptic.truth(given)
    found = panoptic.instances_of(truth)
    assert found.scores.tolist() == [1] * len(found)
    for i, segment in enumerate(s for s in truth.segments if s.thing):
        np.testing.assert_array_equal(found.mask(i), ids == segment.id)
        assert found.classes[i] == of[segment.id] == segment.label
        x0, y0, x1, y1 = found.boxes[i].astype(int)
        inside = found.mask(i)[y0:y1, x0:x1]
        assert inside.sum() == found.mask(i).sum()
        assert inside[[0, -1]].any(1).all()
        assert inside[:, [0, -1]].any(0).all()
    again = panoptic.fuse(given, found, stuff_area=0)
    for segment in truth.segments:
        other = np.unique(again.segment_ids[truth.segment_ids == segment.id])
        assert len(other) == 1
        assert again.segments[other[0] - 1].area == segment.area
    assert ((again.segment_ids == 0) == (truth.segment_ids == 0)).all()


# --- sizes and speed --------------------------------------------------------------------------------------------------


def many(size, count, largest, seed=0):
    """Ellipses all over a picture, over a map of wavy regions."""
    rng = np.random.default_rng(seed)
    y, x = np.ogrid[: size[0], : size[1]]
    labels = (2 * np.sin(x / 91) + 2 * np.sin(y / 67) + np.sin((x + y) / 31) + 5).clip(0, 7).astype(np.uint8)
    crops = []
    for _ in range(count):
        h, w = rng.integers(3, largest, 2)
        inside = np.add.outer(np.linspace(-1, 1, h) ** 2, np.linspace(-1, 1, w) ** 2) < 1
        crops.append(Crop.of(inside, int(rng.integers(0, size[0] - h)), int(rng.integers(0, size[1] - w))))
    boxes = np.array([(c.left, c.top, c.left + c.width, c.top + c.height) for c in crops], np.float32)
    scores = np.sort(rng.uniform(0.5, 1, count))[::-1].astype(np.float32)
    found = InstanceResult(boxes.reshape(-1, 4), rng.integers(8, 11, count), scores, tuple(crops), size, CAMVID)
    return Sample(np.zeros((*size, 3), np.uint8), labels, CAMVID, "many"), found


@pytest.mark.parametrize(("size", "count"), [((64, 64), 300), ((1, 1), 0), ((1200, 1800), 300)])
def test_any_size_and_number(size, count):
    picture, found = many(size, count, min(60, size[0]))
    result = panoptic.fuse(picture, found, visible=0.2)
    assert result.segment_ids.shape == size
    assert sum(s.area for s in result.segments) == (result.segment_ids > 0).sum()
    assert len([step for step in result.steps if step.index >= 0]) == count


def test_sixty_objects_take_moments():
    picture, found = many((960, 1280), 60, 250)
    times = []
    for _ in range(7):
        start = process_time()  # of this process alone: other work on the machine doesn't count
        result = panoptic.fuse(picture, found)
        times.append(process_time() - start)
    assert len(result.segments) > 30
    assert median(times) < 0.1  # some 20 ms; a whole-picture pass for each object takes ten times that
