"""The shipped models of issue "Instances and panoptic": small, carded, and as good as their cards say."""

from __future__ import annotations

import pytest

from seglab import cards, evaluate, evaluate_objects, preprocess, runtime, zoo
from seglab.datasets import cells, scenes
from seglab.train import RECIPES
from seglab.types import Sample

OURS = ("scenes", "scenes-instances", "street-instances", "nuclei-unet", "nuclei-unet-30", "nuclei-instances")
LARGEST = 6e6  # bytes
SOME = 40  # of the 500 test scenes


@pytest.mark.parametrize("key", OURS)
def test_the_file_is_small_and_its_card_tells_of_pictures_never_trained_on(key: str) -> None:
    card, spec = zoo.card(key), zoo.get(key)
    assert zoo.weights_bytes(key) <= LARGEST
    spec.build().load_state_dict(zoo.state_dict(key))
    assert card.key == key
    assert card.command.startswith(f"python -m seglab train {key} ")
    split = {"CamVid": "val"}.get(spec.palette.title, "test")
    assert list(card.trained_on) == ["train"]
    assert set(card.scores) == {split}
    assert ("NC" in card.licence) == (spec.palette.title == "CamVid")
    assert ("approximation" in card.data) == (key == "street-instances")


def test_the_scenes_are_answered_as_well_as_was_wanted() -> None:
    score = zoo.card("scenes-instances").scores["test"]
    assert isinstance(score, cards.InstanceScore)
    assert score.pq is not None
    assert score.ap50 is not None
    assert score.pq >= 0.80
    assert score.ap50 >= 0.85


def test_some_scenes_are_answered_as_the_cards_say() -> None:
    test = scenes.test_set()
    some = [test[i] for i in range(SOME)]
    semantic, detector = runtime.model("scenes"), runtime.model("scenes-instances")
    found = evaluate_objects.evaluate_objects(detector, some, semantic).as_dict()
    said, whole = zoo.card("scenes-instances").scores["test"], zoo.card("scenes").scores["test"]
    assert isinstance(said, cards.InstanceScore)
    assert isinstance(whole, cards.Score)
    assert found["panoptic_all"]["pq"] == pytest.approx(said.pq, abs=0.05)
    assert found["mask_ap50"] == pytest.approx(said.ap50, abs=0.05)
    assert evaluate.evaluate(semantic, some).as_dict()["mean_iou"] == pytest.approx(whole.mean_iou, abs=0.05)


def test_nuclei_are_found_as_well_as_was_wanted() -> None:
    """As the mean of the pictures' own scores; of all nuclei at once, large pictures count for more, it is less."""
    scores = [zoo.card(key).scores["test"] for key in ("nuclei-unet", "nuclei-instances")]
    assert max(score.objects_by_picture["0.50"] for score in scores) >= 0.84  # type: ignore[union-attr]
    few = zoo.card("nuclei-unet-30").scores["test"]
    assert few.objects["0.50"] < scores[0].objects["0.50"]  # type: ignore[union-attr]


@pytest.mark.parametrize("key", [key for key in OURS if key.startswith("nuclei")])
def test_drawn_nuclei_are_found_by_models_that_never_saw_any(key: str) -> None:
    some: list[Sample] = [cells.draw(seed, 0, cells.Parameters(touching=0)) for seed in range(4)]
    found = evaluate_objects.evaluate_objects(runtime.model(key), some).as_dict()
    assert found["objects"]["0.50"] > 0.7


@pytest.mark.parametrize("key", OURS)
def test_a_model_sees_pictures_as_it_learnt_to(key: str) -> None:
    assert RECIPES[key].stretch == zoo.get(key).preprocess.stretch


def test_exposure_says_nothing_to_models_of_nuclei(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half the light gives the same picture to the net, up to what eight bits lose."""
    from seglab import inference

    spec = zoo.get("nuclei-unet")
    loaded = runtime.ready("nuclei-unet", spec.build(), spec.palette, spec.preprocess, "n" * 16, spec)
    bright = cells.draw(3, 0).image // 2 * 2
    seen = []
    real = preprocess.prepared
    monkeypatch.setattr("seglab.inference.prepared", lambda *a: seen.append(real(*a)) or seen[-1])
    for image in (bright, bright // 2):
        inference.logits(image, loaded)
    assert (seen[0] != bright).any()
    assert abs(seen[0].astype(int) - seen[1]).max() <= 1
