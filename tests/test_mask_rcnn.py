"""The detectors: torchvision's answers with torchvision's weights, float32 boxes, exact pooling, folding, cost."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models import detection
from torchvision.models._api import WeightsEnum
from torchvision.models.detection.roi_heads import paste_masks_in_image

from seglab import cost
from seglab.nets import mask_rcnn, mask_rcnn_small
from seglab.nets.detection_parts import Pool
from seglab.nets.mask_rcnn import Detector
from seglab.nets.mask_rcnn_small import light

OURS = {
    mask_rcnn_small.scenes_instances: 5,
    mask_rcnn_small.street_instances: 3,
    mask_rcnn_small.nuclei_instances: 1,
}


def tiny(things: int = 3, seed: int = 0) -> Detector:
    """A narrow one whose random weights find objects of all classes."""
    torch.manual_seed(seed)
    net = light(things, smallest=8, proposals=40, sampled=16, width=8, channels=16, hidden=16).eval()
    with torch.no_grad():
        net.roi_heads.box_predictor.cls_score.weight *= 100
        net.rpn.head.cls_logits.weight *= 100
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 2)
    return net


def picture(h: int, w: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(1, 3, h, w, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("build", OURS, ids=lambda build: build.__name__)
def test_ours_are_small_enough_to_embed(build):
    net = build()
    assert sum(p.numel() for p in net.parameters()) <= 2_900_000
    assert sum(t.numel() * (2 if t.is_floating_point() else 8) for t in net.state_dict().values()) <= 6e6
    assert net.labels == tuple(range(1, OURS[build] + 1))
    assert net.roi_heads.box_predictor.cls_score.out_features == OURS[build] + 1


def test_gives_boxes_in_the_input_and_small_masks_for_pictures_of_any_sizes():
    net = tiny()
    with torch.inference_mode():
        found = net([picture(70, 65)[0], picture(33, 128)[0]])
        again = net(torch.cat([picture(70, 65), picture(70, 65)]))
    for (h, w), objects in zip([(70, 65), (33, 128)], found, strict=True):
        n = len(objects["scores"])
        assert n > 0
        assert objects["masks"].shape == (n, 1, 28, 28)
        assert objects["labels"].min() >= 1
        assert objects["labels"].max() <= 3
        assert (objects["boxes"] >= 0).all()
        assert (objects["boxes"][:, 2] <= w).all()
        assert (objects["boxes"][:, 3] <= h).all()
        assert (objects["scores"].diff() <= 0).all()
        assert objects["scores"].min() > mask_rcnn.SCORE
    torch.testing.assert_close(again[0], again[1])  # a batch of equal pictures


@pytest.mark.parametrize(
    ("name", "build"),
    [
        ("maskrcnn_resnet50_fpn", mask_rcnn.maskrcnn_resnet50_fpn),
        pytest.param("maskrcnn_resnet50_fpn_v2", mask_rcnn.maskrcnn_resnet50_fpn_v2, marks=pytest.mark.slow),
    ],
)
def test_torchvisions_checkpoints_give_torchvisions_objects(name, build, monkeypatch):
    """Made-up weights, loaded by torchvision's own code (frozen BatchNorm, its epsilon and all) and by ours."""
    torch.manual_seed(0)
    state = dict(getattr(detection, name)(weights=None, weights_backbone=None).state_dict())
    if "v2" not in name:  # the published file is of frozen BatchNorms, which count nothing
        state = {key: t for key, t in state.items() if "num_batches_tracked" not in key}
        state["backbone.body.bn1.running_var"].fill_(1e-4)  # where the epsilon of 1e-5 isn't left out, that is seen
    state["backbone.body.bn1.weight"] *= 1 / 30 if "v2" in name else 1 / 3000  # an untrained ResNet blows everything up
    state["roi_heads.box_predictor.cls_score.weight"] *= 60
    monkeypatch.setattr(WeightsEnum, "get_state_dict", lambda self, **_: {key: t.clone() for key, t in state.items()})
    theirs = getattr(detection, name)(
        weights="COCO_V1", min_size=64, max_size=96, image_mean=[0] * 3, image_std=[1] * 3,
        box_nms_thresh=0.9, box_detections_per_img=30, rpn_post_nms_top_n_test=100,
    ).eval()  # fmt: skip
    ours = build().eval()
    assert ours.roi_heads.detections_per_img == 300
    ours.roi_heads.detections_per_img, ours.rpn._post_nms_top_n = 30, theirs.rpn._post_nms_top_n  # for speed
    ours.load_state_dict({key: t.clone() for key, t in state.items()})  # strictly
    x = picture(64, 96)
    with torch.inference_mode():
        ours(picture(65, 64))  # torchvision's pools would guess their strides from this one, wrongly, for good
        (got,), (wanted,) = ours(x), theirs(x)
    assert len(wanted["scores"]) == 30
    for part in ("boxes", "scores", "labels"):
        torch.testing.assert_close(got[part], wanted[part], rtol=1e-3, atol=1e-3)
    pasted = paste_masks_in_image(got["masks"], got["boxes"], (64, 96))
    assert (pasted - wanted["masks"]).abs().max() < 0.02  # a corner may fall on the other side of a whole number
    assert (pasted - wanted["masks"]).abs().mean() < 1e-4
    folded = ours.folded()
    assert folded is not ours
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    with torch.inference_mode():
        torch.testing.assert_close(folded.dense(x), ours.dense(x), rtol=1e-2, atol=1e-2)


def test_boxes_stay_float32_under_autocast():
    """With corrections of zero every box is an anchor: in bf16, one at 257 pixels would lie at 256 or 258."""
    net = tiny()
    for layer in (net.rpn.head.bbox_pred, net.roi_heads.box_predictor.bbox_pred):
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)
    x = picture(64, 512)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        (found,) = net(x)
        maps = list(net.backbone(x).values())
    assert maps[0].dtype == torch.bfloat16  # the rest did run in it
    cells = net.rpn.anchor_generator.cell_anchors
    grids, strides = [m.shape[-2:] for m in maps[1:]], [(s, s) for s in (4, 8, 16, 32)]
    anchors = torch.cat(net.rpn.anchor_generator.grid_anchors(grids, strides))
    anchors = anchors.clamp(min=torch.zeros(4), max=torch.tensor([512.0, 64, 512, 64]))
    assert cells[0].dtype == torch.float32
    assert {t.dtype for name, t in found.items() if name != "labels"} == {torch.float32}
    assert (found["boxes"] > 257).any()
    assert torch.cdist(found["boxes"], anchors).min(1).values.max() < 1e-3


def test_pool_reads_a_map_where_the_box_lies():
    """Maps hold each cell's own place in pixels: patches must give the places at which the box was sampled."""
    strides, side = (2, 4, 8, 16, 32), 7
    names = [str(i) for i in range(5)]
    maps = {}
    for name, s in zip(names, strides, strict=True):
        place = (torch.arange(512 // s) + 0.5) * s
        maps[name] = torch.stack(torch.meshgrid(place, place, indexing="ij"))[None]
    pool = Pool(names, side, 1, canonical_scale=112)
    net = tiny()
    pool.scales, pool.map_levels = net.roi_heads.box_roi_pool.scales, net.roi_heads.box_roi_pool.map_levels
    boxes = torch.tensor(
        [[100.0, 90, 108, 110], [101, 90, 140, 120], [101, 200, 171, 260], [50, 60, 200, 190], [40, 30, 470, 480]]
    )
    assert pool.map_levels([boxes]).tolist() == [0, 1, 2, 3, 4]
    assert pool(maps, [boxes[:0]], None).shape == (0, 2, side, side)
    patches = pool({name: m.repeat(2, 1, 1, 1) for name, m in maps.items()}, [boxes[:1], boxes[1:]], None)
    middles = (torch.arange(side) + 0.5) / side
    for (x0, y0, x1, y1), patch in zip(boxes, patches, strict=True):
        torch.testing.assert_close(patch[0, :, 0], y0 + (y1 - y0) * middles)
        torch.testing.assert_close(patch[1, 0], x0 + (x1 - x0) * middles)


def test_folded_gives_the_same_objects_and_leaves_the_detector_as_it_was():
    net = tiny()
    before = copy.deepcopy(net.state_dict())
    folded = net.folded()
    assert isinstance(folded, Detector)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    assert sum(isinstance(module, nn.BatchNorm2d) for module in net.modules()) == 29
    torch.testing.assert_close(net.state_dict(), before)
    assert folded.roi_heads.box_head.fc6.weight is net.roi_heads.box_head.fc6.weight  # what has no norm is shared
    with torch.inference_mode():
        (wanted,), (got,) = net(picture(96, 128)), folded(picture(96, 128))
    torch.testing.assert_close(got, wanted, rtol=1e-3, atol=1e-3)


def test_costs_are_those_of_as_many_boxes_as_may_come():
    net = tiny()
    counted = cost.of_net(net, (1, 3, 64, 70))
    assert counted.parameters == sum(p.numel() for p in net.parameters())
    assert net.rpn.post_nms_top_n() == 40
    net.rpn._post_nms_top_n = {"training": 20, "testing": 41}
    per_box = 7 * 7 * 16 * 16 + 16 * 16 + 16 * 4 + 16 * 16  # fc6, fc7, 4 classes, 4 × 4 coordinates
    assert cost.of_net(net, (1, 3, 64, 70)).macs - counted.macs == per_box
    with FlopCounterMode(display=False) as real, torch.inference_mode(False), torch.no_grad():
        net.dense(picture(64, 70), 41, mask_rcnn.LIMIT)
    assert real.get_total_flops() // 2 == counted.macs + per_box


@pytest.mark.parametrize("objects", [0, 2])
def test_learns_from_pictures_with_objects_and_without(objects):
    net = tiny().train()
    boxes = torch.tensor([[4.0, 8, 20, 30], [30, 30, 50, 60]])[:objects]
    masks = torch.zeros(objects, 65, 65, dtype=torch.float16)
    target = {"boxes": boxes, "labels": torch.tensor([1, 3])[:objects], "masks": masks}
    losses = net(picture(64, 64), [target])
    assert set(losses) == {
        "loss_objectness", "loss_rpn_box_reg", "loss_classifier", "loss_box_reg", "loss_mask"
    }  # fmt: skip
    sum(losses.values()).backward()
    assert all(torch.isfinite(p.grad).all() for p in net.parameters() if p.grad is not None)
    assert all(torch.isfinite(b).all() for b in net.buffers())
