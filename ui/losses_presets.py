"""One-click experiments of the page "Losses & metrics"; see `ui.presets` for what a preset is."""

from __future__ import annotations

from ui.presets import Preset

SPECK = "eNqLjjY00DHQM9WJNtYxiY2NBQAg5QQI"  # one pixel of the prediction, at x = 3, y = 4

PRESETS: tuple[Preset, ...] = (
    Preset(
        "losses-ships", "Five ships in a hundred pixels",
        "All background: 95 % of the pixels are right, mean IoU is 47.5 %, mean Dice 48.7 %, and no ship is found.",
        {"answered": "1"}, ":material/sailing:",
    ),
    Preset(
        "losses-precision", "Precision flattered",
        "One confident spot inside the object: precision is 100 %, and hardly any of the object is found.",
        {"answered": "1", "truth": "disc", "extent": "0.5", "guess": "truth", "grow": "-9"}, ":material/target:",
    ),
    Preset(
        "losses-recall", "Recall flattered",
        "Everything is object: recall is 100 %, and precision is the object's share of the picture.",
        {"answered": "1", "truth": "disc", "guess": "full"}, ":material/select_all:",
    ),
    Preset(
        "losses-empty", "Dice with an empty truth",
        "Nothing is there and nothing is predicted: Dice of the object is undefined. Paint one false pixel: it is 0.",
        {"answered": "1", "truth": "empty"}, ":material/check_box_outline_blank:",
    ),
    Preset(
        "losses-gamma", "Focal loss, γ from 0 to 5",
        "At γ = 0 it is cross-entropy with weights; the larger γ is, the less the easy pixels pull. Move γ.",
        {"answered": "1", "truth": "disc", "guess": "truth", "soften": "4", "beside": "focal"},
        ":material/filter_center_focus:",
    ),
    Preset(
        "losses-beta", "β above and below 1",
        "β > 1 pulls at missed pixels (fewer false negatives), β < 1 at false alarms. Some slides say the reverse.",
        {
            "answered": "1", "truth": "disc", "guess": "truth", "right": "6", "soften": "2", "beside": "weighted_bce",
            "with": "weighted_bce.beta 5",
        },
        ":material/balance:",
    ),
    Preset(
        "losses-thin", "A thin thing, one speck away",
        "One false pixel in a corner: IoU is still 99 %, and the Hausdorff distance is over a third of the picture.",
        {"answered": "1", "truth": "thin", "guess": "truth", "extent": "0.8", "inkp": SPECK},
        ":material/account_tree:",
    ),
    Preset(
        "losses-pixel", "An object of one pixel",
        "It is missed. See what share of each loss's gradient is this pixel's: BCE against Dice.",
        {"answered": "1", "truth": "pixel", "sure": "-0.8", "with": "dice.epsilon 0"},
        ":material/point_scan:",
    ),
)  # fmt: skip
