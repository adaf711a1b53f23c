"""Crops of Scenes and what tells them apart: squares, the objective, the shipped classifier, ResNet-50's entry."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models import ResNet50_Weights

from scripts import card_crops
from seglab import cards, datasets, runtime, train, zoo
from seglab.__main__ import main
from seglab.datasets import crops, scenes
from seglab.explain import Category, classify, explain
from seglab.nets.classifiers import CropNet
from seglab.objective_crops import Crops, accuracy, pixels, told
from seglab.palettes import CAMVID, SCENES
from seglab.preprocess import normalize
from seglab.types import Categories, Sample

KEY = "scenes-crops"


def painted(*boxes: tuple[int, int, int, int, str]) -> Sample:
    """A scene of flat boxes, the later ones before the earlier."""
    labels, ids = np.full((128, 128), SCENES.index("road"), np.uint8), np.zeros((128, 128), np.uint16)
    for n, (x0, y0, x1, y1, name) in enumerate(boxes, 1):
        labels[y0:y1, x0:x1], ids[y0:y1, x0:x1] = SCENES.index(name), n
    return Sample(np.repeat(labels[..., None] * 20, 3, 2), labels, SCENES, "painted", "", ids)


# ---- squares


def test_the_things_that_a_crop_can_show() -> None:
    found = crops.things(painted((10, 10, 40, 30, "car"), (60, 60, 69, 69, "dog"), (90, 90, 100, 110, "sign")))
    assert [(t.id, crops.THINGS.names[t.k], t.box) for t in found] == [
        (1, "car", (10, 10, 40, 30)), (3, "sign", (90, 90, 100, 110)),
    ], "the dog is smaller than 10 of 128 px"  # fmt: skip
    hidden = crops.things(painted((10, 10, 40, 40, "car"), (12, 12, 38, 38, "person")))
    assert [t.id for t in hidden] == [2], "of the car's box more than half is the person's"


def test_what_is_no_scene_is_refused() -> None:
    sample = painted()
    assert crops.things(sample) == []
    with pytest.raises(ValueError, match="Scenes with ids"):
        crops.things(Sample(sample.image, sample.labels, SCENES, "none"))
    with pytest.raises(ValueError, match="classes of CamVid"):
        crops.things(Sample(sample.image, np.zeros((128, 128), np.uint8), CAMVID, "street", "", sample.ids))


@pytest.mark.parametrize("factor", [0.01, 1.0, 1.8, 9.0])
def test_squares_lie_within_the_scene(factor: float) -> None:
    rng = np.random.default_rng(0)
    for _ in range(100):
        h, w = rng.integers(20, 200, 2)
        x0, y0 = int(rng.integers(0, w - 1)), int(rng.integers(0, h - 1))
        box = x0, y0, int(rng.integers(x0 + 1, w + 1)), int(rng.integers(y0 + 1, h + 1))
        a, b, c, d = crops.square(box, (int(h), int(w)), factor, tuple(rng.uniform(-0.5, 0.5, 2)))
        assert 0 <= a < c <= w
        assert 0 <= b < d <= h
        assert c - a == d - b == max(1, min(round(factor * max(box[2] - x0, box[3] - y0)), h, w))


def test_a_square_has_the_thing_in_its_middle() -> None:
    assert crops.square((60, 50, 70, 70), (128, 128), 2.0) == (45, 40, 85, 80)
    assert crops.square((60, 50, 70, 70), (128, 128), 2.0, (0.25, -0.25)) == (55, 30, 95, 70)
    image = np.arange(128 * 128 * 3, dtype=np.uint8).reshape(128, 128, 3)
    np.testing.assert_array_equal(crops.cut(image, (45, 40, 85, 80)), image[40:80, 45:85])


# ---- the objective


class Recorder(nn.Module):
    """Keeps what it is shown, and answers by its mean red."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(1.0))
        self.seen: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append(x)
        return self.scale * x.mean((2, 3))[:, :1] * torch.arange(5.0)


def begun(samples: list[Sample], light: float = 0.0) -> object:
    from dataclasses import replace

    return Crops().begin(samples, replace(train.SCENES, light=light), torch.device("cpu"), None)


def test_the_loss_is_the_cross_entropy_of_all_things_in_the_batch() -> None:
    samples = [scenes.render(3, n, None, (96, 96)).sample for n in range(2)]
    found = [t for sample in samples for t in crops.things(sample)]
    net = Recorder()
    loss = begun(samples)(net, samples, torch.Generator().manual_seed(1))
    (x,) = net.seen
    assert x.shape == (len(found), 3, 64, 64)
    want = F.cross_entropy(x.mean((2, 3))[:, :1] * torch.arange(5.0), torch.tensor([t.k for t in found]))
    assert loss.item() == pytest.approx(want.item())
    # The first view, from the same chance.
    rng = torch.Generator().manual_seed(1)
    factor, dx, dy, mirror, _ = torch.rand(5, generator=rng).tolist()
    place = crops.square(found[0].box, (96, 96), 1.2 + 1.4 * factor, (0.12 * (2 * dx - 1), 0.12 * (2 * dy - 1)))
    first = normalize(pixels(crops.cut(samples[0].image, place))[None])[0]
    torch.testing.assert_close(x[0], first.flip(2) if mirror < 0.5 else first)


def test_empty_streets_teach_nothing_and_break_nothing() -> None:
    empty = [scenes.render(3, 0, scenes.Parameters(things=(0, 0)), (96, 96)).sample]
    net = Recorder()
    loss = begun(empty)(net, empty, torch.Generator())
    loss.backward()
    assert loss.item() == 0
    assert net.scale.grad == 0
    assert np.isnan(accuracy(net, empty))
    with pytest.raises(ValueError, match="leave the teacher out"):
        Crops().begin(empty, train.SCENES, torch.device("cpu"), net)


def test_a_training_ends_with_weights_that_classify(tmp_path) -> None:
    samples, _ = datasets.load(zoo.get(KEY).palette, None, "train")
    assert samples[0].image.shape == (192, 192, 3)
    some = [samples[n] for n in range(16)]
    (progress,) = train.train(KEY, some, tmp_path, check=some[:2], epochs=1)
    assert 0 <= progress.score <= 1
    loaded = runtime.checkpoint(tmp_path / "model.safetensors")
    assert isinstance(loaded.net, CropNet)
    assert classify(some[0].image, loaded).shape == (5,)


# ---- what ships


def test_the_shipped_classifier_is_as_good_as_its_card_says() -> None:
    card, test = zoo.card(KEY), datasets.load(zoo.get(KEY).palette, None, "test")[0]
    score = card.scores["test"]
    assert isinstance(score, cards.CategoryScore)
    assert score.headline == ("accuracy", score.accuracy)
    assert score.accuracy > max(score.baselines.values()) + 0.2
    assert score.accuracy > 0.9
    assert set(score.recall) == set(crops.THINGS.names)
    assert zoo.weights_bytes(KEY) <= 1_000_000
    some = [test[n] for n in range(40)]
    net = runtime.model(KEY).net
    assert accuracy(net, some) == pytest.approx(score.accuracy, abs=0.06)
    true, said = told(net, some)
    assert len(true) == sum(len(crops.things(sample)) for sample in some)
    assert accuracy(net, some) == np.mean(np.array(true) == said)
    passes = [classify(crops.cut(s.image, crops.square(t.box, (192, 192))), KEY).argmax() for s in some[:5] for t in
              crops.things(s)]  # fmt: skip
    assert passes == said[: len(passes)], "what the page asks is what was measured"


def test_the_card_is_read_back_as_it_was_written() -> None:
    import tomllib

    recipe = {"portion": 9, "batch": 8, "muon": 0.02, "adamw": 2e-3, "weight_decay": 0.02, "average": 0.998,
              "objective": {"low": 1.2, "high": 2.6, "shift": 0.12}, "augment": {"light": 0.1}}  # fmt: skip
    found = {"accuracy": 0.9, "recall": {"car": 1.0}, "n": 7}
    card = cards.parse(tomllib.loads(card_crops.card({"epochs": 1, "seed": 0, "recipe": recipe}, found, {"none": 0.2})))
    assert card.scores == {"test": cards.CategoryScore(0.9, {"car": 1.0}, {"none": 0.2})}
    with pytest.raises(ValueError, match="between 0 and 1"):
        cards.CategoryScore(1.2)


def test_the_baselines_need_no_network() -> None:
    samples = [painted((10, 10, 40, 30, "car"), (90, 90, 100, 110, "sign")), painted((10, 10, 40, 30, "car"))] * 20
    found = card_crops.baselines(samples, samples)
    assert found["commonest class"] == pytest.approx(2 / 3)
    assert found["linear, 4×4 pixels"] == 1


def test_classifiers_stand_on_a_shelf_of_their_own() -> None:
    assert zoo.offered(shelf="classes") == (KEY, "resnet50")
    assert not {KEY, "resnet50"} & set(zoo.offered())
    with pytest.raises(ValueError, match="choose a classifier"):
        classify(np.zeros((64, 64, 3), np.uint8), "scenes")


@pytest.mark.parametrize(
    "arguments", [["evaluate", KEY, "--split", "test"], ["segment", "--model", KEY, "a.png", "--output", "out"]]
)
def test_what_needs_a_mask_says_that_there_is_none(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert f"{KEY} gives one class for a whole picture" in capsys.readouterr().err


# ---- ResNet-50


def test_resnets_entry_is_torchvisions() -> None:
    spec, weights = zoo.get("resnet50"), ResNet50_Weights.IMAGENET1K_V1
    assert list(spec.palette.names) == weights.meta["categories"]
    assert spec.source.file == weights.url.rsplit("/", 1)[1]
    assert spec.source.mib == weights.meta["_file_size"]
    assert zoo.weights_url("resnet50") == weights.url
    transforms = weights.transforms()
    assert (list(spec.preprocess.mean), list(spec.preprocess.std)) == (transforms.mean, transforms.std)
    assert [spec.preprocess.short_side] == transforms.crop_size
    accuracy = weights.meta["_metrics"]["ImageNet-1K"]["acc@1"]
    assert zoo.card("resnet50").scores["ImageNet-1K"].headline == ("accuracy", pytest.approx(accuracy / 100))


def test_resnet_is_explained_as_cam() -> None:
    """α_k at the last maps is the class's weight divided by the number of places (Zhou et al. 2016)."""
    torch.manual_seed(0)
    spec = zoo.get("resnet50")
    net = spec.build()
    loaded = runtime.ready("resnet50", net, spec.palette, spec.preprocess, "0", spec)
    image = np.random.default_rng(0).integers(0, 255, (64, 96, 3), np.uint8)
    found = explain(image, loaded, Category(281), short_side=64)
    assert found.raw.shape == (2, 3)
    np.testing.assert_allclose(found.alpha, net.fc.weight[281] / 6, rtol=1e-4, atol=1e-8)
    assert found.target == "tabby"
    assert classify(image, loaded).shape == (1000,)


def test_categories_need_no_colours_but_names() -> None:
    assert len(Categories("many", tuple(map(str, range(999))))) == 999
    with pytest.raises(ValueError, match="at least one name"):
        Categories("none", ())
