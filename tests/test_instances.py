"""Objects: one loose pass, then choices that only tighten; masks pasted like torchvision's and where they lie."""

from __future__ import annotations

import copy
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torchvision.models.detection.roi_heads import paste_masks_in_image, project_masks_on_boxes
from torchvision.ops import batched_nms

from seglab import instances, runtime, winograd
from seglab.augment_instances import targets
from seglab.instances import Detections, detect, paste, select
from seglab.nets.mask_rcnn import Detector
from seglab.nets.mask_rcnn_small import light
from seglab.options import Options
from seglab.types import Palette
from seglab.winograd import Winograd
from seglab.zoo import Preprocess

PALETTE = Palette(
    "shapes", ("ground", "disc", "sky", "box", "ring"), tuple((9 * k, 0, 0) for k in range(5)), things=(1, 3, 4)
)
IMAGE = np.random.default_rng(0).integers(0, 256, (96, 150, 3), np.uint8)


def detector(seed: int = 0) -> Detector:
    """Random weights, made to find objects of all classes, at places that differ and overlap."""
    torch.manual_seed(seed)
    net = light(3, smallest=8, proposals=80, sampled=16, width=8, channels=16, hidden=16).eval()
    with torch.no_grad():
        net.roi_heads.box_predictor.cls_score.weight *= 100
        net.rpn.head.cls_logits.weight *= 100
    return net


def ready(net: nn.Module, short_side: int = 0) -> runtime.Loaded:
    return runtime.ready("a test's", net, PALETTE, Preprocess(short_side), "")


def found(n: int, size: tuple[int, int] = (40, 60), seed: int = 0) -> Detections:
    """Make n boxes up, some over the edges, each with a mask of noise."""
    rng = np.random.default_rng(seed)
    corners = rng.uniform(-5, np.array([size[1], size[0]]), (n, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(2, 30, (n, 2))], 1).astype(np.float32)
    scores = np.sort(rng.uniform(0.05, 1, n))[::-1].astype(np.float32)
    masks = rng.random((n, 28, 28)).astype(np.float16)
    return Detections(boxes, rng.choice(PALETTE.things, n), scores, masks, size, PALETTE)


def test_masks_are_pasted_as_torchvision_does():
    """Its own function, on boxes within, over every edge and of a single pixel, in pictures of all sizes."""
    rng = np.random.default_rng(0)
    different = pixels = 0
    for _ in range(300):
        size = tuple(int(n) for n in rng.integers(20, 80, 2))
        one = found(1, size, seed=int(rng.integers(2**31)))
        inside = np.float32([size[1], size[0]] * 2) - 1
        one = replace(one, boxes=np.minimum(one.boxes, np.concatenate([inside[:2], inside[2:] + 6])), aligned=False)
        wanted = paste_masks_in_image(torch.tensor(one.masks)[None].float(), torch.tensor(one.boxes), size)[0, 0] > 0.4
        got = select(one, score=0.05, mask_threshold=0.4).mask(0)
        different, pixels = different + int((got != wanted.numpy()).sum()), pixels + got.size
    assert different <= 1e-5 * pixels  # a probability of 0.4 up to rounding


def test_a_perfect_mask_comes_back():
    """What our detectors learn from, pasted, is the object again: small discs too, which torchvision's paste spoils."""
    y, x = np.mgrid[:60, :60] + 0.5
    rng = np.random.default_rng(0)
    scores = []
    for diameter in (6, 8, 12, 20, 40):
        for _ in range(10):
            a, b = diameter / 2 * rng.uniform(0.8, 1.2, 2)
            cx, cy = rng.uniform(25, 30, 2)
            disc = ((x - cx) / a) ** 2 + ((y - cy) / b) ** 2 <= 1
            true = targets(torch.from_numpy(disc).long(), torch.tensor([0, 1]))
            small = project_masks_on_boxes(true["masks"], true["boxes"], torch.zeros(1), 28).half().numpy()
            crop = paste(small[0], true["boxes"][0].numpy(), (60, 60), 0.5)
            got = np.zeros((60, 60), bool)
            got[crop.place] = crop.mask()
            scores.append((got & disc).sum() / (got | disc).sum())
    assert np.mean(scores) > 0.985
    assert min(scores) > 0.85


def test_paste_by_hand():
    """A mask of 2×2 in a box 4 wide and 2 high: its numbers lie at x = 2 and 4, zeros around it at 0 and 6."""
    small, box = np.float16([[1, 0], [1, 1]]), np.float32([1, 3, 5, 5])
    probs = np.zeros((9, 9))
    probs[3, :6] = 0.25, 0.75, 0.75, 0.25, 0, 0  # at x = 0.5, 1.5, …
    probs[4, :6] = 0.25, 0.75, 1, 1, 0.75, 0.25
    for threshold in (0.2, 0.5, 0.8):
        crop = paste(small, box, (9, 9), threshold)
        whole = np.zeros((9, 9), bool)
        whole[crop.place] = crop.mask()
        assert whole.tolist() == (probs > threshold).tolist()
    over = paste(small, box - np.float32([2, 0, 2, 0]), (9, 9), 0.5)  # two pixels further left
    assert (over.top, over.left) == (2, 0)
    assert over.mask()[:4, :4].tolist() == (probs[2:6, 2:6] > 0.5).tolist()


def test_large_masks_are_pasted_in_pieces_and_need_little_memory(monkeypatch):
    one = found(1, (300, 400))
    one = replace(one, boxes=np.float32([[10, 20, 380, 290]]))
    whole = select(one, score=0.05).crops[0]
    monkeypatch.setattr(instances, "BLOCK", 1000)
    pieces = select(one, score=0.05).crops[0]
    assert (whole.bits == pieces.bits).all()
    monkeypatch.undo()
    photo = (4000, 6000)
    tracemalloc.start()
    result = select(
        replace(one, boxes=np.float32([[0, 0, 6000, 4000]]), size=photo, masks=np.ones((1, 28, 28), np.float16)),
        score=0.05,
    )
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert np.bitwise_count(result.crops[0].bits).sum() > 0.98 * 24e6
    assert peak < 50e6
    assert kept < 4e6


def strict(net: Detector, image: np.ndarray, score: float, nms: float, limit: int) -> dict[str, np.ndarray]:
    """What torchvision's own pass finds with these settings."""
    net = copy.deepcopy(net)
    net.roi_heads.score_thresh, net.roi_heads.nms_thresh, net.roi_heads.detections_per_img = score, nms, limit
    loaded = ready(net)
    x = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
    x = (x - torch.tensor(Preprocess.mean)[:, None, None]) / torch.tensor(Preprocess.std)[:, None, None]
    with torch.inference_mode():
        return {
            name: t.numpy() for name, t in loaded.folded(x.contiguous(memory_format=torch.channels_last))[0].items()
        }


@pytest.mark.parametrize(("score", "nms", "limit"), [(0.05, 0.9, 300), (0.3, 0.9, 300), (0.4, 0.2, 100), (0.2, 0.1, 9)])
def test_selecting_is_running_the_network_with_these_settings(score, nms, limit):
    """Equality holds where the loose NMS drops nothing: here proposals differ, and become the boxes as they are."""
    net = detector()
    net.rpn.nms_thresh = 0.85
    for layer in (net.roi_heads.box_predictor.bbox_pred, net.rpn.head.bbox_pred):
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)
    loose = detect(IMAGE, ready(copy.deepcopy(net)))
    assert 40 < len(loose) < 300
    wanted = strict(net, IMAGE, score, nms, limit)
    got = select(loose, score=score, nms=nms, limit=limit)
    assert 0 < len(wanted["scores"]) <= limit
    if nms < 0.9:
        assert len(wanted["scores"]) < min(limit + 1, (loose.scores > score).sum())  # something was dropped
    assert got.classes.tolist() == [(None, 1, 3, 4)[label] for label in wanted["labels"]]
    np.testing.assert_allclose(got.boxes, wanted["boxes"], atol=1e-3)
    np.testing.assert_allclose(got.scores, wanted["scores"], atol=1e-5)


def test_the_one_way_in_which_it_may_differ():
    """The loose pass dropped c for b; now a drops b, and c, which a would spare, is gone with it."""
    boxes = torch.tensor([[0.0, 0, 100, 100], [0, 33, 100, 133], [0, 36, 100, 136]])  # IoU: ab .504, ac .471, bc .942
    scores, one_class = torch.tensor([0.9, 0.8, 0.7]), torch.zeros(3)
    assert batched_nms(boxes, scores, one_class, 0.5).tolist() == [0, 2]
    left = batched_nms(boxes, scores, one_class, 0.9)
    assert left.tolist() == [0, 1]
    masks = np.ones((2, 28, 28), np.float16)
    kept = Detections(boxes[left].numpy(), np.array([1, 1]), scores[left].numpy(), masks, (200, 200), PALETTE)
    assert len(select(kept)) == 1
    assert len(select(replace(kept, classes=np.array([1, 3])))) == 2  # each class has an NMS of its own


def test_tightening_only_takes_away():
    many = found(80)
    base = select(many, score=0.3, nms=0.5, limit=50)
    for tighter in ({"score": 0.6}, {"limit": 5}, {"score": 0.9, "limit": 2}):
        fewer = select(many, **{"score": 0.3, "nms": 0.5, "limit": 50, **tighter})
        assert len(fewer) < len(base)
        assert fewer.boxes.tolist() == base.boxes[: len(fewer)].tolist()
    thin, fat = (select(many, score=0.3, mask_threshold=t) for t in (0.7, 0.4))
    assert all((thin.mask(i) <= fat.mask(i)).all() for i in range(len(fat)))
    nothing = select(many, score=1.0)
    assert (len(nothing), nothing.ids().max()) == (0, 0)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"score": 0.01}, "score must be 0.05"),
        ({"score": float("nan")}, "score must be"),
        ({"nms": 0.95}, "nms is an overlap, 0 to 0.9"),
        ({"mask_threshold": 1.5}, "mask_threshold"),
        ({"limit": 0}, "limit is a number of objects, 1 or more"),
    ],
)
def test_what_the_loose_pass_does_not_hold_cannot_be_asked_for(wrong, words):
    with pytest.raises(ValueError, match=words):
        select(found(3), **wrong)


def test_detections_are_checked():
    good = found(3)
    with pytest.raises(ValueError, match="best score first"):
        replace(good, scores=good.scores[::-1])
    with pytest.raises(ValueError, match="3 boxes need arrays"):
        replace(good, masks=good.masks[:, :14])
    with pytest.raises(ValueError, match="0 to 4"):
        replace(good, classes=np.array([1, 3, 5]))


@pytest.mark.parametrize("size", [(64, 64), (1, 300), (96, 150)])
def test_detects_in_pixels_of_the_picture_whatever_the_network_saw(size):
    image = np.resize(IMAGE, (*size, 3))
    small, large = (detect(image, ready(detector(), short_side)) for short_side in (64, 128))
    for result in (small, large):
        assert result.size == size
        assert set(result.classes) <= set(PALETTE.things)
        assert (result.boxes >= 0).all()
        assert (result.boxes <= np.float32([size[1], size[0]] * 2) + 1e-3).all()
        assert (result.boxes[:, 2:].max(0) > [0.6 * size[1], 0.6 * size[0]]).all()  # all over it, more or less
        assert (result.boxes.dtype, result.scores.dtype, result.masks.dtype) == (np.float32, np.float32, np.float16)


def test_labels_that_mean_nothing_are_left_out():
    net = detector()
    whole = detect(IMAGE, ready(copy.deepcopy(net)))
    net.labels = (2, 3, 7)  # so 1 is of no class, as 12 is among COCO's
    some = detect(IMAGE, ready(net))
    assert 0 < len(some) < len(whole)
    now = {3: 1, 4: 3}  # the palette's things are 1, 3 and 4
    assert some.classes.tolist() == [now[k] for k in whole.classes.tolist() if k in now]


def test_a_pass_is_seen_and_repeated_with_the_same_answer():
    loaded = ready(detector())
    with runtime.peak_memory() as peak:
        first = detect(IMAGE, loaded)
    assert peak.ms > 0
    assert peak.bytes > 4 * sum(p.numel() for p in loaded.net.parameters())
    again = detect(IMAGE, loaded)
    assert (first.boxes == again.boxes).all()
    assert (first.masks == again.masks).all()


@pytest.mark.skipif("bf16" not in runtime.precisions(), reason="no fast bf16 here")
def test_half_precision_finds_the_same():
    loaded = ready(detector())
    full, half = (detect(IMAGE, loaded, Options(precision=p)) for p in ("fp32", "bf16"))
    assert half.boxes.dtype == np.float32
    assert len(half) == pytest.approx(len(full), rel=0.2)
    apart = np.abs(half.boxes[:, None] - full.boxes[None]).max(-1).min(1)
    assert np.median(apart) < 0.3  # px
    assert {t.dtype for t in loaded.net.parameters()} == {torch.float32}  # the weights stay as they are


@pytest.mark.skipif("bf16" not in runtime.precisions(), reason="no bf16 kernels on this machine")
def test_no_winograd_in_half_precision(monkeypatch):
    monkeypatch.setattr(winograd, "NARROWEST", 8)
    monkeypatch.setattr(winograd, "WIDE", 64)
    loaded = ready(detector())
    there = runtime.for_autocast(loaded)
    found = [any(isinstance(part, Winograd) for part in one.folded.modules()) for one in (loaded, there)]
    assert found == [loaded.device.type == "cpu", False]
    assert runtime.for_autocast(loaded) is there, "made once"
    ran = []
    there.folded.register_forward_hook(lambda *_: ran.append(1))
    detect(IMAGE, loaded, Options(precision="bf16"))
    assert ran == [1]
    detect(IMAGE, loaded)
    assert len(ran) == (1 if there is not loaded else 2)  # on a GPU they are one
    if "fp16" not in runtime.precisions():
        fresh = ready(detector())
        before = runtime._models.bytes
        with pytest.raises(ValueError, match="doesn't run on"):
            detect(IMAGE, fresh, Options(precision="fp16"))
        assert runtime._models.bytes == before, "no copy was made for it"


@pytest.mark.parametrize("narrowest", [8, winograd.NARROWEST], ids=["winograd", "plain"])
def test_no_objects_is_an_answer(monkeypatch, narrowest):
    monkeypatch.setattr(winograd, "NARROWEST", narrowest)
    monkeypatch.setattr(winograd, "WIDE", narrowest**2)
    net = detector()
    with torch.no_grad():
        net.roi_heads.box_predictor.cls_score.bias[0] = 1000  # nothing but background
    nothing = select(detect(IMAGE, ready(net)))
    assert (len(nothing), nothing.size) == (0, (96, 150))


class Sour(Detector):
    """Fails in the way it is told to."""

    def __init__(self, error: Exception | None) -> None:
        super().__init__(detector(), (1, 2, 3), aligned=True)  # type: ignore[arg-type]
        self.error = error

    def forward(self, images, targets=None):
        if self.error is not None and not images.is_meta:
            raise self.error
        objects = super().forward(images, targets)
        if not self.training and not images.is_meta:
            objects[0]["scores"][-1] = torch.nan
        return objects


def test_refuses_and_explains():
    with pytest.raises(ValueError, match=r"leave tile, flip and scales"):
        detect(IMAGE, ready(detector()), Options(flip=True))
    with pytest.raises(ValueError, match=r"seglab.inference.segment"):
        detect(IMAGE, ready(nn.Conv2d(3, 5, 1)))
    with pytest.raises(ValueError, match="uint8"):
        detect(IMAGE.astype(float), ready(detector()))
    with pytest.raises(ValueError, match="aren't numbers"):
        detect(IMAGE, ready(Sour(None)))
    loaded = ready(detector())
    loaded = replace(loaded, folded=Sour(torch.OutOfMemoryError("CUDA out of memory")).eval())
    with pytest.raises(runtime.OutOfMemory, match="150×96"):
        detect(IMAGE, loaded)
    loaded = replace(loaded, folded=Sour(RuntimeError("something else")).eval())
    with pytest.raises(RuntimeError, match="something else"):
        detect(IMAGE, loaded)
