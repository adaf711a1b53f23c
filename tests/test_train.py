"""Training: learns, goes on after a kill with the same bits, refuses what can't work. Tiny pictures, few steps."""

from __future__ import annotations

import copy
import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from seglab import objectives, training_state
from seglab import train as training
from seglab.augment import Augment, view
from seglab.nets.street import StreetNet
from seglab.palettes import CAMVID
from seglab.preprocess import normalize
from seglab.types import Sample

TINY = Augment(crop=(48, 64), rare_classes=(9,))


def tiny() -> StreetNet:
    return StreetNet(width=8, blocks=(1, 1, 1))


def scene(i: int) -> Sample:
    """Sky above road with an orange pedestrian: colours give the classes away, so a working loop must learn them."""
    rng = np.random.default_rng(i)
    labels = np.full((60, 80), 3, np.uint8)
    labels[: rng.integers(20, 35)] = 0
    x = int(rng.integers(5, 60))
    labels[25:50, x : x + 14] = 9
    image = CAMVID.lut()[labels].astype(int) + rng.integers(-20, 20, (60, 80, 3))
    return Sample(image.clip(0, 255).astype(np.uint8), labels, CAMVID, f"seq_{i}", "seq")


@pytest.fixture
def recipe(monkeypatch):
    small = training.Recipe(tiny, epochs=4, batch=2, average=0.8, augment=TINY, muon=0.05, adamw=1e-2)
    monkeypatch.setitem(training.RECIPES, "street-fast", small)
    return small


SCENES = [scene(i) for i in range(12)]


def test_learns(recipe, tmp_path):
    steps = list(training.train("street-fast", SCENES, tmp_path, check=SCENES[:4], epochs=16))
    assert [p.epoch for p in steps] == list(range(1, 17))
    assert steps[-1].loss < 0.5 * steps[0].loss
    assert steps[-1].score is not None
    assert steps[-1].score > 0.8
    assert steps[-1].seconds_left == 0
    with safe_open(tmp_path / training.WEIGHTS, "pt") as file:
        assert json.loads(file.metadata()["seglab"])["model"] == "street-fast"
    state = load_file(tmp_path / training.WEIGHTS)
    assert all(v.dtype == torch.float16 for v in state.values() if v.is_floating_point())
    net = tiny()
    assert all((state[name] == state[name].bfloat16()).all() for name, _ in net.named_parameters())
    assert not any(state[name].any() for name in state if name.endswith("running_mean"))  # folded before it was rounded
    net.load_state_dict(state)  # what was written is the whole network
    assert objectives.Classes().score(net.float(), SCENES[:4]) > 0.8


def test_resumed_training_ends_with_the_same_bits(recipe, tmp_path):
    for _ in training.train("street-fast", SCENES, tmp_path / "whole"):
        pass
    killed = training.train("street-fast", SCENES, tmp_path / "killed")
    next(killed)
    next(killed)
    killed.close()
    assert not (tmp_path / "killed" / training.WEIGHTS).exists()  # nothing half-trained may look finished
    left = [p.epoch for p in training.train("street-fast", SCENES, tmp_path / "killed", resume=True)]
    assert left == [3, 4]
    whole, again = ((tmp_path / name / training.WEIGHTS).read_bytes() for name in ("whole", "killed"))
    assert whole == again


def test_other_seed_other_weights(recipe, tmp_path):
    for seed in (0, 1):
        for _ in training.train("street-fast", SCENES, tmp_path / str(seed), seed=seed, epochs=1):
            pass
    a, b = (load_file(tmp_path / str(s) / training.WEIGHTS)["stem.0.weight"] for s in (0, 1))
    assert not torch.equal(a, b)


def test_teacher_is_followed(recipe, tmp_path):
    """A teacher that calls everything Sky must pull the student's answers towards Sky."""

    class SkyOnly(torch.nn.Module):
        def forward(self, x):
            logits = torch.full((len(x), 11, x.shape[2] // 2, x.shape[3] // 2), -10.0)
            logits[:, 0] = 10.0
            return logits

    shares = []
    for name, teacher in (("alone", None), ("taught", SkyOnly())):
        for _ in training.train("street-fast", SCENES, tmp_path / name, teacher=teacher, epochs=16):
            pass
        net = tiny()
        net.load_state_dict(load_file(tmp_path / name / training.WEIGHTS))
        x = normalize(torch.tensor(SCENES[0].image).permute(2, 0, 1)[None] / 255.0)
        shares.append(net.float().eval()(x).softmax(1)[:, 0].mean().item())
    assert shares[1] > shares[0] + 0.05


def test_refuses_what_cannot_work(recipe, tmp_path):
    with pytest.raises(ValueError, match="trainable are street"):
        next(training.train("fcn-resnet50", SCENES, tmp_path))
    with pytest.raises(ValueError, match="nothing to train on"):
        next(training.train("street-fast", [], tmp_path))
    blank = dataclasses.replace(SCENES[0], labels=np.full_like(SCENES[0].labels, 255))
    with pytest.raises(ValueError, match="no pixel"):
        next(training.train("street-fast", [blank], tmp_path))
    next(training.train("street-fast", SCENES, tmp_path, seed=1))
    before = (tmp_path / training.CHECKPOINT).read_bytes()
    with pytest.raises(ValueError, match="--resume"):
        next(training.train("street-fast", SCENES, tmp_path, seed=1))
    assert (tmp_path / training.CHECKPOINT).read_bytes() == before
    with pytest.raises(ValueError, match="another training"):  # the same, but with a teacher
        next(training.train("street-fast", SCENES, tmp_path, seed=1, resume=True, teacher=tiny()))
    with pytest.raises(ValueError, match="another training"):  # as many pictures, but others
        next(training.train("street-fast", [scene(i) for i in range(20, 32)], tmp_path, seed=1, resume=True))
    with pytest.raises(ValueError, match="another training"):
        next(training.train("street-fast", SCENES, tmp_path, seed=2, resume=True))


def test_a_teachers_fingerprint_is_of_all_that_it_has_learnt():
    torch.manual_seed(0)
    teacher = tiny().eval()
    seen = [training_state.fingerprint(teacher)]
    assert training_state.fingerprint(None) is None
    assert training_state.fingerprint(tiny().eval()) != seen[0]
    assert training_state.fingerprint(copy.deepcopy(teacher).to(memory_format=torch.channels_last)) == seen[0]
    changes = [
        lambda net: net.stem[0].weight.neg_(),  # signs
        lambda net: net.stem[0].weight.copy_(net.stem[0].weight.flip(0)),  # order
        lambda net: net.stem[1].running_var.mul_(1.001),  # buffers
        lambda net: net.stem[1].num_batches_tracked.add_(1),
        lambda net: net.half(),
    ]
    for change in changes:
        with torch.no_grad():
            change(teacher)
        seen.append(training_state.fingerprint(teacher))
    assert len(set(seen)) == len(changes) + 1


def test_class_weights_are_the_softened_median_frequency():
    labels = np.zeros((10, 10), np.uint8)
    labels[0, :4] = 1  # 4 % against 96 %: frequencies .96 and .04, median .5
    sample = Sample(np.zeros((10, 10, 3), np.uint8), labels, CAMVID, "s_0")
    weights = objectives.class_weights([sample], 11)
    assert weights[0].item() == pytest.approx((0.5 / 0.96) ** 0.5)
    assert weights[1].item() == pytest.approx((0.5 / 0.04) ** 0.5)
    assert weights[2].item() == 4.0  # never seen: the upper bound


def test_views_keep_picture_and_labels_together():
    """Where a view's colour says pedestrian, its labels must too, whatever the warp (light and noise switched off)."""
    how = dataclasses.replace(TINY, light=0, blur=0, noise=0, scale=(1.0, 2.0), rotation=10)
    rng = torch.Generator().manual_seed(0)
    clean = dataclasses.replace(SCENES[0], image=CAMVID.lut()[SCENES[0].labels])
    lut = torch.tensor(CAMVID.lut()).float() / 255
    agree = []
    for _ in range(20):
        image, labels = view(clean, how, rng, stride=1)
        assert image.shape == (3, 48, 64)
        assert labels.shape == (48, 64)
        nearest = (image.movedim(0, -1)[..., None, :] - lut[:11]).norm(dim=-1).argmin(-1)
        seen = labels != 255
        agree.append((nearest == labels)[seen].float().mean().item())
    assert np.mean(agree) > 0.93  # all but the blended border pixels
    coarse = view(clean, how, torch.Generator().manual_seed(5), stride=2)[1]
    fine = view(clean, how, torch.Generator().manual_seed(5), stride=1)[1]
    assert coarse.shape == (24, 32)
    same = torch.stack([coarse == fine[i::2, j::2] for i in (0, 1) for j in (0, 1)]).any(0)
    assert same.all()  # the centre of a 2×2 cell has the label of one of its four pixels


def test_view_past_the_edge_is_unlabelled():
    how = dataclasses.replace(TINY, scale=(0.5, 0.5), aspect=1.0, rotation=0.0)
    labels = view(SCENES[0], how, torch.Generator().manual_seed(0), stride=1)[1]
    # 80 × 60 pixels at half size cover 40 × 30 of the view's 64 × 48.
    assert (labels != 255).sum().item() == pytest.approx(40 * 30, rel=0.1)


@pytest.mark.slow
def test_killed_by_the_system_and_resumed(tmp_path, data):
    """kill -9 in the middle of a real training through the command line, then --resume: the same file."""
    command = [sys.executable, "-m", "seglab", "train", "street-fast", "--data", str(data / "camvid"), "--split", "val"]
    command += ["--epochs", "2"]
    subprocess.run([*command, "--output", str(tmp_path / "a")], check=True)
    process = subprocess.Popen([*command, "--output", str(tmp_path / "b")])
    while not (tmp_path / "b" / training.CHECKPOINT).exists():
        assert process.poll() is None
    process.kill()
    process.wait()
    subprocess.run([*command, "--output", str(tmp_path / "b"), "--resume"], check=True)
    a, b = ((tmp_path / n / training.WEIGHTS).read_bytes() for n in "ab")
    assert a == b


def test_the_rate_rises_quickly_and_falls_to_nothing() -> None:
    recipe = training.RECIPES["street"]
    rates = [training._rate(step / 40, recipe) for step in range(40)]
    assert rates[0] == pytest.approx(0.04)
    assert max(rates) == pytest.approx(1) == rates[2]
    assert rates[2:] == sorted(rates[2:], reverse=True)
    assert rates[-1] < 0.002
