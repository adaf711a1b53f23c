"""Inside Mask R-CNN: proposals found again, pasted probabilities, and losses equal to torchvision's own."""

from __future__ import annotations

import copy
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torchvision.models.detection._utils import BalancedPositiveNegativeSampler
from torchvision.models.detection.roi_heads import fastrcnn_loss, maskrcnn_loss, paste_masks_in_image

from seglab import runtime
from seglab.augment_instances import labels, targets
from seglab.inside import mask_box, origins, pasted
from seglab.inside_losses import losses
from seglab.instances import Detections, detect, select
from seglab.nets.mask_rcnn import Detector
from seglab.nets.mask_rcnn_small import light
from seglab.options import Options
from seglab.preprocess import normalize
from seglab.types import Palette, Sample
from seglab.zoo import Preprocess

PALETTE = Palette(
    "shapes", ("ground", "disc", "sky", "box", "ring"), tuple((9 * k, 0, 0) for k in range(5)), things=(1, 3, 4)
)
KEYS = ("loss_objectness", "loss_rpn_box_reg", "loss_classifier", "loss_box_reg", "loss_mask")


def sample(n: int = 6, size: tuple[int, int] = (96, 150), seed: int = 0) -> Sample:
    """Blocks and discs of three classes, some over others, on noise."""
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (*size, 3), np.uint8)
    ids, kinds = np.zeros(size, np.uint16), np.zeros(size, np.uint8)
    y, x = np.mgrid[: size[0], : size[1]]
    for i in range(n):
        r, cy, cx = rng.integers(5, 16), rng.integers(5, size[0] - 5), rng.integers(5, size[1] - 5)
        k = PALETTE.things[i % 3]
        inside = (y - cy) ** 2 + (x - cx) ** 2 <= r**2 if k == 1 else (abs(y - cy) < r) & (abs(x - cx) < r // 2)
        ids[inside], kinds[inside], image[inside] = 10 * (i + 1), k, 40 * k
    return Sample(image, kinds, PALETTE, f"shapes-{seed}", ids=ids)


def detector(seed: int = 0, labels: tuple[int, ...] = (1, 2, 3)) -> Detector:
    """Random weights, made to find objects of all classes at places that differ; BatchNorm that matters."""
    torch.manual_seed(seed)
    net = light(max(labels), smallest=8, proposals=80, sampled=16, width=8, channels=16, hidden=16).eval()
    net.labels = labels
    with torch.no_grad():
        net.roi_heads.box_predictor.cls_score.weight *= 30
        net.roi_heads.box_predictor.bbox_pred.weight *= 20
        net.roi_heads.mask_predictor.mask_fcn_logits.weight *= 4
        net.rpn.head.cls_logits.weight *= 30
        net.rpn.head.bbox_pred.weight *= 5
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 2)
    return net


def ready(net: nn.Module, short_side: int = 0) -> runtime.Loaded:
    return runtime.ready("a test's", net, PALETTE, Preprocess(short_side), "")


@lru_cache
def usual() -> runtime.Loaded:
    return ready(detector())


def truth_of(one: Sample, net: Detector) -> dict[str, Tensor]:
    truth = targets(torch.from_numpy(one.ids.astype(np.int64)), labels(one))
    truth["labels"] = torch.tensor((0, *net.labels))[truth["labels"]]
    return truth


def torchvisions(net: Detector, one: Sample, draws: int = 1) -> np.ndarray:
    """Return the losses (draws, 5) by torchvision's own training code, with its random draws.

    Only the flags that lead it to the losses are set: BatchNorm and the number of proposals stay as in use.
    """
    net = copy.deepcopy(net)
    net.training = net.rpn.training = net.roi_heads.training = True
    for counts in (net.rpn._pre_nms_top_n, net.rpn._post_nms_top_n):
        counts["training"] = counts["testing"]
    x = normalize(torch.from_numpy(one.image).permute(2, 0, 1)[None].float() / 255)
    with torch.no_grad():
        found = [net(x, [truth_of(one, net)]) for _ in range(draws)]
    return np.array([[float(losses[key]) for key in KEYS] for losses in found])


def greedy(net: Detector) -> Detector:
    """Let it draw everything there is."""
    for part in (net.rpn, net.roi_heads):
        part.fg_bg_sampler = BalancedPositiveNegativeSampler(10**9, 0.5)
    return net


def ours(one: Sample, loaded: runtime.Loaded) -> list[float]:
    found = losses(one, loaded)
    return [found.rpn_objectness, found.rpn_box, found.cls, found.box, found.mask]


@pytest.mark.parametrize("n", [6, 1, 0])
@pytest.mark.parametrize("which", [(1, 2, 3), (2, 3, 7)])
def test_all_losses_are_torchvisions_where_everything_is_drawn(n, which):
    """Its whole training pass is the reference: anchors, proposals, matching, five losses."""
    net, one = greedy(detector(labels=which)), sample(n)
    wanted = torchvisions(net, one)[0]
    got = ours(one, ready(net))
    np.testing.assert_allclose(got, wanted, rtol=2e-4, atol=1e-6)
    assert losses(one, ready(net)).total == pytest.approx(wanted.sum(), rel=2e-4)
    assert (got[4] > 0) == (n > 0)


def test_where_some_are_drawn_losses_are_the_mean_over_all_draws():
    """torchvision draws 4 anchors and 16 proposals at random, again and again; ours draws none."""
    net, one = detector(), sample()
    net.rpn.fg_bg_sampler.batch_size_per_image = 4
    torch.manual_seed(0)
    table = torchvisions(net, one, draws=60)
    got = ours(one, ready(net))
    error = table.std(0) / np.sqrt(len(table))
    assert (error > 0).all()  # they do differ from draw to draw
    assert (np.abs(table.mean(0) - got) < 3 * error).all()
    everything = torchvisions(greedy(net), one)[0]
    assert (np.abs(everything - got)[1:4] > 10 * error[1:4]).all()  # there, background drowns the objects


@pytest.mark.parametrize("calm", [1, 0.01])
def test_the_pieces_of_an_object_by_hand(calm):
    """With numpy from the definitions: t* and smooth L1 of the boxes, −ln p, the mean of the 28×28."""
    net = detector()
    with torch.no_grad():
        net.roi_heads.box_predictor.bbox_pred.weight *= calm
    found = losses(sample(), ready(net))
    assert len(found.objects) == 6
    for one in found.objects:
        (x0, y0, x1, y1), (a0, b0, a1, b1) = one.box.astype(float), one.proposal.astype(float)
        w, h, wa, ha = x1 - x0, y1 - y0, a1 - a0, b1 - b0
        t = [10 * ((x0 + x1) - (a0 + a1)) / 2 / wa, 10 * ((y0 + y1) - (b0 + b1)) / 2 / ha, 5 * np.log(w / wa),
             5 * np.log(h / ha)]  # fmt: skip
        np.testing.assert_allclose(one.wanted, t, atol=2e-4)
        d = np.abs(one.t.astype(float) - t)
        np.testing.assert_allclose(one.smooth_l1, np.where(d < 1 / 9, 4.5 * d**2, d - 1 / 18), atol=3e-4)
        assert one.box_loss == pytest.approx(one.smooth_l1.sum())
        assert one.cls == pytest.approx(-np.log(one.p))
        m, y = one.probs.astype(float), one.target.astype(float)
        np.testing.assert_allclose(one.bce, -y * np.log(m) - (1 - y) * np.log1p(-m), atol=1e-4)
        assert one.mask_loss == pytest.approx(one.bce.mean())
        assert 0 <= y.min() < 0.5 < y.max() <= 1
        both = max(0, min(x1, a1) - max(x0, a0)) * max(0, min(y1, b1) - max(y0, b0))
        assert one.iou == pytest.approx(both / (w * h + wa * ha - both), abs=1e-5)
    assert found.rpn == found.rpn_objectness + found.rpn_box
    assert found.total == pytest.approx(found.rpn + found.cls + found.box + found.mask)
    parts = np.concatenate([one.smooth_l1 for one in found.objects])
    assert (parts > 1 / 18).any()  # the line and, where corrections are small, the parabola
    assert (parts < 1 / 18).any() == (calm < 1)


def test_the_pieces_of_an_object_are_torchvisions_on_its_proposal_alone():
    """Its loss functions on the tensors that the net's own parts give for this one box."""
    one, net = sample(), usual().folded
    truth = truth_of(one, net)
    x = normalize(torch.from_numpy(one.image).permute(2, 0, 1)[None].float() / 255)
    heads, found = net.roi_heads, losses(one, usual())
    assert [terms.id for terms in found.objects] == [int(i) for i in np.unique(one.ids)[1:]]
    assert {terms.added for terms in found.objects} == {False, True}
    with torch.no_grad():
        images, _ = net.transform(list(x))
        maps = net.backbone(images.tensors)
        proposals = net.rpn(images, maps)[0][0]
        for j, terms in enumerate(found.objects):
            box = torch.from_numpy(terms.proposal)[None]
            logits, t = heads.box_predictor(heads.box_head(heads.box_roi_pool(maps, [box], images.image_sizes)))
            wanted = heads.box_coder.encode([truth["boxes"][j : j + 1]], [box])
            cls, shift = fastrcnn_loss(logits, t, [truth["labels"][j : j + 1]], list(wanted))
            masks = heads.mask_predictor(heads.mask_head(heads.mask_roi_pool(maps, [box], images.image_sizes)))
            mask = maskrcnn_loss(masks, [box], [truth["masks"]], [truth["labels"]], [torch.tensor([j])])
            assert (terms.cls, terms.box_loss, terms.mask_loss) == pytest.approx(
                (float(cls), float(shift), float(mask)), rel=1e-3, abs=1e-5
            )
            assert terms.label == one.labels[one.ids == terms.id][0]
            assert terms.box.tolist() == truth["boxes"][j].tolist()
            # The best of those that lie on it, or its own box where none does.
            iou = torch.tensor([[overlap(b, o) for b in proposals] for o in truth["boxes"]])
            mine = iou[j][(iou.argmax(0) == j) & (iou[j] >= 0.5)]
            assert terms.added == (len(mine) == 0)
            assert terms.iou == pytest.approx(1.0 if terms.added else float(mine.max()), abs=1e-5)
    assert found.proposals == len(proposals) + 6
    assert found.on_objects == int((iou.amax(0) >= 0.5).sum()) + 6


def overlap(a: Tensor, b: Tensor) -> float:
    w, h = (torch.minimum(a, b)[2:] - torch.maximum(a, b)[:2]).clamp(min=0).tolist()
    area = [float((box[2] - box[0]) * (box[3] - box[1])) for box in (a, b)]
    return w * h / (sum(area) - w * h)


def test_losses_in_another_size_than_the_pictures():
    """The network sees twice as many pixels; boxes come back in the picture's."""
    one = sample()
    twice = losses(one, ready(detector(), short_side=192))
    assert [terms.id for terms in twice.objects] == [terms.id for terms in losses(one, usual()).objects]
    for terms, usually in zip(twice.objects, losses(one, usual()).objects, strict=True):
        np.testing.assert_allclose(terms.box, usually.box, atol=1e-4)
        assert overlap(torch.from_numpy(terms.box), torch.from_numpy(terms.proposal)) == pytest.approx(
            terms.iou, abs=1e-4
        )


def test_which_object_a_box_is_on():
    found = losses(sample(), usual())
    for terms in found.objects:
        assert found.at(terms.box + np.float32([0, 0, 1, 0])) is terms
    assert found.at(np.float32([0, 0, 2, 2])) is None
    assert losses(sample(0), usual()).at(np.float32([0, 0, 2, 2])) is None


def test_specks_and_stuff_are_no_objects():
    one = sample()
    ids, kinds = one.ids.copy(), one.labels.copy()
    ids[0, :8], kinds[0, :8] = 999, 1  # 8 pixels: one too few
    ids[95, :40], kinds[95, :40] = 998, 2  # sky is no thing
    found = losses(replace(one, ids=ids, labels=kinds), usual())
    assert {999, 998}.isdisjoint(terms.id for terms in found.objects)


def test_two_objects_in_one_box_share_its_proposals():
    """A ring and its disc: training gives all proposals to the first, so the second has no terms."""
    one = sample(0)
    y, x = np.mgrid[:96, :150]
    square, disc = (abs(y - 40) <= 12) & (abs(x - 60) <= 12), (y - 40) ** 2 + (x - 60) ** 2 <= 8**2
    cross = (y == 40) & square | (x == 60) & square
    ids, kinds = one.ids.copy(), one.labels.copy()
    ids[square], kinds[square] = 1, 4
    ids[disc | cross], kinds[disc | cross] = 2, 1
    found = losses(replace(one, ids=ids, labels=kinds), usual())
    assert [terms.id for terms in found.objects] == [1]


def test_nothing_is_changed_and_nothing_is_random():
    net = detector()
    loaded = ready(net)
    before = {name: t.clone() for name, t in loaded.folded.state_dict().items()}
    modes = [module.training for n in (loaded.net, loaded.folded) for module in n.modules()]
    passes = runtime.forward_passes()
    first = losses(sample(), loaded)
    torch.rand(3)
    again = losses(sample(), loaded)
    assert runtime.forward_passes() == passes + 2
    assert first.total == again.total
    assert (first.objects[2].bce == again.objects[2].bce).all()
    assert modes == [module.training for n in (loaded.net, loaded.folded) for module in n.modules()]
    assert not loaded.folded.training
    assert all((t == before[name]).all() for name, t in loaded.folded.state_dict().items())
    state = torch.random.get_rng_state()
    losses(sample(), loaded)
    assert (torch.random.get_rng_state() == state).all()


@pytest.mark.parametrize("short_side", [0, 64, 150])
def test_every_detection_comes_from_a_proposal(short_side):
    """Its correction, applied by hand, gives the detection's box; its probabilities are its score."""
    one, loaded = sample(), ready(detector(), short_side)
    found = detect(one.image, loaded)
    assert len(found) > 40
    came = origins(one.image, loaded, found)
    assert np.isfinite(came.proposals).all()
    middle, size = (came.proposals[:, 2:] + came.proposals[:, :2]) / 2, came.proposals[:, 2:] - came.proposals[:, :2]
    middle = middle + size * came.corrections[:, :2] / 10
    size = size * np.exp(np.minimum(came.corrections[:, 2:] / 5, np.log(1000 / 16)))
    boxes = np.concatenate([middle - size / 2, middle + size / 2], 1).clip(0, [150, 96, 150, 96])
    np.testing.assert_allclose(boxes, found.boxes, atol=2e-3)
    assert np.abs(came.proposals - found.boxes).max() > 1  # they were corrected
    assert (came.background + found.scores <= 1 + 1e-5).all()
    assert ((came.objectness > 0) & (came.objectness < 1)).all()


def test_proposals_are_the_rpns_own():
    one, loaded = sample(), usual()
    found = detect(one.image, loaded)
    x = normalize(torch.from_numpy(one.image).permute(2, 0, 1)[None].float() / 255)
    with torch.no_grad():
        images, _ = loaded.folded.transform(list(x))
        proposals = loaded.folded.rpn(images, loaded.folded.backbone(images.tensors))[0][0].numpy()
    came = origins(one.image, loaded, found)
    apart = np.abs(came.proposals[:, None] - proposals[None]).max(-1).min(1)
    assert apart.max() < 1e-3


def test_detections_of_another_network_have_no_origin():
    one = sample()
    found = detect(one.image, ready(detector(5)))
    came = origins(one.image, usual(), found)
    strange = np.isnan(came.objectness)
    assert strange.mean() > 0.5
    assert np.isnan(came.proposals[strange]).all()
    nothing = Detections(found.boxes[:0], found.classes[:0], found.scores[:0], found.masks[:0], found.size, PALETTE)
    assert origins(one.image, usual(), nothing).proposals.shape == (0, 4)


def test_pasted_probabilities_exceed_the_threshold_where_the_crop_is():
    found = detect(sample().image, usual())
    for aligned in (True, False):
        whole = replace(found, aligned=aligned)
        for threshold in (0.3, 0.5, 0.7):
            crops = select(whole, score=0.05, nms=0.9, mask_threshold=threshold, limit=1000).crops
            assert len(crops) == len(found)
            for i, crop in enumerate(crops):
                probability, place = pasted(whole, i)
                assert place == crop.place
                assert probability.dtype == np.float32
                assert ((probability > threshold) == crop.mask()).all()


def test_pasted_probabilities_are_torchvisions():
    """Where masks lie as its own weights learnt it."""
    found = replace(detect(sample().image, usual()), aligned=False)
    wanted = paste_masks_in_image(
        torch.from_numpy(found.masks[:, None].astype(np.float32)), torch.from_numpy(found.boxes), found.size
    )[:, 0].numpy()
    for i in range(len(found)):
        probability, place = pasted(found, i)
        whole = np.zeros(found.size, np.float32)
        whole[place] = probability
        np.testing.assert_allclose(whole, wanted[i], atol=1e-4)


def test_the_box_of_a_mask():
    found = detect(sample().image, usual())
    assert mask_box(found, 3).tolist() == found.boxes[3].tolist()
    grown = mask_box(replace(found, aligned=False), 3)
    ring = (grown[2:] - grown[:2]) / 28
    np.testing.assert_allclose(np.concatenate([grown[:2] - ring, grown[2:] + ring]) % 1, 0, atol=1e-4)  # whole pixels


def test_refuses_and_explains():
    one = sample()
    with pytest.raises(ValueError, match="no instance ids"):
        losses(replace(one, ids=None), usual())
    other = replace(PALETTE, title="other shapes")
    with pytest.raises(ValueError, match=r"classes of shapes.*other shapes"):
        losses(replace(one, palette=other), usual())
    with pytest.raises(ValueError, match="choose a detector"):
        losses(one, ready(nn.Conv2d(3, 5, 1)))
    found = detect(one.image, usual(), Options())
    with pytest.raises(ValueError, match=r"\(95, 150\)"):
        origins(one.image[1:], usual(), found)
    with pytest.raises(runtime.Cancelled), runtime.places().place():
        losses(one, usual(), cancel=lambda: True)
