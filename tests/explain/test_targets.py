"""Targets: which pixels, which class, which object; and the sums over them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from seglab import instances, maps, runtime, zoo
from seglab.explain import Box, Category, Everywhere, Instance, Painted, Pixel, Predicted, explain, of_detection
from seglab.explain.passes import layer_sizes, network_input
from seglab.explain.score import Score, weights
from seglab.explain.targets import sentence
from seglab.nets.mask_rcnn_small import light
from seglab.palettes import SCENES
from seglab.types import Palette

SIZE = (61, 83)
PALETTE = Palette("test", ("sky", "car", "dog"), ((0, 0, 0), (1, 1, 1), (2, 2, 2)), things=(1, 2))
PLAIN = zoo.Preprocess(0)


@pytest.fixture(scope="module")
def image():
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    waves = np.stack([np.sin(x / 9), np.cos(y / 7), np.sin((x + y) / 13)], -1)
    return ((waves + 1) * 127).astype(np.uint8)


@pytest.fixture(scope="module")
def semantic():
    torch.manual_seed(3)
    net = nn.Sequential(nn.Conv2d(3, 6, 3, stride=4, padding=1), nn.ReLU(), nn.Conv2d(6, 3, 1))
    with torch.no_grad():
        net[2].bias[2] = -100  # no dog anywhere
    return runtime.ready("semantic", net, PALETTE, PLAIN, "0")


@pytest.fixture(scope="module")
def detector():
    torch.manual_seed(2)
    net = light(2, smallest=8, proposals=40, sampled=8, width=8, channels=8, hidden=16)
    with torch.no_grad():  # surer than chance, so that something is found
        net.roi_heads.box_predictor.cls_score.weight.mul_(30)
    return runtime.ready("detector", net, PALETTE, PLAIN, "0")


def enlarged(loaded, image):
    """Logits (K, H, W) at the picture's size, the long way."""
    with torch.no_grad():
        z = loaded.net(network_input(image, loaded))
    return F.interpolate(z, image.shape[:2], mode="bilinear", align_corners=False)[0].double()


MASK = np.zeros(SIZE, bool)
MASK[3:9, 70:83] = True
MASK[50, 1] = True


@pytest.mark.parametrize(
    ("target", "mask"),
    [
        (Everywhere(1), np.ones(SIZE, bool)),
        (Box(1, 5, 10, 30, 11), np.pad(np.ones((1, 25), bool), ((10, 50), (5, 53)))),
        (Box(1, -9, 59, 3, 999), np.pad(np.ones((2, 3), bool), ((59, 0), (0, 80)))),
        (Pixel(1, 82, 60), np.pad(np.ones((1, 1), bool), ((60, 0), (82, 0)))),
        (Painted(1, MASK), MASK),
    ],
)
def test_the_score_is_the_sum_over_the_picture_pixels(semantic, image, target, mask):
    z = enlarged(semantic, image)
    score = Score(semantic.net, target, PALETTE, SIZE)
    x = network_input(image, semantic)
    wanted = float(z[1][torch.from_numpy(mask)].sum())
    assert float(score(x)) == pytest.approx(wanted, rel=1e-4, abs=1e-4)
    assert float(score.mean(x)) == pytest.approx(wanted / mask.sum(), rel=1e-4, abs=1e-4)
    np.testing.assert_array_equal(score.region, mask)
    # The mirrored picture's region is mirrored too.
    np.testing.assert_array_equal(score.mirrored().region, mask[:, ::-1])
    found = explain(image, semantic, target, layer="1")
    assert found.score == pytest.approx(wanted, rel=1e-4, abs=1e-4)
    assert found.size == SIZE


def test_the_predicted_region_is_where_that_class_comes_first_and_stays(semantic, image):
    z = enlarged(semantic, image)
    k = int(z.argmax(0).flatten().bincount().argmax())
    score = Score(semantic.net, Predicted(k), PALETTE, SIZE)
    x = network_input(image, semantic)
    y = float(score(x))
    assert (score.region == (z.argmax(0) == k).numpy()).mean() > 0.999
    assert y == pytest.approx(float(z[k][torch.from_numpy(score.region)].sum()), rel=1e-4)
    region = score.region
    score(x.flip(-1))
    assert score.region is region


def test_weights_are_the_interpolation_transposed():
    rng = np.random.default_rng(0)
    for size, cells in (((9, 7), (4, 3)), ((64, 64), (4, 4)), ((5, 5), (5, 5)), ((3, 3), (8, 9))):
        mask, z = rng.random(size) < 0.3, torch.from_numpy(rng.normal(size=cells).astype(np.float32))
        large = F.interpolate(z[None, None], size, mode="bilinear", align_corners=False)[0, 0]
        assert float((weights(mask, cells) * z).sum()) == pytest.approx(
            float(large[torch.from_numpy(mask)].sum()), abs=1e-4
        )


def test_a_region_of_one_pixel_between_cells_has_weight_one():
    for x in range(20):
        mask = np.zeros((20, 20), bool)
        mask[7, x] = True
        assert float(weights(mask, (3, 3)).sum()) == pytest.approx(1)


def test_probability_is_the_mean_softmax(semantic, image):
    x = network_input(image, semantic)
    with torch.no_grad():
        p = semantic.net(x).softmax(1)[0, 1]
    large = F.interpolate(p[None, None], SIZE, mode="bilinear", align_corners=False)[0, 0]
    assert float(Score(semantic.net, Painted(1, MASK), PALETTE, SIZE).probability(x)) == pytest.approx(
        float(large[torch.from_numpy(MASK)].mean()), rel=1e-4
    )


def test_a_classifier(image):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 5, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 3))
    loaded = runtime.ready("classifier", net, PALETTE, PLAIN, "0")
    found = explain(image, loaded, Category(2), layer="1")
    # With global average pooling, α_k is the class's weight of channel k divided by Z: CAM (Zhou et al. 2016).
    z = found.raw.size
    np.testing.assert_allclose(found.alpha, loaded.net[4].weight[2] / z, rtol=1e-5)
    with torch.no_grad():
        logits = loaded.net(network_input(image, loaded))[0]
    assert found.score == pytest.approx(float(logits[2]), rel=1e-5)
    score = Score(loaded.net, Category(2), PALETTE, SIZE)
    assert float(score.probability(network_input(image, loaded))) == pytest.approx(
        float(logits.softmax(0)[2]), rel=1e-5
    )
    assert found.region is None


def test_the_class_score_of_an_object_is_the_one_it_was_found_with(detector, image):
    found = instances.detect(image, detector)
    assert len(found) > 0
    x = network_input(image, detector)
    for i in range(min(3, len(found))):
        target = of_detection(image, detector, found, i)
        assert float(Score(detector.net, target, PALETTE, SIZE).probability(x)) == pytest.approx(
            found.scores[i], abs=1e-3
        )
    explained = explain(image, detector, of_detection(image, detector, found, 0), layer="backbone.stages.1")
    assert explained.raw.shape == (8, 12)  # padded to multiples of 32, at stride 8
    assert explained.target == f"the class of one object: {PALETTE.names[found.classes[0]]}"


def test_the_mask_score_of_an_object_is_the_sum_of_its_logits(detector, image):
    found = instances.detect(image, detector)
    i = int(np.argmax((found.masks > 0.5).sum((1, 2)) > 0))
    target = of_detection(image, detector, found, i, "mask")
    assert target.box == tuple(found.boxes[i].tolist())
    score = Score(detector.net, target, PALETTE, SIZE)
    x = network_input(image, detector)
    y = float(score(x))
    p = found.masks[i].astype(np.float64)
    inside = p > 0.5
    assert y == pytest.approx(np.log(p / (1 - p))[inside].sum(), rel=0.02)  # masks are kept as fp16
    assert float(score.probability(x)) == pytest.approx(p[inside].mean(), abs=1e-3)
    assert explain(image, detector, target, layer="backbone.stages.0").magnitude > 0
    mirror = score.mirrored()
    assert mirror.target.box == pytest.approx((83 - target.box[2], target.box[1], 83 - target.box[0], target.box[3]))


def test_objects_and_classes_are_not_mixed_up(detector, semantic, image):
    box = (1.0, 1.0, 9.0, 9.0)
    with pytest.raises(ValueError, match="objects, one by one"):
        explain(image, detector, Everywhere(1), layer="backbone.stages.1")
    with pytest.raises(ValueError, match="classes, no objects"):
        explain(image, semantic, Instance(1, box), layer="1")
    with pytest.raises(ValueError, match="a class for the picture"):
        explain(image, semantic, Category(1), layer="1")
    with pytest.raises(ValueError, match="sky is no thing"):
        explain(image, detector, Instance(0, box), layer="backbone.stages.1")
    with pytest.raises(ValueError, match="x0 < x1"):
        explain(image, detector, Instance(1, (9.0, 1.0, 1.0, 9.0)), layer="backbone.stages.1")
    found = instances.detect(image, detector)
    with pytest.raises(ValueError, match="counted from 0"):
        of_detection(image, detector, found, len(found))


def test_an_empty_region_or_an_absent_class_is_said(semantic, image):
    def said(target):
        with pytest.raises(ValueError, match=" ") as error:
            explain(image, semantic, target, layer="1")
        return str(error.value)

    assert "empty" in said(Painted(1, np.zeros(SIZE, bool)))
    assert "empty" in said(Box(1, 10, 10, 10, 20))
    assert "empty" in said(Box(1, 200, 0, 300, 9))
    assert "empty" in said(Box(1, 5, 5, -3, -3))
    assert "(83, 0) lies outside" in said(Pixel(1, 83, 0))
    assert "as the picture; got bool (2, 2)" in said(Painted(1, np.ones((2, 2), bool)))
    assert "as the picture; got uint8" in said(Painted(1, np.ones(SIZE, np.uint8)))
    assert "0 to 2; got 3" in said(Everywhere(3))
    assert "sees no dog in this picture" in said(Predicted(2))


def test_targets_in_words():
    dog = SCENES.index("dog")
    assert sentence(Predicted(dog), SCENES) == "dog where it is predicted"
    assert sentence(Box(dog, 1, 2, 3, 4), SCENES) == "dog in the box (1, 2) to (3, 4)"
    assert sentence(Painted(dog, MASK), SCENES) == "dog in the painted region"
    assert sentence(Category(dog), SCENES) == "dog"


def test_sizes_of_layers_are_those_of_the_maps(image):
    loaded = runtime.model("street-fast")
    sizes = layer_sizes(loaded, SIZE)
    assert list(sizes) == list(loaded.spec.cam_layers)
    for layer, (channels, h, w) in sizes.items():
        found = explain(image, loaded, Everywhere(1), layer=layer, short_side=0)
        assert (len(found.alpha), *found.raw.shape) == (channels, h, w)


def test_the_region_of_a_class_is_the_one_that_a_segmentation_shows():
    loaded = runtime.model("scenes")
    picture = np.random.default_rng(0).integers(0, 255, (96, 96, 3), np.uint8)
    with runtime.hooks_lock(loaded) as net, torch.no_grad():
        z = net(network_input(picture, loaded, 0))[0].numpy()
    labels = maps.labels(z, (96, 96))
    k = int(np.bincount(labels.ravel()).argmax())
    np.testing.assert_array_equal(explain(picture, loaded, Predicted(k), short_side=0).region, labels == k)
