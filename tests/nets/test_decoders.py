"""What makes each network what it is: the loop and the pass, skips, unpooling, cropping, sums; each on its own."""

from __future__ import annotations

from itertools import pairwise

import pytest
import segmentation_models_pytorch as smp
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision import models

from seglab import cost
from seglab.nets import deconvnet, fcn, linknet, patch, segnet, unet_encoder, unet_paper
from seglab.nets.blocks import padded


def seen(module: nn.Module, net: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """What goes into `module` and what comes out, while net answers x."""
    kept: list[Tensor] = []
    handle = module.register_forward_hook(lambda _, given, made: kept.extend((given[0], made)))
    with torch.no_grad():
        net(x)
    handle.remove()
    return kept[0].clone(), kept[1].clone()


@pytest.mark.parametrize(
    ("size", "multiple", "least", "wanted"), [(64, 32, 0, 64), (65, 32, 0, 96), (65, 32, 224, 224)]
)
def test_padding_repeats_the_edge(size, multiple, least, wanted):
    x = torch.randn(1, 2, size, 32)
    y = padded(x, multiple, least)
    assert y.shape == (1, 2, wanted, max(32, least))
    assert torch.equal(y[..., :size, :32], x)
    assert torch.equal(y[..., size:, :32], x[..., -1:, :].expand(-1, -1, wanted - size, -1))


# --- the sliding window ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kernels", [(4, 3, 3), (2,), (4, 5)])
def test_the_one_pass_is_the_loop(kernels):
    torch.manual_seed(0)
    net = patch.PatchClassifier(3, kernels, (5,) * len(kernels), hidden=6).eval()
    x = torch.randn(2, 3, 23, 21)
    with torch.no_grad():
        torch.testing.assert_close(patch.Sliding(net)(x), net(x), rtol=1e-4, atol=1e-5)


def test_a_patch_is_classified_by_its_own_pixels():
    torch.manual_seed(0)
    net = patch.small(3).eval()
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        found = net.classify(x[..., 10 : 10 + 39, 5 : 5 + 39])
        torch.testing.assert_close(found, net(x)[..., 10 + 19, 5 + 19], rtol=1e-4, atol=1e-5)


def test_the_loop_costs_what_its_patches_cost():
    """MACs of N4 from table 1: map sides 92, 42, 18, 6, 1, 1; the one pass does a hundredth of them."""
    by_hand = 92**2 * 48 * 3 * 16 + 42**2 * 48 * 48 * 25 + (18**2 + 6**2) * 48 * 48 * 16 + 9 * 48 * 200 + 200 * 2
    net = patch.paper_size()
    slid = cost.of_net(patch.Sliding(net), (1, 3, 50, 64)).macs
    assert slid == 50 * 64 * by_hand
    assert slid / cost.of_net(net, (1, 3, 50, 64)).macs > 100


# --- FCN ------------------------------------------------------------------------------------------------------------


def test_a_dense_layer_is_a_convolution():
    dense = nn.Linear(5 * 7 * 7, 4)
    maps = torch.randn(2, 5, 7, 7)
    with torch.no_grad():
        found = fcn.as_convolution(dense, 7)(maps)
        assert found.shape == (2, 4, 7, 7)
        torch.testing.assert_close(found[..., 3, 3], dense(maps.flatten(1)), rtol=1e-5, atol=1e-5)


def test_doubling_starts_bilinear():
    x = torch.randn(2, 3, 5, 4)
    with torch.no_grad():
        found = fcn.Twice(3)(x)
    torch.testing.assert_close(found, F.interpolate(x, scale_factor=2, mode="bilinear"), rtol=1e-5, atol=1e-5)


def test_a_bilinear_transposed_convolution_is_the_last_step():
    """×8 as the published code has it (kernel 16, stride 8) is F.interpolate, away from the edges."""
    taps = 1 - (torch.arange(16) - 7.5).abs() / 8
    x = torch.randn(1, 1, 6, 6)
    up = F.conv_transpose2d(x, torch.outer(taps, taps)[None, None], stride=8, padding=4)
    wanted = F.interpolate(x, scale_factor=8, mode="bilinear")
    torch.testing.assert_close(up[..., 4:-4, 4:-4], wanted[..., 4:-4, 4:-4], rtol=1e-4, atol=1e-5)


def test_view_and_stride_of_fcn_are_the_published_ones():
    """Long et al. 2015, table 1: FCN-VGG16 has a receptive field of 404 pixels and a stride of 32."""
    with torch.device("meta"):
        net = fcn.fcn32s()
    view = stride = 1
    for module in (*net.encoder.modules(), net.fc6, net.fc7):
        if isinstance(module, nn.Conv2d | nn.MaxPool2d):
            kernel = module.kernel_size if isinstance(module.kernel_size, int) else module.kernel_size[0]
            step = module.stride if isinstance(module.stride, int) else module.stride[0]
            view, stride = view + (kernel - 1) * stride, stride * step
    assert (view, stride) == (404, 32)


@pytest.mark.parametrize("stride", [32, 16, 8])
def test_a_stride_says_how_fine_the_scores_are(stride):
    """Scores of one map are bilinear between its cells: within a cell their second difference is 0."""
    torch.manual_seed(0)
    net = fcn.small(2, stride).double().eval()
    with torch.no_grad():
        y = net(torch.randn(1, 3, 128, 128).double())[0, 0, 64]
    bends = (y[2:] - 2 * y[1:-1] + y[:-2]).abs() > 1e-12
    centres = {n + stride // 2 + d for n in range(0, 128, stride) for d in (-2, -1)}  # between the two middle pixels
    assert {int(n) for n in bends.nonzero()} == centres


@pytest.mark.parametrize("stride", [16, 8])
def test_skips_add_scores_of_finer_maps(stride):
    torch.manual_seed(0)
    net = fcn.small(3, stride).eval()
    for name in ("score32", "score16", "score8"):
        if hasattr(net, name):
            nn.init.zeros_(getattr(net, name).weight)
            nn.init.zeros_(getattr(net, name).bias)
    finest = net.score16 if stride == 16 else net.score8
    nn.init.constant_(finest.bias, 1.5)
    with torch.no_grad():
        y = net(torch.randn(1, 3, 64, 64))
    torch.testing.assert_close(y, torch.full_like(y, 1.5))


@pytest.mark.slow
def test_fcn_carries_all_of_torchvisions_vgg16(monkeypatch):
    vgg = models.vgg16().eval()
    monkeypatch.setattr(fcn.models, "vgg16", lambda weights: vgg)
    net = fcn.over_vgg16(21, 32, weights="DEFAULT").eval()
    x = torch.randn(1, 3, 224, 224)
    with torch.no_grad():
        _, fc7 = seen(net.fc7, net, x)
        torch.testing.assert_close(fc7[..., 3, 3], vgg.classifier[:4](vgg.features(x).flatten(1)), rtol=1e-4, atol=1e-4)


# --- unpooling ------------------------------------------------------------------------------------------------------


def test_segnet_puts_maxima_back_to_their_places():
    torch.manual_seed(0)
    net = segnet.small(3).eval()
    x = torch.randn(1, 3, 64, 64)
    _, made = seen(net.down[-1], net, x)  # (1, 64, 4, 4), pooled and at once unpooled
    given, _ = seen(net.up[0], net, x)
    largest = F.max_pool2d(made, 2)
    wanted = torch.where(made == largest.repeat_interleave(2, 2).repeat_interleave(2, 3), made, 0)
    assert torch.equal(given, wanted)
    assert (F.max_pool2d(given, 2) == largest).all()


@pytest.mark.parametrize(("net", "size"), [(deconvnet.small, 128), (deconvnet.paper_size, 224)])
def test_deconvnet_goes_through_one_cell(net, size):
    with torch.device("meta"):
        built = net(5).eval()
        given, made = seen(built.fc6, built, torch.empty(1, 3, size, size))
        assert given.shape[2:] == (size // 32, size // 32)
        assert made.shape[2:] == (1, 1)
        _, larger = seen(built.fc6, built, torch.empty(1, 3, size + 32, size))
        assert larger.shape[2:] == (2, 1)


# --- U-Net ----------------------------------------------------------------------------------------------------------


def test_unet_has_the_sizes_of_its_figure():
    with torch.device("meta"):
        net = unet_paper.paper_size()
        x = torch.empty(1, 3, 572, 572)
        assert net(x).shape == (1, 2, 388, 388)
        down = [seen(block, net, x)[1].shape[-1] for block in net.down]
        up = [seen(block, net, x)[1].shape[-1] for block in net.up]
        join = [seen(block, net, x)[1].shape[-1] for block in net.join]
    assert down == [568, 280, 136, 64, 28]
    assert up == [56, 104, 200, 392]
    assert join == [52, 100, 196, 388]
    assert sum(isinstance(m, nn.Conv2d | nn.ConvTranspose2d) for m in net.modules()) == 23  # section 2


def test_unpadded_answers_do_not_know_where_the_picture_ends():
    torch.manual_seed(0)
    net = unet_paper.UNetPaper(2, base=3).eval()
    x = torch.randn(1, 3, 220, 204)
    with torch.no_grad():
        torch.testing.assert_close(net(x)[..., 16:, 16:], net(x[..., 16:, 16:]), rtol=1e-4, atol=1e-5)


def test_a_mirrored_answer_is_the_raw_one_of_the_mirrored_picture():
    torch.manual_seed(0)
    net = unet_paper.UNetPaper(2, base=3).eval()
    x = torch.randn(1, 3, 100, 116)  # 188 + 96 = 284 = 100 + 184: no pixel more than needed
    with torch.no_grad():
        torch.testing.assert_close(unet_paper.Mirrored(net)(x), net(F.pad(x, [92] * 4, mode="reflect")))


@pytest.mark.parametrize("side", [2, 64, 100, 101, 572])
def test_mirroring_walks_there_and_back(side):
    index = unet_paper.around(side).tolist()
    assert index[92 : 92 + side] == list(range(side))
    assert all(abs(a - b) == 1 for a, b in pairwise(index))
    assert min(index) == 0
    assert max(index) == side - 1
    assert len(index) >= side + 184
    assert len(index) - side - 184 < 16
    assert (len(index) - 572) % 16 == 0


def test_cropping_takes_the_middle():
    skip = torch.arange(36.0).view(1, 1, 6, 6)
    assert unet_paper.crop(skip, torch.empty(1, 1, 2, 4)).tolist() == [[[[13, 14, 15, 16], [19, 20, 21, 22]]]]


@pytest.mark.parametrize("side", [572 + 8, 172, 573])
def test_a_size_that_does_not_fit_is_told(side):
    with pytest.raises(ValueError, match="steps of 16"):
        unet_paper.UNetPaper(2, base=2)(torch.zeros(1, 3, side, side))


def test_unet_over_an_encoder_gives_the_references_logits():
    torch.manual_seed(0)
    theirs = smp.Unet("resnet18", encoder_weights=None, classes=5).eval()
    for module in theirs.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
    ours = unet_encoder.paper_size(5, "resnet18").eval()
    given = theirs.state_dict()
    ours.load_state_dict(dict(zip(ours.state_dict(), given.values(), strict=True)))
    x = torch.randn(2, 3, 64, 96)
    with torch.no_grad():
        torch.testing.assert_close(ours(x), theirs(x), rtol=1e-4, atol=1e-4)


def test_unet_over_resnet34_is_as_large_as_the_reference():
    with torch.device("meta"):
        ours = sum(p.numel() for p in unet_encoder.paper_size(21).parameters())
        theirs = sum(p.numel() for p in smp.Unet("resnet34", encoder_weights=None, classes=21).parameters())
    assert ours == theirs
    assert round(ours / 1e6, 1) == 24.4


# --- LinkNet --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("enlarge", "even"), [(linknet.grouped, True), (linknet.published, False)])
def test_only_a_kernel_that_the_stride_divides_stamps_evenly(enlarge, even):
    layer = enlarge(1, 2)
    nn.init.ones_(layer.weight)
    with torch.no_grad():
        stamps = layer(torch.ones(1, 1, 8, 8))[0, 0, 2:-2, 2:-2]
    assert (stamps == stamps[0, 0]).all() == even
    assert layer(torch.zeros(1, 1, 8, 8)).shape[-2:] == (16, 16)


def test_links_add_the_input_of_a_block_to_its_decoders_output():
    """With the decoders silenced, what goes into each decoder is the encoder's map alone."""
    torch.manual_seed(0)
    net = linknet.small(3).eval()
    for decoder in (net.decoder1, net.decoder2, net.decoder3, net.decoder4):
        nn.init.zeros_(decoder.expand[1].weight)
        nn.init.zeros_(decoder.expand[1].bias)
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        s2, s4, s8, s16, s32 = net.encoder(x)
    for module, wanted in ((net.decoder4, s32), (net.decoder3, s16), (net.decoder2, s8), (net.decoder1, s4)):
        assert torch.equal(seen(module, net, x)[0], wanted)
    assert torch.equal(seen(net.to_half, net, x)[0], F.max_pool2d(s2, 3, 2, 1))
