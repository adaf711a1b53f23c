"""The zoo's one recipe, volumes in training, and `scripts/zoo.py`: with next to nothing, and never into the package."""

from __future__ import annotations

import dataclasses
import json
import sys
import tomllib

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import nn

from scripts import card_zoo, zoo_job
from scripts import zoo as script
from seglab import cards, train, zoo
from seglab.architectures import ARCHITECTURES
from seglab.augment import Augment
from seglab.bench import zoo as bench
from seglab.datasets import axes, volumes
from seglab.layout import channels_last
from seglab.nets import vnet
from seglab.objectives import Classes
from seglab.optimizer import MuonAdamW
from seglab.voxels import Voxels

TRAINABLE = [row for row in ARCHITECTURES if row.small]


def test_one_recipe_for_all():
    """The same data, steps, batch, rates, augmentation and losses; only the network differs."""
    recipes = [dataclasses.asdict(train.RECIPES[row.model]) for row in TRAINABLE if not row.volumes]
    names = [recipe.pop("build").__name__ for recipe in recipes]
    assert names == [row.key for row in TRAINABLE if not row.volumes]
    assert all(recipe == recipes[0] for recipe in recipes)
    assert recipes[0]["portion"] == axes.TRAINING
    one = train.RECIPES["zoo-unet"]
    assert one.epochs * (one.portion // one.batch) == 1500
    assert one.objective == Classes(stride=1)
    deep = train.RECIPES["zoo-vnet"]
    assert deep.epochs * (deep.portion // deep.batch) == 1500
    assert isinstance(deep.objective, Voxels)
    assert one.build().state_dict().keys() == zoo.get("zoo-unet").build().state_dict().keys()


# ---- volumes


@pytest.fixture(scope="module")
def few():
    return [volumes.draw(7, i, (16, 32, 32)) for i in range(4)]


def test_a_network_of_volumes_learns(few, tmp_path, monkeypatch):
    small = dataclasses.replace(train.RECIPES["zoo-vnet"], build=tiny, portion=4, epochs=8, average=0.5, muon=0.05)
    monkeypatch.setitem(train.RECIPES, "zoo-vnet", small)
    told = list(train.train("zoo-vnet", few, tmp_path, check=few[:2]))
    assert told[-1].loss < 0.9 * told[0].loss
    assert told[-1].score is not None
    background = sum((v.labels == 0).mean() for v in few[:2]) / 2 / 3  # what "background everywhere" would score
    assert told[-1].score > background + 0.05
    net = tiny()
    net.load_state_dict(load_file(tmp_path / train.WEIGHTS))


def tiny() -> nn.Module:
    return vnet.VNet(3, base=2, convs=(1, 1))


def test_views_of_a_volume_are_mirrored_with_their_truth(few):
    """The loss of a network that reads the truth off the voxels is the same however they are mirrored."""

    class Reader(nn.Module):
        def forward(self, x):
            return torch.stack([-x[:, 0], x[:, 0], 0 * x[:, 0]], 1)

    plain = [dataclasses.replace(v, voxels=20.0 * (v.labels == 1).astype("f4") - 10) for v in few[:1]]
    loss_of = Voxels(dice=0.0).begin(plain, Augment(light=0.0), torch.device("cpu"), None)
    losses = {round(float(loss_of(Reader(), plain, torch.Generator().manual_seed(i))), 4) for i in range(8)}
    assert len(losses) == 1
    with pytest.raises(ValueError, match="leave the teacher out"):
        Voxels().begin(plain, Augment(), torch.device("cpu"), Reader())


def test_the_score_of_a_network_of_volumes(few):
    class Nothing(nn.Module):
        def __init__(self):
            super().__init__()
            self.p = nn.Parameter(torch.zeros(()))

        def forward(self, x):
            return torch.stack([1 + 0 * x[:, 0], 0 * x[:, 0], 0 * x[:, 0]], 1)

    share = sum((v.labels == 0).mean() for v in few) / len(few)
    assert Voxels().score(Nothing(), few) == pytest.approx(share / 3)


def test_kernels_of_volumes_are_muons_but_for_the_first_and_the_last():
    net = channels_last(tiny())
    optimizer = MuonAdamW(net, 0.01, 0.01, 0.0)
    convs = [m.weight for m in net.modules() if isinstance(m, nn.Conv3d)]
    before = [w.detach().clone() for w in convs]
    net(torch.randn(2, 1, 8, 8, 8)).square().mean().backward()
    optimizer.step()
    for weight, old in list(zip(convs, before, strict=True))[1:-1]:
        step = (weight.detach() - old).movedim(1, -1).flatten(1)
        values = torch.linalg.svdvals(step)
        assert values.max() / values.min() < 3  # all directions by about as much, unlike AdamW's
        assert values.max() > 1e-3
    assert all(not torch.equal(weight, old) for weight, old in zip(convs, before, strict=True))
    with pytest.raises(ValueError, match="channels_last"):
        MuonAdamW(tiny(), 0.01, 0.01, 0.0)


# ---- the script


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two trainings of two steps, with what they score; and the baselines."""
    folder = tmp_path_factory.mktemp("zoo")
    zoo_job.draw(folder, zoo_job.TRIAL)
    for key, seeds in (("fcn-32s", 3), ("linknet", 1)):
        for seed in range(seeds):
            zoo_job.train_one(key, seed, folder, zoo_job.TRIAL)
    return folder


def test_a_job_leaves_weights_and_scores(folder):
    result = json.loads((folder / "fcn-32s-1" / "result.json").read_text())
    assert (result["key"], result["seed"]) == ("fcn-32s", 1)
    assert list(result["splits"]) == list(axes.SPLITS)
    assert 0 <= result["splits"]["thin"]["thin_recall"] < 1
    assert not (folder / "fcn-32s-1" / train.CHECKPOINT).exists()
    state = load_file(folder / "fcn-32s-1" / train.WEIGHTS)
    assert all(t.dtype == torch.float16 for t in state.values() if t.is_floating_point())
    with pytest.raises(ValueError, match="another number of scenes"):
        zoo_job.draw(folder, zoo_job.REAL)


def test_cards_are_of_what_is_finished(folder, tmp_path, monkeypatch):
    assert card_zoo.write(folder, tmp_path) == ["zoo-fcn-32s", "zoo-linknet"]
    monkeypatch.setattr(zoo, "WEIGHTS", tmp_path)
    assert zoo.offered(shelf="zoo") == ("zoo-fcn-32s", "zoo-linknet")
    card = zoo.card("zoo-fcn-32s")
    assert card.command == "python scripts/zoo.py --only fcn-32s"
    assert "3 seeds" in card.recipe
    assert card.trained_on == ("axes",)
    results = [json.loads((folder / f"fcn-32s-{s}" / "result.json").read_text())["splits"] for s in range(3)]
    test = card.scores["test"]
    assert isinstance(test, cards.Score)
    assert test.seeds["mean_iou"] == tuple(found["test"]["mean_iou"] for found in results)
    assert test.mean_iou == results[0]["test"]["mean_iou"]
    assert card.scores["8-16"].also["things_iou"] == results[0]["8-16"]["things_iou"]
    assert "drawn streets" in card.failures[0]
    zoo.get("zoo-fcn-32s").build().load_state_dict(zoo.state_dict("zoo-fcn-32s"))
    assert not zoo.card("zoo-linknet").scores["test"].seeds
    kept = json.loads((tmp_path / "zoo.json").read_text())
    assert list(kept["runs"]) == ["fcn-32s", "linknet"]
    assert [run["seed"] for run in kept["runs"]["fcn-32s"]] == [0, 1, 2]
    (folder / "fcn-32s-2" / "result.json").rename(folder / "aside")
    (tmp_path / "other").mkdir()
    assert card_zoo.write(folder, tmp_path / "other") == ["zoo-linknet"]
    # What another folder had left there stays, in the course's order; its baselines too.
    assert card_zoo.write(folder, tmp_path) == ["zoo-linknet"]
    again = json.loads((tmp_path / "zoo.json").read_text())
    assert again == kept
    assert list(again["runs"]) == ["fcn-32s", "linknet"]
    alone = tmp_path / "alone"
    (alone / "nothing").mkdir(parents=True)
    (alone / "zoo.json").write_text(json.dumps(kept))
    assert card_zoo.write(alone / "nothing", alone) == []
    assert json.loads((alone / "zoo.json").read_text()) == kept
    (folder / "aside").rename(folder / "fcn-32s-2" / "result.json")


def test_longer_trainings_leave_their_results_beside_the_others(folder, tmp_path, monkeypatch):
    zoo_job.draw(tmp_path, zoo_job.TRIAL)
    (tmp_path / "weights").mkdir()
    found = zoo_job.train_one("linknet", 0, tmp_path, dataclasses.replace(zoo_job.TRIAL, times=2))
    with safe_open(tmp_path / "linknet-0" / train.WEIGHTS, "pt") as file:
        assert json.loads(file.metadata()["seglab"])["epochs"] == 2
    assert card_zoo.write(folder, tmp_path / "weights") == ["zoo-fcn-32s", "zoo-linknet"]
    shipped = (tmp_path / "weights" / "zoo-linknet.safetensors").read_bytes()
    assert card_zoo.longer(tmp_path, tmp_path / "weights", 2) == ["linknet"]
    assert card_zoo.write(folder, tmp_path / "weights") == ["zoo-fcn-32s", "zoo-linknet"], "which keeps them"
    assert (tmp_path / "weights" / "zoo-linknet.safetensors").read_bytes() == shipped
    monkeypatch.setattr(zoo, "WEIGHTS", tmp_path / "weights")
    before = json.loads((folder / "linknet-0" / "result.json").read_text())["splits"]["test"]["mean_iou"]
    after = found["splits"]["test"]["mean_iou"]
    assert bench.longer() == [bench.Longer("linknet", 2, before, after)]
    assert card_zoo.longer(folder, tmp_path, 2) == [], "those of the usual length aren't longer ones"
    (tmp_path / "elsewhere").mkdir()
    assert card_zoo.write(tmp_path, tmp_path / "elsewhere") == [], "and a longer one doesn't ship"


def test_a_card_of_volumes():
    row = next(row for row in ARCHITECTURES if row.volumes)
    said = {"recipe": {**dataclasses.asdict(train.RECIPES["zoo-vnet"])}, "epochs": 15}
    measured = {"mean_iou": 0.5, "pixel_accuracy": 0.9, "boundary_iou": 0.4, "thin_recall": None, "things_iou": 0.3}
    measured |= {"alike_iou": None, "confidence_p05": 0.8, "iou": {"background": 0.9, "blob": 0.3, "tube": None}}
    card = cards.parse(
        tomllib.loads(card_zoo.card(row, said, [{"splits": {"test": measured}}], {"a guess": {"test": measured}}))
    )
    assert card.recipe.endswith("looks at no shapes: a guess 0.500.")
    assert "float32" in card.recipe
    assert "1500 steps" in card.recipe
    assert "200" in card.data
    assert str(card.scores["test"].iou["tube"]) == "nan"


def test_the_plan_is_of_what_is_left_the_longest_first(folder):
    paces = {"fcn-32s": {"ms_step": 10, "ms_scored": 1}, "segnet": {"ms_step": 99, "ms_scored": 9}}
    jobs = script.plan(["fcn-32s", "segnet"], folder, paces)
    assert [(job.key, job.seed) for job in jobs] == [("segnet", 0), ("segnet", 1), ("segnet", 2), ("baselines", 0)]
    assert jobs[0].seconds == pytest.approx(script.START_UP + 1500 * 0.099 + 1700 * 0.009)
    assert "segnet" in script.table(["segnet"], paces)
    assert script.left([10, 10, 10], [], 2) == 20


JOB = """
import json, pathlib, sys
command, *rest = sys.argv[1:]
if command == "pace":
    for key in rest: print(json.dumps({"key": key, "ms_step": 1, "ms_scored": 1}))
elif command == "train":
    key, seed, folder, times = rest
    (pathlib.Path(folder) / f"{key}-{seed}" / "times").write_text(times)
    if key == "segnet" and seed == "1": sys.exit("diverged")
    scored = {"test": {"mean_iou": 0.5}}
    (pathlib.Path(folder) / f"{key}-{seed}" / "result.json").write_text(json.dumps({"splits": scored}))
else:
    (pathlib.Path(rest[0]) / "baselines.json").write_text("{}")
"""


def test_the_jobs_run_what_fails_is_told_and_what_is_finished_is_skipped(tmp_path, monkeypatch, capsys):
    (tmp_path / "job.py").write_text(JOB)
    monkeypatch.setattr(script, "JOB", tmp_path / "job.py")
    monkeypatch.setattr(script.zoo_job, "draw", lambda folder, extent: None)
    monkeypatch.setattr(script.card_zoo, "write", lambda folder, weights: [])
    core = str(min(script.os.sched_getaffinity(0)) if sys.platform == "linux" else 0)
    command = ["--only", "segnet", "--cores", core, "--output", str(tmp_path / "out"), "--weights", str(tmp_path)]
    assert script.main([*command, "--dry-run"]) == 0
    assert "4 jobs are left" in capsys.readouterr().out
    assert not (tmp_path / "out" / "baselines.json").exists()
    assert script.main(command) == 1
    said = capsys.readouterr().out
    assert "[4/4]" in said
    assert "segnet, seed 1: failed, see" in said
    assert said.count("mean IoU 0.500") == 2
    # With more steps: one seed, no baselines, and only the results are kept.
    kept = []
    monkeypatch.setattr(script.card_zoo, "longer", lambda *given: kept.append(given) or ["segnet"])
    assert script.main([*command[:-4], "--output", str(tmp_path / "more"), *command[-2:], "--times", "3"]) == 0
    assert "[1/1] segnet, seed 0: mean IoU 0.500" in capsys.readouterr().out
    assert kept == [(tmp_path / "more-3", tmp_path, 3)]
    assert (tmp_path / "more-3" / "segnet-0" / "times").read_text() == "3"
    assert "diverged" in (tmp_path / "out" / "segnet-1" / "log.txt").read_text()
    assert script.main(command) == 1  # tried again, alone
    assert "1 jobs are left" in capsys.readouterr().out


def test_a_trial_never_ends_in_the_package(capsys):
    with pytest.raises(SystemExit):
        script.main(["--trial"])
    assert "say by --weights" in capsys.readouterr().err


def test_a_pace_is_measured(monkeypatch):
    monkeypatch.setattr(zoo_job, "STEPS", 3)
    found = zoo_job.pace("fcn-32s")
    assert found["key"] == "fcn-32s"
    assert 0 < found["ms_scored"] < found["ms_step"]
