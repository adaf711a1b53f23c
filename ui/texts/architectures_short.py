"""Words of the page "Architectures": each network in short, where its skip, dilation or fusion is."""

PAPER = "{authors}, [{where}]({url}), {figure}"
PAPER_PLAIN = "{authors}, {where}, {figure}"
SHORT = "**In short.** {where} *Mended{size}:* {fixed} *Lacks{size}:* {lacks} ({paper}, {year})"
AS_PUBLISHED = ", as published"
SMALL = {
    "deeplab-v3plus": "The small one's coarsest map is at stride 8, and goes up ×2 where the published one goes ×4.",
}  # of builds whose diagram differs from what is said of the published one
OWN_PAPER = "ours, after PSPNet's fig. 3 and FPN's fig. 3"
WHERE = {
    "patch": (
        "A classifier looks at the patch around a pixel and names that pixel; the **dilated** layers do it for all "
        "in one pass."
    ),
    "fcn-32s": (
        "`fc6` and `fc7` are dense layers written as **convolutions**, so there is a map of scores at stride 32; it "
        "is only blown up."
    ),
    "fcn-16s": "The first **skip** is the +: `score16`, of the map at stride 16, is added to the doubled scores.",
    "fcn-8s": "Two **skips**, the + before `twice16` and after it, add scores of strides 16 and 8.",
    "deconvnet": (
        "The dashed lines carry where each **maximum** was: `unpool` puts numbers back there; all else passes `fc6`, "
        "one cell."
    ),
    "segnet": "The dashed lines carry where each **maximum** was, 2 bits a window, and nothing else goes across.",
    "encoder-decoder": "No **skips**: all passes through the smallest map, and is doubled four times from there.",
    "unet-paper": "The **skips** are the four ∥: maps of the way down, cropped, are laid beside the enlarged ones.",
    "unet": "The **skips** are the four ∥: whole maps of the way down are laid beside the enlarged ones.",
    "unet-encoder": (
        "The **skips** are the ∥ before each `join`, from a classifier's stages; the last doubling has none."
    ),
    "linknet": (
        "The **skips** are the +: the encoder's map is added to what each decoder gives, on a quarter of the "
        "channels inside."
    ),
    "fpn": (
        "The **fusion** is the column of +: each level adds its lateral 1×1 to the doubled level above; the last + "
        "merges all."
    ),
    "fcn-undilated": "No skip and no **dilation**: the encoder ends at stride 32, and its scores are blown up.",
    "fcn-fine": "No **dilation**: `stages.3` and `stages.4` keep stride 8, and so see a half and a quarter as far.",
    "fcn-dilated": "The **dilation** is in `stages.3` and `stages.4`: they keep stride 8, with taps 2 and 4 apart.",
    "pspnet": (
        "The **fusion** is the ∥ before `fuse`: means over 1, 4, 9 and 36 regions are laid beside the map itself."
    ),
    "deeplab-v1": (
        "The **dilation** is in `conv5` (taps 2 apart) and `fc6` (12 apart), after two pools that don't stride."
    ),
    "deeplab-v2": (
        "The **dilation** fans out: four 3×3 kernels of different rates give scores each, and + adds them up."
    ),
    "deeplab-v3": (
        "The **dilation** fans out in `atrous.0`–`atrous.2`; beside them a 1×1 and the **mean of the whole map**, "
        "all laid side by side."
    ),
    "deeplab-v3plus": (
        "ASPP fans out above; the **skip** is the ∥ before `refine.0`: the map at stride 4, squeezed, beside the "
        "enlarged one."
    ),
    "deeplab-v3plus-xception": (
        "As V3+: ASPP above, one **skip** at stride 4 below; all encoder blocks are separable convolutions."
    ),
    "hrnet-v1": (
        "The **fusion** is in each column of `hear`: every resolution is the sum of what all send. Only the finest "
        "is read."
    ),
    "hrnet-v2": (
        "The **fusion** is in each column of `hear`: every resolution is the sum of what all send. `mix` reads all "
        "four."
    ),
    "hrnet-v2p": "The **fusion** is in each column of `hear`; `smooth` makes a pyramid of all four, for detectors.",
    "tiramisu-56": (
        "Inside a `down` or `up` each layer reads all before it (**dense**); the **skips** are the ∥ before each "
        "`up`."
    ),
    "tiramisu-67": (
        "Inside a `down` or `up` each layer reads all before it (**dense**); the **skips** are the ∥ before each "
        "`up`."
    ),
    "tiramisu": (
        "Inside a `down` or `up` each layer reads all before it (**dense**); the **skips** are the ∥ before each "
        "`up`."
    ),
    "vnet": (
        "A U in three dimensions: **skips** are the ∥ before each `right`, and each stage adds its input to what it "
        "makes (residual)."
    ),
    "mask-rcnn": (
        "The **fusion** is the pyramid's +; `rpn.head` proposes boxes, and each head looks at patches cut from the "
        "maps."
    ),
    "streetnet": (
        "`context` pools like PSPNet at stride 16; the **skips** are the +, lateral 1×1 as in FPN, down to stride 2."
    ),
}  # fmt: skip
OWN_FIXED = "PSPNet's context at the cost of a small network: the map stays at stride 16 and comes back in steps."
OWN_LACKS = "Sums, like LinkNet's; it was made for this lab and is in no paper."

# below that: what is often said wrongly, and next of kin
_STRIDE = (
    "**A slip in lectures:** that a smaller pooling stride adds parameters. A convolution's weights don't depend on "
    "the map's size; multiply-adds and activations grow."
)
NOTES = {
    "fcn-undilated": _STRIDE,
    "fcn-fine": _STRIDE,
    "fcn-dilated": _STRIDE,
    "deeplab-v1": f"{_STRIDE} And taps at rate r are r cells apart, not r − 1.",
    "deeplab-v2": "**A slip in lectures:** taps at rate r are r cells apart, not r − 1: a 3×3 kernel spans 2r + 1.",
    "mask-rcnn": (
        "**A slip in lectures:** that masks don't depend on the class and are made for all proposals. The head draws "
        "one for each class and box, and, when it is used, for the final detections only."
    ),
}
