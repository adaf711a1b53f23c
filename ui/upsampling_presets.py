"""One-click experiments of the page "Upsampling"; see `ui.presets` for what a preset is.

The numbers are those of the lecture (tests/golden/lecture_examples.json), except in the last three.
"""

from __future__ import annotations

from ui.presets import Preset

TENS = "10 20/30 40"

PRESETS: tuple[Preset, ...] = (
    Preset(
        "up-middle", "17 in the middle",
        "A 2×2 input, a 2×2 kernel, stride 1: four stamps meet in the middle, 5·2 + 1·4 + 1·0 + 3·1 = 17.",
        {"told": "1"}, ":material/center_focus_strong:",
    ),
    Preset(
        "up-crop", "Only the 17 stays",
        "Padding 1 crops the canvas on each side: of the 3×3 numbers the middle one remains.",
        {"told": "1", "pad": "1"}, ":material/crop:",
    ),
    Preset(
        "up-stride", "Stride 2, padding 0",
        "The stamps stand side by side, nothing overlaps: 4×4 numbers, each one product.",
        {"told": "1", "stride": "2"}, ":material/grid_view:",
    ),
    Preset(
        "up-stride-crop", "Stride 2, padding 1",
        "The same canvas without its rim: 10, 4, 0 and 3 remain.",
        {"told": "1", "stride": "2", "pad": "1"}, ":material/crop_free:",
    ),
    Preset(
        "up-nearest", "Nearest, twice as large",
        "Each of 10, 20, 30, 40 becomes a block of four.",
        {"told": "1", "method": "nearest", "x": TENS}, ":material/select_all:",
    ),
    Preset(
        "up-nails", "Bed of nails",
        "1, 2, 3, 4 at the top left of their blocks, and twelve zeros.",
        {"told": "1", "method": "nails", "x": "1 2/3 4"}, ":material/drag_indicator:",
    ),
    Preset(
        "up-hand", "Bilinear by hand, first the columns",
        "Pixels as points, columns only: column 1 is 2/3·10 + 1/3·20 = 40/3 above, and 100/3 below.",
        {"told": "1", "method": "bilinear", "x": TENS, "rows": "2", "corners": "1"}, ":material/calculate:",
    ),
    Preset(
        "up-points", "Bilinear by hand, to 20",
        "Then the rows: 2/3·40/3 + 1/3·100/3 = 20 at (1, 1). The corners keep 10, 20, 30 and 40.",
        {"told": "1", "method": "bilinear", "x": TENS, "corners": "1"}, ":material/scatter_plot:",
    ),
    Preset(
        "up-areas", "Bilinear, pixels as areas",
        "align_corners off: the second number is 12.5, neither 13 nor 12. The edges repeat the outermost inputs.",
        {"told": "1", "method": "bilinear", "x": TENS}, ":material/view_module:",
    ),
    Preset(
        "up-unpool", "Max-pool 4×4, then unpool",
        "The maxima are 5, 6, 7 and 8; 1, 2, 3 and 4 go back to where these were.",
        {"told": "1", "method": "unpool", "x": "1 2 6 3/3 5 2 1/1 2 2 1/7 3 4 8", "y": "1 2/3 4"},
        ":material/pin_drop:",
    ),
    Preset(
        "up-checker", "The classic checkerboard, 3/2",
        "Kernel 3, stride 2: 1, 2 or 4 stamps meet in a pixel, in a pattern that the eye finds at once.",
        {"told": "1", "lab": "checker"}, ":material/grid_4x4:",
    ),
    Preset(
        "up-even", "4/2, without",
        "Kernel 4, stride 2: the stride divides the kernel, and away from the border four stamps meet everywhere.",
        {"told": "1", "lab": "checker", "ck": "4"}, ":material/grid_on:",
    ),
    Preset(
        "up-gridding", "Gridding: dilation 2, 2, 2",
        "Three layers of dilation 2 never see every other pixel: the receptive field has holes.",
        {"told": "1", "lab": "atrous"}, ":material/blur_on:",
    ),
)  # fmt: skip
