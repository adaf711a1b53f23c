"""Each way up against its trace and torch, scores against scikit-image, and what the lab is there to show."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from scipy.stats import mode
from skimage import data
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from seglab.metrics.boundary import boundary_iou
from seglab.upsampling import interpolation, pooling, subpixel
from seglab.upsampling.convolution import bilinear_kernel, transposed_convolve
from seglab.upsampling.planes import FACTORS, FROM_SMALL, max_pools, picture_of, planes_of, unpools, upsample
from seglab.upsampling.quality import luma, psnr, ssim
from seglab.upsampling.reconstruction import (
    METHODS,
    reconstruct,
    reconstruct_mask,
    shrink,
    shrink_mask,
)
from seglab.upsampling.skips import fcn_skips

PHOTOS = {"astronaut": data.astronaut(), "coffee": data.coffee(), "cat": data.chelsea()}
TENT = np.outer([1, 2, 1], [1, 2, 1]) / 16


def disc(height=200, width=300):
    """Label 3 in a disc, 7 in a ring that it touches, 0 around."""
    rows, columns = np.indices((height, width))
    far = np.hypot(rows - 90, columns - 140)
    return np.select([far < 40, far < 70], [3, 7], 0).astype(np.uint8)


def by_trace(x, factor, method):
    """The method as the library of traces has it."""
    size = (x.shape[0] * factor, x.shape[1] * factor)
    match method:
        case "nearest":
            return interpolation.nearest(x, size)
        case "bilinear":
            return interpolation.bilinear(x, size, align_corners=False)
        case "bicubic":
            return interpolation.bicubic(x, size, align_corners=False)
        case "transposed convolution":
            return transposed_convolve(x, bilinear_kernel(factor), stride=factor, padding=factor // 2)
        case "bed of nails":
            return pooling.bed_of_nails(x, factor)
        case "resize-convolution":  # a border more, which the trace's zeros take away again
            return subpixel.resize_convolve(np.pad(x, 1, "edge"), TENT, factor)


@pytest.mark.parametrize("method", FROM_SMALL)
@pytest.mark.parametrize("factor", FACTORS)
def test_every_way_up_equals_its_trace(method, factor):
    x = np.random.default_rng(0).uniform(0, 255, (4, 5))
    ours = upsample(torch.from_numpy(x).float()[None, None], factor, method)[0, 0].numpy()
    trace = by_trace(x, factor, method).output
    if method == "resize-convolution":
        trace = trace[factor:-factor, factor:-factor]
    assert ours.shape == trace.shape
    np.testing.assert_allclose(ours, trace, atol=2e-3)  # float32, up to 255


def test_resize_convolution_by_two_is_bilinear():
    x = torch.rand(3, 1, 6, 7)
    torch.testing.assert_close(upsample(x, 2, "resize-convolution"), upsample(x, 2, "bilinear"))


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_pools_and_unpools_equal_their_traces(factor):
    x = np.random.default_rng(0).permutation(16 * 24).reshape(16, 24).astype(float)
    top, places = max_pools(torch.from_numpy(x).float()[None, None], factor)
    numbers, kept, size = x, [], []
    while len(kept) < len(places):
        size.append(numbers.shape)
        pooled, indices = pooling.max_pool(numbers, 2)
        numbers = pooled.output
        kept.append(indices)
    np.testing.assert_array_equal(top[0, 0].numpy(), numbers)
    for ours, theirs in zip(places, kept, strict=True):
        np.testing.assert_array_equal(ours[0, 0].numpy(), theirs)
    # up again, with the plain sum of what is written near
    up = numbers
    for indices, sides in zip(kept[::-1], size[::-1], strict=True):
        up = pooling.max_unpool(up, indices, 2, size=sides).output
        padded = np.pad(up, 1)
        up = 4 * sum(TENT[i, j] * padded[i : i + sides[0], j : j + sides[1]] for i in range(3) for j in range(3))
    np.testing.assert_allclose(unpools(top, places, True, False)[0, 0].numpy(), up, rtol=1e-4)
    constant = unpools(torch.full_like(top, 7.0), places, True, True)
    torch.testing.assert_close(constant, torch.full_like(constant, 7.0))  # as a mean


def test_luma_is_jpegs():
    photo = PHOTOS["cat"]
    jpegs = np.asarray(Image.fromarray(photo).convert("YCbCr"))[..., 0]
    assert np.abs(luma(photo) - jpegs).max() < 1.01  # Pillow's is a whole number


@pytest.mark.parametrize("name", PHOTOS)
@pytest.mark.parametrize("noise", [0, 1, 20])
def test_psnr_and_ssim_are_scikit_images(name, noise):
    truth = luma(PHOTOS[name])
    other = np.clip(truth + np.random.default_rng(0).normal(0, noise, truth.shape), 0, 255).astype(np.float32)
    if noise:
        assert psnr(truth, other) == pytest.approx(peak_signal_noise_ratio(truth, other, data_range=255), abs=1e-4)
    else:
        assert psnr(truth, other) == np.inf
    exact = structural_similarity(truth.astype(np.float64), other.astype(np.float64), data_range=255)
    assert ssim(truth, other) == pytest.approx(exact, abs=1e-5)


@pytest.mark.parametrize("side", [7, 8, 13])
def test_ssim_of_small_flat_and_opposite_pictures(side):
    dice = np.random.default_rng(0)
    for x, y in (
        (dice.uniform(0, 255, (side, 9)), dice.uniform(0, 255, (side, 9))),
        (np.zeros((side, 9)), np.full((side, 9), 255.0)),
        (np.full((side, 9), 200.0), np.full((side, 9), 201.0)),
    ):
        exact = structural_similarity(x, y, data_range=255)
        assert ssim(x.astype(np.float32), y.astype(np.float32)) == pytest.approx(exact, abs=2e-5)


def test_blocks_are_averaged():
    photo = PHOTOS["coffee"][:37, :50]
    small = shrink(photo, 8)
    assert small.shape == (5, 7, 3)
    np.testing.assert_array_equal(small[1, 2], np.rint(photo[8:16, 16:24].mean((0, 1))))
    np.testing.assert_array_equal(  # the last block is continued by the last row and column
        small[4, 6], np.rint(photo[np.minimum(range(32, 40), 36)][:, np.minimum(range(48, 56), 49)].mean((0, 1)))
    )


def test_masks_shrink_to_the_commonest_label():
    labels = np.random.default_rng(0).integers(0, 4, (16, 24)).astype(np.uint8) * 85  # 255 is one of them
    blocks = labels.reshape(4, 4, 6, 4).transpose(0, 2, 1, 3).reshape(4, 6, 16)
    np.testing.assert_array_equal(shrink_mask(labels, 4), mode(blocks, axis=-1).mode)


@pytest.mark.parametrize("method", FROM_SMALL)
def test_what_needs_only_the_small_picture_starts_from_it(method):
    photo = PHOTOS["cat"][:96, :128]
    up = picture_of(upsample(planes_of(shrink(photo, 4)), 4, method))
    result = next(result for result in reconstruct(photo, 4) if result.method == method)
    np.testing.assert_array_equal(result.picture, up)
    assert result.psnr == pytest.approx(peak_signal_noise_ratio(luma(photo), luma(up), data_range=255), abs=1e-4)
    assert result.ssim == pytest.approx(structural_similarity(luma(photo), luma(up), data_range=255), abs=1e-3)


def test_bicubic_is_torchs_and_cut_off():
    small = np.zeros((4, 4, 3), np.uint8)
    small[:, 2:] = 255
    theirs = F.interpolate(planes_of(small), scale_factor=4, mode="bicubic")
    assert theirs.min() < 0  # it overshoots
    assert theirs.max() > 255
    expected = theirs.clamp(0, 255).round()[:, 0].permute(1, 2, 0).numpy()
    np.testing.assert_array_equal(picture_of(upsample(planes_of(small), 4, "bicubic")), expected)


@pytest.mark.parametrize("name", PHOTOS)
@pytest.mark.parametrize("factor", [2, 8, 32])
def test_what_the_lab_shows_of_photos(name, factor):
    photo = PHOTOS[name][:301, :397]  # sides that no factor divides
    results = {result.method: result for result in reconstruct(photo, factor)}
    assert tuple(results) == METHODS
    assert {result.picture.shape for result in results.values()} == {photo.shape}
    assert results["sub-pixel"].psnr == np.inf
    assert results["sub-pixel"].ssim == 1
    np.testing.assert_array_equal(results["sub-pixel"].picture, photo)
    gain = 0.1 if factor == 32 else 1  # decibels that the indices are worth; of 32 × 32 pixels the maximum says little
    assert results["max-unpool"].psnr > results["unpool"].psnr + gain
    assert factor == 32 or results["max-unpool"].ssim > results["unpool"].ssim
    assert results["bilinear"].psnr > results["nearest"].psnr > results["bed of nails"].psnr
    assert results["bilinear"].kept == 1 / factor**2
    assert all(result.seconds > 0 for result in results.values())


def test_what_is_kept_and_held_by_hand():
    photo = np.zeros((64, 32, 3), np.uint8)
    results = {result.method: result for result in reconstruct(photo, 4)}
    whole = 64 * 32 * 3
    assert results["nearest"].bytes == 4 * (whole + whole // 16)
    assert results["sub-pixel"].bytes == 8 * whole
    assert results["sub-pixel"].kept == 1
    assert results["unpool"].bytes == 4 * (whole // 4 + 3 * whole)
    assert results["unpool"].kept == 1 / 16
    assert results["max-unpool"].kept == 1 / 16 + (1 / 4 + 1 / 16)
    assert results["max-unpool"].bytes == results["unpool"].bytes + 8 * (whole // 4 + whole // 16)


@pytest.mark.parametrize("factor", [2, 4, 8, 16])
def test_what_the_lab_shows_of_masks(factor):
    mask = disc()
    results = {result.method: result for result in reconstruct_mask(mask, factor)}
    assert tuple(results) == METHODS

    def score(found):
        return np.mean([boundary_iou(mask == label, found == label) for label in (3, 7)])

    scores = {method: score(result.labels) for method, result in results.items()}
    assert scores["sub-pixel"] == 1
    assert scores["bilinear"] >= scores["nearest"] > scores["bed of nails"] + 0.3
    assert factor == 2 or scores["bilinear"] > scores["nearest"] + 0.005
    assert scores["max-unpool"] > scores["unpool"] + 0.02
    for result in results.values():
        assert result.labels.shape == mask.shape
        assert result.labels.dtype == np.uint8
        assert set(np.unique(result.labels)) <= {0, 3, 7}


def test_masks_are_brought_back_by_the_highest_plane():
    mask = disc()
    few = shrink_mask(mask, 8)
    planes = torch.from_numpy(np.stack([few == label for label in (0, 3, 7)])).float()[None]
    expected = np.array([0, 3, 7])[F.interpolate(planes, scale_factor=8, mode="bilinear")[0].argmax(0).numpy()]
    found = next(result for result in reconstruct_mask(mask, 8) if result.method == "bilinear").labels
    np.testing.assert_array_equal(found, expected[:200, :300])


def test_one_label_alone_comes_back_whole():
    mask = np.full((33, 47), 255, np.uint8)
    assert all((result.labels == mask).all() for result in reconstruct_mask(mask, 16))
    assert all((found == mask).all() for found in fcn_skips(mask).values())


def test_fcn_skips_by_torch():
    mask = disc(192, 320)
    scores = torch.from_numpy(np.stack([mask == label for label in (0, 3, 7)])).float()[None]
    s32, s16, s8 = (F.avg_pool2d(scores, s) for s in (32, 16, 8))

    def up(x, factor):
        return F.interpolate(x, scale_factor=factor, mode="bilinear")

    sum16 = up(s32, 2) + s16
    expected = {"FCN-32s": up(s32, 32), "FCN-16s": up(sum16, 16), "FCN-8s": up(up(sum16, 2) + s8, 8)}
    found = fcn_skips(mask)
    assert list(found) == list(expected)
    for name, logits in expected.items():
        same = np.array([0, 3, 7])[logits[0].argmax(0).numpy()] == found[name]
        assert same.mean() > 0.999  # ties fall as rounding has it


def test_skips_bring_back_the_borders():
    mask = disc()
    found = fcn_skips(mask)
    scores = [np.mean([boundary_iou(mask == label, one == label) for label in (3, 7)]) for one in found.values()]
    assert scores[0] + 0.1 < scores[1] < scores[2] - 0.05
    assert {one.shape for one in found.values()} == {mask.shape}


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: shrink(np.zeros((8, 8, 3)), 2), "RGB uint8"),
        (lambda: shrink(np.zeros((8, 8, 3), np.uint8), 3), "2, 4, 8, 16, 32"),
        (lambda: shrink_mask(np.zeros((8, 8, 3), np.uint8), 2), "labels uint8"),
        (lambda: upsample(torch.zeros(3, 1, 8, 8), 2, "sub-pixel"), "needs only the small picture"),
        (lambda: reconstruct(np.zeros((6, 60, 3), np.uint8), 2), "7×7 at least"),
        (lambda: reconstruct(np.zeros((0, 60, 3), np.uint8), 2), "RGB uint8"),
        (lambda: reconstruct_mask(np.zeros((8, 8), int), 2), "labels uint8"),
        (lambda: fcn_skips(np.zeros((8, 8), float)), "labels uint8"),
        (lambda: ssim(np.zeros((8, 8), np.float32), np.zeros((8, 9), np.float32)), "one shape"),
        (lambda: luma(np.zeros((8, 8, 4), np.uint8)), "RGB uint8"),
    ],
)
def test_what_is_impossible_says_why(call, says):
    with pytest.raises(ValueError, match=says):
        call()
