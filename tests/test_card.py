"""Model cards as `scripts/card.py` writes them: what they say of how a model was trained, read back by the library."""

from __future__ import annotations

import sys
import tomllib

import numpy as np
import pytest
import torch

from scripts import card
from seglab import cards, runtime, train, training_state, zoo
from seglab.cli.evaluate import seen_in_training
from seglab.evaluate import evaluate
from seglab.palettes import CAMVID
from seglab.types import Sample

RECIPE = training_state.plain(train.RECIPES["street-fast"])
EPOCHS = RECIPE["epochs"]
VAL = {
    "mean_iou": 0.7, "pixel_accuracy": 0.9, "confidence_p05": 0.95,
    "iou": dict.fromkeys(CAMVID.names, 0.5) | {"Fence": None},
}  # fmt: skip


def said(**changes):
    about = {"model": "street-fast", "seed": 0, "epochs": EPOCHS, "recipe": RECIPE}
    return about | {"trained_on": "train", "hold_out": "", "teacher": ""} | changes


def written(*args):
    return cards.parse(tomllib.loads(card.card("street-fast", *args)))


def test_trained_on_train_alone():
    got = written(said(), VAL, {})
    assert got.key == "street-fast"
    assert got.trained_on == ("train",)
    assert "Trained on the 367 pictures of `train` alone; `val` (101 pictures) is one clip" in got.data
    assert got.command == "python -m seglab train street-fast --data camvid --output runs/street-fast"
    assert f"{EPOCHS} epochs, batch {RECIPE['batch']}, Muon for the kernels (peak {RECIPE['muon']})" in got.recipe
    assert "held-out" not in got.recipe
    assert "soft answers" not in got.recipe
    assert got.hold_out == {}
    assert (got.scores["val"].mean_iou, got.confidence_p05) == (0.7, 0.95)
    assert np.isnan(got.scores["val"].iou["Fence"])


def test_trained_on_val_too(monkeypatch):
    got = written(said(trained_on="train+val", seed=3, epochs=5, teacher="model.safetensors"), VAL, {})
    assert got.trained_on == ("train", "val")
    assert "Trained on `train` and `val` (468 pictures) with all settings fixed beforehand" in got.data
    assert "of the same recipe trained on `train` alone" in got.data
    assert "the held-out sequences are the honest figure" in got.data
    assert "367" not in got.data
    assert got.command.endswith("runs/street-fast --split train+val --seed 3 --epochs 5 --teacher street")
    assert "+ the soft answers of street," in got.recipe
    monkeypatch.setattr(zoo, "card", lambda key: got)
    for split, warned in (("val", "val"), ("train", "train"), ("train+val", "train, val"), ("test", None)):
        found = seen_in_training("street-fast", None, split, None)
        assert (warned is None) == (found is None)
        assert warned is None or f"trained on {warned}:" in found


def test_held_out_scores_are_means_and_their_spread_is_told():
    short = said(epochs=25, hold_out="0001TP")
    got = written(said(), VAL, {"B": [0.5, 0.52, 0.57], "A": [0.4, 0.41]}, short)
    assert got.hold_out == {"A": 0.405, "B": 0.53}
    assert "The held-out trainings are the same with 25 epochs, 2 to 3 seed(s) each." in got.recipe
    assert "half the range over them: A ±0.0050, B ±0.0350." in got.recipe
    once = written(said(teacher="street"), VAL, {"A": [0.4]}, short)
    assert "25 epochs and no teacher, 1 seed(s) each." in once.recipe
    assert "range" not in once.recipe


OUT = said(epochs=25, hold_out="A")


@pytest.mark.parametrize(
    ("ships", "scored", "held_out", "message"),
    [
        (said(trained_on="val"), said(), [], "all of train or train"),
        (said(hold_out="A"), said(), [], "this on train without A"),
        (said(trained_on="train+val"), said(trained_on="train+val"), [], "--scored"),
        (said(), said(hold_out="A"), [], "--scored"),
        (said(), said(epochs=EPOCHS + 1), [], "as many epochs"),
        (said(teacher="street"), said(), [], "teacher or none"),
        (said(), said(recipe=RECIPE | {"batch": 99}), [], "another model or recipe"),
        (said(), said(), [OUT | {"model": "street"}], "another model or recipe"),
        (said(), said(), [OUT, said()], "leave a sequence out"),
        (said(), said(), [OUT, OUT], "seeds of their own"),
        (said(), said(), [OUT, OUT | {"seed": 1, "epochs": 30}], "as many epochs"),
    ],
)
def test_trainings_that_make_no_card(ships, scored, held_out, message):
    with pytest.raises(ValueError, match=message):
        card.check("street-fast", ships, scored, held_out)


def test_trainings_that_do():
    card.check("street-fast", said(trained_on="train+val"), said(), [OUT, OUT | {"seed": 1}, OUT | {"hold_out": "B"}])


def test_weights_and_card_are_put_into_the_package(tmp_path, monkeypatch, capsys):
    """All of it, with networks that have learnt nothing and pictures that show nothing."""
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 256, (64, 64, 3), np.uint8) for _ in range(2)]
    samples = [Sample(image, image[..., 0] % 11, CAMVID, "A_0", "A") for image in noise]
    runs = {"all": said(trained_on="train+val"), "train": said(), "a0": OUT, "a1": OUT | {"seed": 1}}
    for seed, (name, about) in enumerate(runs.items()):
        (tmp_path / name).mkdir()
        torch.manual_seed(seed)
        training_state.save_weights(zoo.get("street-fast").build(), tmp_path / name / "model.safetensors", about)
    monkeypatch.setattr(card.camvid, "load", lambda root, split, hold_out=None: (samples, samples[:1]))
    monkeypatch.setattr(card, "WEIGHTS", tmp_path)
    arguments = ["street-fast", tmp_path / "all", "--scored", tmp_path / "train", "--data", tmp_path]
    arguments += ["--held-out", tmp_path / "a0", tmp_path / "a1"]
    monkeypatch.setattr(sys, "argv", ["card.py", *map(str, arguments)])
    card.main()
    got = cards.load(tmp_path / "street-fast.toml")
    assert capsys.readouterr().out == (tmp_path / "street-fast.toml").read_text(encoding="utf-8")
    assert (tmp_path / "street-fast.safetensors").read_bytes() == (tmp_path / "all/model.safetensors").read_bytes()

    def score(run: str, some: list[Sample]) -> dict[str, float]:
        return evaluate(runtime.checkpoint(tmp_path / run / "model.safetensors"), some).as_dict()

    assert got.scores["val"].mean_iou == score("train", samples)["mean_iou"]
    assert got.confidence_p05 == score("train", samples)["confidence_p05"]
    seeds = [score(run, samples[:1])["mean_iou"] for run in ("a0", "a1")]
    assert got.hold_out == {"A": pytest.approx(sum(seeds) / 2, abs=1e-4)}
    sys.argv[2] = str(tmp_path / "a0")
    with pytest.raises(SystemExit):
        card.main()
    assert "this on train without A" in capsys.readouterr().err


def test_cards_of_objects_say_what_was_measured():
    from scripts import card_objects
    from seglab.training_state import plain

    said = {"model": "scenes-instances", "epochs": 14, "seed": 0, "trained_on": "train",
            "recipe": plain(train.RECIPES["scenes-instances"])}  # fmt: skip
    found = {"mask_ap": 0.5, "mask_ap50": 0.8, "panoptic_all": {"pq": 0.7}, "objects": {"0.50": 0.6}}
    got = cards.parse(tomllib.loads(card_objects.card("scenes-instances", said, found, 150_000, "scenes")))
    score = got.scores["test"]
    assert isinstance(score, cards.InstanceScore)
    assert (score.mask_ap, score.ap50, score.pq, score.objects) == (0.5, 0.8, 0.7, {})
    assert got.command == "python -m seglab train scenes-instances --output runs/scenes-instances"
    nuclei = {"mean_iou": 0.9, "pixel_accuracy": 0.97, "iou": {"nucleus": 0.9}, "confidence_p05": 0.9,
              "objects": {"0.50": 0.85, "0.70": 0.8}}  # fmt: skip
    said |= {"model": "nuclei-unet", "epochs": 9, "seed": 4, "recipe": plain(train.RECIPES["nuclei-unet"])}
    got = cards.parse(tomllib.loads(card_objects.card("nuclei-unet", said, nuclei, 364)))
    assert got.scores["test"].objects == {"0.50": 0.85, "0.70": 0.8}
    assert got.command.endswith("--data dsb2018 --seed 4 --epochs 9")
    assert "w0 4" in got.recipe
    assert "percentiles 1 and 99.8" in got.recipe
