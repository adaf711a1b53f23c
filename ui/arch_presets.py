"""One-click experiments of the page "Architectures"; see `ui.presets` for what a preset is."""

from __future__ import annotations

from ui.presets import Preset

PRESETS: tuple[Preset, ...] = (
    Preset(
        "arch-paper", "572 in, 388 out",
        "The U-Net as published crops every skip: find 388×388 at the output, and 31,031,810 parameters in the table.",
        {"guessed": "1", "arch": "unet-paper", "abuild": "paper", "stage": "down.4", "shade": "parameters"},
        ":material/crop:",
    ),
    Preset(
        "arch-memory", "Few weights, much memory",
        "FC-DenseNet103 against U-Net, both as published: less than a third of the weights. And the memory?",
        {"guessed": "1", "arch": "unet", "versus": "tiramisu", "abuild": "paper", "shade": "activation_bytes"},
        ":material/memory:",
    ),
    Preset(
        "arch-dilated", "Same weights, sixteen times the places",
        "One network undilated, one dilated: parameters are equal to the last one. What does stride 8 cost?",
        {"guessed": "1", "arch": "fcn-undilated", "versus": "fcn-dilated", "shade": "macs"}, ":material/blur_on:",
    ),
    Preset(
        "arch-rows", "Nothing is shrunk and brought back",
        "HRNet keeps stride 4 throughout. Click the + of the finest row: how much does it see already in stage 2?",
        {"guessed": "1", "arch": "hrnet-v2", "stage": "stage2.1.hear.0"}, ":material/density_small:",
    ),
    Preset(
        "arch-indices", "Places instead of maps",
        "SegNet sends only where each maximum was. Look at `unpool`: its maps are mostly holes.",
        {"guessed": "1", "arch": "segnet", "stage": "unpool#4"}, ":material/scatter_plot:",
    ),
    Preset(
        "arch-window", "How dear is a sliding window?",
        "Both ways give the same numbers. By what factor do multiply-adds differ, and by what factor the time?",
        {"alab": "window", "wside": "32"}, ":material/grid_4x4:",
    ),
    Preset(
        "arch-strides", "One dog, three strides",
        "A dog, a sign, lamp posts and wires: whose outline is there at stride 32, whose at 16 or 8, and whose never?",
        {"alab": "strides", "arch": "fcn-8s"}, ":material/straighten:",
    ),
    Preset(
        "arch-cut", "What goes across the U",
        "A trained U-Net gets zeros for its finest maps. Do the outlines or the classes suffer first?",
        {"alab": "cut", "cut1": "1"}, ":material/content_cut:",
    ),
    Preset(
        "arch-sizes", "How small is too small?",
        "The same things from 128 px down to 8: whose line falls most towards the small ones?",
        {"alab": "sizes", "arch": "fcn-32s"}, ":material/photo_size_select_small:",
    ),
    Preset(
        "arch-differ", "Where two networks disagree",
        "SegNet against U-Net: the three streets on which they differ most. What does the loser miss each time?",
        {"alab": "differ", "arch": "unet", "za": "segnet", "zb": "unet"}, ":material/compare:",
    ),
)  # fmt: skip
