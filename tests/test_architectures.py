"""The table of architectures: what it says is what is built, and the models made of it stay on a shelf of their own."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import pytest
import torch
from torch import nn

from seglab import architectures, runtime, zoo
from seglab.architectures import ARCHITECTURES
from seglab.datasets import volumes
from seglab.palettes import SCENES, VOLUMES
from seglab.published import OTHERS

KEYS = [row.key for row in ARCHITECTURES]
SMALL = {row.key: row for row in ARCHITECTURES if row.small}
FLAT = [key for key, row in SMALL.items() if not row.volumes]
# As tests/nets says, from the papers: key → millions, and how far the network built may be from it.
PUBLISHED = {
    "fcn-32s": (134.4, 0.1), "fcn-16s": (134.4, 0.1), "fcn-8s": (134.4, 0.1), "deconvnet": (252, 0.5),
    "segnet": (29.5, 0.1), "unet-paper": (31.0, 0.05), "unet-encoder": (24.4, 0.05), "linknet": (11.5, 0.05),
    "fpn": (28.5, 0.05), "pspnet": (65.6, 0.05), "deeplab-v1": (20.5, 0.05), "deeplab-v3plus-xception": (43.5, 0.05),
    "hrnet-v1": (28.5, 0.05), "hrnet-v2": (65.9, 0.05), "tiramisu-56": (1.38, 0.005), "tiramisu-67": (3.46, 0.005),
    "tiramisu": (9.32, 0.005), "vnet": (65.2, 0.05),
}  # fmt: skip


def count(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


def test_every_architecture_of_the_course_is_there():
    """By the list of the issue; each once."""
    assert len(set(KEYS)) == len(KEYS)
    wanted = "patch fcn-32s fcn-16s fcn-8s fcn-dilated deconvnet segnet unet-paper unet unet-encoder linknet fpn "
    wanted += "pspnet deeplab-v1 deeplab-v2 deeplab-v3 deeplab-v3plus hrnet-v1 hrnet-v2 hrnet-v2p tiramisu-56 "
    assert set(f"{wanted}tiramisu-67 tiramisu vnet mask-rcnn encoder-decoder".split()) <= set(KEYS)
    assert {row.key for row in ARCHITECTURES if row.model is None} == {"tiramisu-56", "tiramisu-67"}
    assert {row.key for row in ARCHITECTURES if row.seeds == 3} == {
        "fcn-32s", "fcn-16s", "fcn-8s", "segnet", "unet", "fcn-dilated", "fcn-undilated", "fcn-fine",
        "encoder-decoder",
    }  # fmt: skip


@pytest.mark.parametrize("key", KEYS)
def test_the_parameters_are_those_of_what_is_built(key):
    row = architectures.get(key)
    with torch.device("meta"):
        millions = count(row.paper_size()) / 1e6
    assert round(millions, 2) == pytest.approx(row.millions, abs=1e-9)
    if key in PUBLISHED:
        assert millions == pytest.approx(PUBLISHED[key][0], abs=PUBLISHED[key][1])
    if row.published is not None:  # as printed: another count of the same network, see its module
        assert row.millions == pytest.approx(row.published, rel=0.09)
    assert row.fixed
    assert row.lacks
    assert row.source
    assert 2012 <= row.year <= 2019


@pytest.mark.parametrize("key", SMALL)
def test_the_small_ones_are_small_and_answer(key):
    row, spec = SMALL[key], zoo.get(f"zoo-{key}")
    net = spec.build().eval()
    assert count(net) <= 600_000
    assert (
        2 * sum(t.numel() for t in net.state_dict().values()) <= 1_200_000
    )  # bytes in fp16; tensors' names come to it
    shapes: list[torch.Size] = []
    for name in row.cam_layers:
        net.get_submodule(name).register_forward_hook(lambda module, args, out: shapes.append(out.shape))
    size = (16, 32, 40) if row.volumes else (65, 97)
    with torch.inference_mode():
        logits = net(torch.zeros(1, 1 if row.volumes else 3, *size))
    assert logits.shape == (1, len(spec.palette), *size)
    assert len(shapes) == len(row.cam_layers) > 1
    assert all(len(shape) == 2 + len(size) and min(shape[2:]) > 1 for shape in shapes)


@pytest.mark.parametrize("key", FLAT)
def test_what_passes_run_gives_what_was_built(key):
    """Folded, and with wide convolutions Winograd's way."""
    torch.manual_seed(0)
    net = SMALL[key].small(11)
    with torch.no_grad():
        net(torch.randn(4, 3, 128, 128))  # statistics of something
    spec = zoo.get(f"zoo-{key}")
    loaded = runtime.ready(key, net, spec.palette, spec.preprocess, "0", spec)
    x = torch.randn(1, 3, 67, 91)
    with torch.inference_mode():
        wanted = loaded.net(x.to(loaded.device)).cpu()
    found = runtime.forward(loaded, x)
    assert (found - wanted).abs().max() < 1e-3 * max(1.0, wanted.abs().max())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("key", SMALL)
def test_a_gpu_gives_the_same_and_learns(key):
    torch.manual_seed(0)
    net = SMALL[key].small(11).eval()
    x = torch.randn(2, 1, 16, 32, 40) if SMALL[key].volumes else torch.randn(2, 3, 67, 91)
    with torch.inference_mode():
        wanted = net(x)
    net = net.cuda()
    with torch.inference_mode():
        found = net(x.cuda()).cpu()
    assert (found - wanted).abs().max() < 0.02 * wanted.abs().max()  # TF32
    net.train()(x.cuda()).square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())


def test_volumes_can_be_made_ready_too():
    row = next(row for row in ARCHITECTURES if row.volumes)
    net, spec = row.small(3).eval(), zoo.get(str(row.model))
    loaded = runtime.ready(row.key, net, spec.palette, spec.preprocess, "0", spec)
    x = torch.randn(1, 1, 16, 32, 40)
    with torch.inference_mode():
        torch.testing.assert_close(loaded.folded(x.to(loaded.device)).cpu(), net.cpu()(x), atol=1e-3, rtol=1e-3)


def test_no_dilated_convolution_has_a_width_whose_gradient_is_wrong():
    """On CPUs, in bf16: `nets.patch.small` tells. A width that is a multiple of 16 is sound."""
    for row in ARCHITECTURES:
        for module in row.small(11).modules() if row.small and not row.volumes else ():
            if (
                isinstance(module, nn.Conv2d)
                and module.dilation[0] > 1
                and module.kernel_size[0] > 1
                and module.groups == 1
            ):
                assert module.in_channels % 16 == 0 or module.in_channels <= 8, row.key


def test_what_was_published_is_the_curriculums():
    found = {(r.of, r.data.split(",")[0], round(100 * r.mean_iou, 1)) for row in ARCHITECTURES for r in row.results}
    voc, city = "PASCAL VOC 2012", "Cityscapes"
    assert found == {
        ("PSPNet", voc, 85.4), ("DeepLabv3", voc, 85.7), ("DeepLabv3-JFT", voc, 86.9),
        ("DeepLabv3+ (Xception)", voc, 87.8), ("DeepLabv3+ (Xception-JFT)", voc, 89.0), ("PSPNet", city, 81.2),
        ("DeepLabv3", city, 81.3), ("DeepLabv3+", city, 82.1), ("FC-DenseNet103", "CamVid", 66.9),
    }  # fmt: skip
    every = [*OTHERS, *(r for row in ARCHITECTURES for r in row.results)]
    assert all(r.split == "test" and r.pretraining and r.source for r in every)
    assert [(r.of, r.mean_iou) for r in OTHERS] == [("Mapillary", 0.82)]
    assert architectures.get("unet").paper.url == "https://arxiv.org/abs/1505.04597"
    assert architectures.get("patch").paper.url is None


def test_importing_the_table_costs_nothing():
    code = "import sys, seglab.architectures as a; [r.results for r in a.ARCHITECTURES]; "
    code += "print({'torch', 'torchvision', 'scipy'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"


def test_unknown_ones_are_told():
    assert architectures.get("zoo-unet").key == "unet"
    with pytest.raises(ValueError, match=r"No architecture 'resnet'; there are patch, fcn-32s"):
        architectures.get("resnet")


# ---- the models


def test_the_models_have_a_shelf_of_their_own(monkeypatch, tmp_path):
    specs = {key: spec for key, spec in zoo.MODELS.items() if spec.shelf == "zoo"}
    assert list(specs) == [f"zoo-{key}" for key in SMALL]
    assert specs["zoo-unet"].palette == SCENES
    assert specs["zoo-unet"].preprocess == zoo.get("scenes").preprocess
    assert (specs["zoo-vnet"].task, specs["zoo-vnet"].palette) == ("volume", VOLUMES)
    assert volumes.PALETTE is VOLUMES
    monkeypatch.setattr(zoo, "WEIGHTS", tmp_path)
    assert zoo.offered(shelf="zoo") == ()  # none is trained there
    for key in specs:
        (tmp_path / f"{key}.toml").write_text("")
    assert zoo.offered(shelf="zoo") == tuple(specs)
    assert "zoo-vnet" not in zoo.offered("semantic", "zoo")
    assert not set(zoo.offered()) & set(specs)


def test_a_detector_is_fused_with_what_has_not_seen_the_split(monkeypatch):
    real = zoo.card
    both = dataclasses.replace(real("street"), trained_on=("train+val",))
    monkeypatch.setattr(zoo, "card", lambda key: both if key == "street" else real(key))
    assert zoo.partner("street-instances", "val") == "street-fast"
    assert zoo.partner("street-instances", "train") == zoo.partner("street-instances") == "street"


def test_no_detector_is_fused_with_one_of_them(monkeypatch):
    monkeypatch.setattr(zoo, "_offered", lambda key: key.startswith("zoo-"))
    assert zoo.partner("scenes-instances", "train") == "scenes"
