"""Pictures of results against slow, plain re-computations and composites whose truth is known."""

import tracemalloc

import numpy as np
import pytest
from plotly.colors import sequential

from seglab import draw
from seglab.palettes import CAMVID, VOC
from seglab.types import Palette

SMALL = Palette("small", ("a", "b", "c"), ((255, 0, 0), (0, 200, 0), (10, 20, 30)))


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.fixture
def photo(rng):
    return rng.integers(0, 256, (37, 53, 3), np.uint8)


@pytest.fixture
def labels(rng):
    return rng.choice(np.array([0, 1, 2, 255], np.uint8), (37, 53))


def disc(height=120, width=160, edge=12.0):
    """A disc with a soft edge: alpha (H, W)."""
    y, x = np.mgrid[:height, :width]
    return np.clip((height / 3 - np.hypot(y - height / 2, x - width / 2)) / edge + 0.5, 0, 1).astype(np.float32)


def test_colorize_looks_every_pixel_up(labels):
    picture = draw.colorize(labels, SMALL)
    for k, color in enumerate(SMALL.colors):
        assert (picture[labels == k] == color).all()
    assert (picture[labels == 255] == 255).all()


@pytest.mark.parametrize("opacity", [0.0, 0.3, 0.5, 1.0])
def test_overlay_is_the_weighted_mean_and_unsure_shows_the_photo(photo, labels, opacity):
    painted = (1 - opacity) * photo + opacity * SMALL.lut()[labels].astype(float)
    expected = np.where((labels == 255)[..., None], photo, painted)
    assert np.abs(draw.overlay(photo, labels, SMALL, opacity) - expected).max() <= 1
    sure = np.where(labels == 255, np.uint8(0), labels)
    expected = (1 - opacity) * photo + opacity * SMALL.lut()[sure].astype(float)
    assert np.abs(draw.overlay(photo, sure, SMALL, opacity) - expected).max() <= 1


def test_overlay_is_exact_over_several_blocks_and_an_odd_number_of_pixels():
    rng = np.random.default_rng(5)
    labels = rng.choice(np.array([*range(len(SMALL)), 255], np.uint8), (301, 451))
    photo = rng.integers(0, 256, (*labels.shape, 3), np.uint8)
    assert labels.size % 2
    assert labels.size > 4 * draw.PAIRS
    for opacity in (0.2, 0.5, 0.9):
        share = np.where(labels == 255, 0, round(255 * opacity))[..., None]
        expected = np.rint((photo * (255.0 - share) + SMALL.lut()[labels] * share) / 255)
        assert np.array_equal(draw.overlay(photo, labels, SMALL, opacity), expected)


def test_pictures_take_little_more_memory_than_they_are():
    labels = np.random.default_rng(0).integers(0, 3, (1501, 2001), np.uint8)
    labels[:9] = 255
    photo = np.zeros((*labels.shape, 3), np.uint8)
    for make in (lambda: draw.overlay(photo, labels, SMALL), lambda: draw.colorize(labels, SMALL)):
        tracemalloc.start()
        try:
            size = make().nbytes
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        # 9 MB the picture; `check_labels` takes as much, but before there is one.
        assert size <= peak < size + 4e6


def test_outlines_mark_each_border_once(labels):
    lines = draw.outlines(labels)
    height, width = labels.shape
    for y in range(height):
        for x in range(width):
            right = x + 1 < width and labels[y, x] != labels[y, x + 1]
            below = y + 1 < height and labels[y, x] != labels[y + 1, x]
            assert lines[y, x] == (right or below)


def test_heat_is_viridis_from_end_to_end():
    published = np.array([list(bytes.fromhex(color[1:])) for color in sequential.Viridis])
    at = np.linspace(0, 1, len(published))[None]
    assert np.abs(draw.heat(at, vmin=0, vmax=1)[0].astype(int) - published).max() <= 1
    ramp = draw.heat(np.linspace(-2, 3, 500)[None], vmin=-2, vmax=3)[0].astype(float)
    lightness = ramp @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(lightness) >= 0).all()  # sequential: brighter is more
    assert len(np.unique(ramp, axis=0)) >= 250


def test_heat_clips_and_marks_missing_values():
    picture = draw.heat(np.array([[-9.0, 0.0, 1.0, 9.0, np.inf, -np.inf, np.nan]], np.float32), vmin=0, vmax=1)[0]
    low, high = draw.heat_colors()[0], draw.heat_colors()[254]
    np.testing.assert_array_equal(picture, [low, low, high, high, high, low, draw.NO_VALUE])


def test_soft_edge_takes_no_colour_of_the_old_background_along():
    """A red object before green, put before blue: the naive mix keeps a green fringe, ours doesn't."""
    alpha = disc()
    ramp = np.linspace(0, 60, 160, dtype=np.float32)[None, :, None]
    front = np.array([200, 40, 30], np.float32) + ramp * [0.5, 1, 0]
    old, new = np.array([20, 220, 30], np.float32) - ramp * [0, 1, 0], np.array([10, 20, 240], np.float32)
    a = alpha[..., None]
    photo = np.rint(a * front + (1 - a) * old).astype(np.uint8)
    truth, naive = a * front + (1 - a) * new, a * photo + (1 - a) * new
    result = draw.replace_background(photo, alpha, (10, 20, 240))
    edge = (alpha > 0) & (alpha < 1)
    error, naive_error = (np.abs(x - truth)[edge] for x in (result, naive))
    assert naive_error.mean() > 10
    assert error.mean() < 2
    assert error.max() < 12
    np.testing.assert_array_equal(result[alpha == 1], photo[alpha == 1])
    np.testing.assert_array_equal(result[alpha == 0], np.broadcast_to([10, 20, 240], photo.shape)[alpha == 0])


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_alpha_without_sure_object_or_background_is_a_plain_mix(photo, value):
    alpha = np.full(photo.shape[:2], value, np.float32)
    np.testing.assert_array_equal(draw.foreground(photo, alpha), photo)
    expected = value * photo + (1 - value) * np.array([0, 0, 255])
    assert np.abs(draw.replace_background(photo, alpha, (0, 0, 255)) - expected).max() <= 1
    assert draw.blur_background(photo, alpha, 3).shape == photo.shape


def test_background_picture_of_another_size_covers_the_photo():
    alpha = np.zeros((40, 60), np.float32)
    background = np.zeros((10, 90, 3), np.uint8)
    background[:, :30], background[:, 60:] = (255, 0, 0), (0, 255, 0)  # the sides, which cropping takes away
    background[:, 30:60] = (0, 0, 255)
    result = draw.replace_background(np.zeros((40, 60, 3), np.uint8), alpha, background)
    assert result.shape == (40, 60, 3)
    assert (result[:, 10:50] == (0, 0, 255)).all()


def test_blur_smooths_behind_and_keeps_the_object_without_a_glow():
    alpha = disc()
    photo = np.full((120, 160, 3), 10, np.uint8)
    photo[::2] = 30
    photo = np.rint(alpha[..., None] * 250 + (1 - alpha[..., None]) * photo).astype(np.uint8)
    result = draw.blur_background(photo, alpha, 6)
    behind = result[alpha == 0].astype(float)
    assert photo[alpha == 0].std() == pytest.approx(10, abs=1)
    assert behind.std() < 2
    assert behind.max() < 35  # a plain blur of the photo reaches 100 beside the white disc
    np.testing.assert_array_equal(result[alpha == 1], photo[alpha == 1])


@pytest.mark.parametrize("name", draw.FILTERS)
def test_filters_change_the_region_and_nothing_else(photo, name):
    alpha = np.zeros(photo.shape[:2], np.float32)
    alpha[10:20, 10:30], alpha[20:22, 10:30] = 1, 0.5
    result = draw.filter_region(photo, alpha, name)
    whole = draw.filter_region(photo, np.ones_like(alpha), name)
    np.testing.assert_array_equal(result[alpha == 0], photo[alpha == 0])
    np.testing.assert_array_equal(result[alpha == 1], whole[alpha == 1])
    assert np.abs(result[20:22, 10:30] - (0.5 * photo[20:22, 10:30] + 0.5 * whole[20:22, 10:30])).max() <= 1.01
    assert (whole != photo).any()


def test_filters_do_what_their_names_say(photo):
    full = np.ones(photo.shape[:2], np.float32)
    grey = draw.filter_region(photo, full, "grey")
    assert (grey == grey[..., :1]).all()
    assert draw.filter_region(photo, full, "brighten").mean() > photo.mean() + 10
    assert draw.filter_region(photo, full, "darken").mean() < photo.mean() - 10
    sepia = draw.filter_region(photo, full, "sepia").mean((0, 1))
    assert sepia[0] > sepia[1] > sepia[2]
    assert len(np.unique(draw.filter_region(photo, full, "pixelate").reshape(-1, 3), axis=0)) < photo[..., 0].size / 3


def test_cut_out_is_rgba_and_hides_what_is_cut_away(photo):
    alpha = disc(37, 53, 6)
    result = draw.cut_out(photo, alpha)
    assert result.shape == (37, 53, 4)
    assert result.dtype == np.uint8
    np.testing.assert_allclose(result[..., 3] / 255, alpha, atol=0.5 / 255 + 1e-6)
    assert not result[result[..., 3] == 0].any()
    np.testing.assert_array_equal(result[alpha == 1][:, :3], photo[alpha == 1])


def test_soft_alpha_is_solid_inside_and_clear_outside():
    p = np.linspace(0, 1, 101)[None]
    alpha = draw.soft_alpha(p)
    assert alpha.dtype == np.float32
    assert (alpha[p > 0.76] == 1).all()
    assert (alpha[p < 0.24] == 0).all()
    assert (np.diff(alpha[0]) >= 0).all()
    np.testing.assert_array_equal(draw.soft_alpha(p, 1e-6) > 0.5, p > 0.5)


def test_inputs_stay_as_they_were_and_results_are_writable(photo, labels):
    alpha = disc(37, 53, 6)
    for array in (photo, labels, alpha):
        array.setflags(write=False)
    results = [
        draw.colorize(labels, SMALL),
        draw.overlay(photo, labels, SMALL),
        draw.outlines(labels),
        draw.heat(alpha, vmin=0, vmax=1),
        draw.replace_background(photo, alpha, photo),
        draw.blur_background(photo, alpha, 2),
        draw.filter_region(photo, alpha, "sepia"),
        draw.cut_out(photo, alpha),
    ]
    assert all(result.flags.writeable for result in results)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (7, 1), (2, 3)])
def test_tiny_pictures_work(size):
    photo, alpha = np.full((*size, 3), 9, np.uint8), np.linspace(0, 1, size[0] * size[1]).reshape(size)
    assert draw.replace_background(photo, alpha, (1, 2, 3)).shape == (*size, 3)
    assert draw.blur_background(photo, alpha, 5).shape == (*size, 3)
    assert draw.cut_out(photo, alpha).shape == (*size, 4)
    for name in draw.FILTERS:
        assert draw.filter_region(photo, alpha, name).shape == (*size, 3)


def test_wrong_input_is_explained(photo, labels):
    alpha = disc(37, 53)
    nan = alpha.copy()
    nan[0, 0] = np.nan
    with pytest.raises(ValueError, match="hold the value 3"):
        draw.colorize(np.full((2, 2), 3, np.uint8), SMALL)
    with pytest.raises(ValueError, match=r"\(37, 53\).*\(36, 53\)"):
        draw.overlay(photo, labels[1:], SMALL)
    with pytest.raises(ValueError, match=r"got 1\.5"):
        draw.overlay(photo, labels, SMALL, 1.5)
    with pytest.raises(ValueError, match="vmin must be below vmax"):
        draw.heat(alpha, vmin=1, vmax=1)
    with pytest.raises(ValueError, match=r"\(H, W\) array"):
        draw.heat(photo, vmin=0, vmax=1)
    for bad in (alpha * 2, nan, (alpha > 0.5), alpha - 1):
        with pytest.raises(ValueError, match="alpha is a float map"):
            draw.replace_background(photo, bad, (0, 0, 0))
    with pytest.raises(ValueError, match="there are grey, sepia"):
        draw.filter_region(photo, alpha, "glow")
    with pytest.raises(ValueError, match="softness"):
        draw.soft_alpha(alpha, 0)
    with pytest.raises(ValueError, match="radius"):
        draw.blur_background(photo, alpha, -1)


def test_palettes_of_the_lab_can_be_painted():
    for palette in (VOC, CAMVID):
        labels = np.array([[*range(len(palette)), 255]], np.uint8)
        np.testing.assert_array_equal(draw.colorize(labels, palette)[0], palette.lut()[labels[0]])
