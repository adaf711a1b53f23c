"""Words of the labs of the page "Architectures"."""

# sliding window
W_INTRO = (
    "A classifier of {patch}×{patch} patches names the pixel in the middle. **Slid** over the picture it reads nearly "
    "the same pixels again for each: neighbours share {shared:.0%} of their patch. **One pass** with dilated kernels "
    "gives the same numbers."
)
W_SIDE = "Side of the picture"
W_COLUMNS = ("", "Sliding window", "One pass", "Times")
W_MACS, W_MS, W_EACH = "Multiply-adds", "Time, measured now", "Multiply-adds a pixel"
W_SAME = "Largest difference of the two ways' scores: {gap:.1g}, of scores up to {most:.2g}."
W_NOTICE = (
    "The loop's multiply-adds are **{macs:.0f}×** those of the pass, its time **{ms:.0f}×**: to the sums comes "
    "the cutting "
    "out and copying of patches. The weights are random; none of this depends on them."
)
W_AXES = ("Side of the picture, px", "Multiply-adds")
W_LOOP, W_PASS = "sliding window", "one pass"
W_PAPER = (
    "Cireşan et al. 2012; the pass as in Long et al. 2015, [arXiv:1411.4038](https://arxiv.org/abs/1411.4038), "
    "section 3.2."
)

# full resolution
F_INTRO = (
    "The plainest way to a label at every pixel: convolutions only, at **full resolution**, nothing made smaller. How "
    "many does it take to see as far as an **encoder-decoder** of so many steps down, and what do they cost?"
)
F_STEPS, F_BASE = "Steps down of the encoder-decoder", "Channels at full size"
F_COLUMNS = ("", "Full resolution", "Encoder-decoder", "Times")
F_FIELD, F_LAYERS, F_WEIGHTS = "Receptive field, measured", "3×3 convolutions", "Weights"
F_MACS, F_KEPT, F_MS = "Multiply-adds", "Kept for training", "Time, measured here"
F_NOTICE = (
    "To see {field} px, full resolution needs **{layers} layers**: each adds two pixels, while each step down doubles "
    "what a kernel behind it spans. That is **{macs}×** the multiply-adds and **{kept}×** the memory for training. "
    "The encoder-decoder is cheaper although it has more weights: they work on few cells. The price: its smallest map "
    "has one cell for {stride}×{stride} pixels, so that borders must be guessed; skips bring them back."
)
F_AXES = ("Receptive field, px", "Multiply-adds")
F_FLAT, F_OTHER = "full resolution", "encoder-decoder"
F_PAPER = (
    "Counted on a picture of {side}×{side} px; the encoder-decoder doubles its channels with each step and has no "
    "skips. The weights are random; none of this depends on them."
)

# separable
S_INTRO = (
    "A k×k convolution from C to C' channels mixes places and channels at once. **Depthwise separable**, a k×k kernel "
    "works on each channel alone, and a 1×1 convolution mixes the channels."
)
S_IN, S_OUT, S_K = "Channels in, C", "Channels out, C'", "Kernel, k"
S_FULL = r"k^2\,C\,C' = {k}^2\cdot {c}\cdot {d} = {full:,}"
S_SEPARATE = r"k^2\,C + C\,C' = {k}^2\cdot {c} + {c}\cdot {d} = {separate:,}"
S_RATIO = r"\frac{{1}}{{C'}} + \frac{{1}}{{k^2}} = \frac{{1}}{{{d}}} + \frac{{1}}{{{k}^2}} = {ratio:.3f}"
S_COLUMNS = ("", "Ordinary", "Separable", "Share")
S_WEIGHTS, S_MACS, S_MS = "Weights, counted in torch", "Multiply-adds on {side}×{side}", "Time, measured now"
S_NOTICE = "Weights and multiply-adds become {share:.0%}, the time on this machine {ms:.0%}. {why}"
S_WAITS = "A depthwise convolution does few sums for each number that it moves, so that it waits for memory."
S_KEEPS = "Here time falls as far as the sums do; where memory is slower, or a library's kernels are, it falls less."
S_MORE = "With these numbers the separable form is **larger**: a 1×1 kernel has no places to save on."
S_PAPER = (
    "Chollet 2017, [arXiv:1610.02357](https://arxiv.org/abs/1610.02357); DeepLab V3+ has them in its ASPP, its decoder "
    "and Xception."
)

# ASPP
A_INTRO = (
    "A 3×3 kernel of **rate** r reads nine cells, r apart. Where the map is small, most of them lie beside it, in the "
    "padding: then the kernel is hardly more than 1×1."
)
A_SIDE = "Cells of the map, a side"
A_RATES = "Rates"
A_MAP = "rate {r}: {mean:.1f} of 9 taps inside on average; only its middle one at {alone:.0%} of the places"
A_ALT = "How many of the nine taps of rate {r} lie inside a map of {n} by {n} cells, at each place: dark is 1, bright 9"
A_NOTICE = (
    "At rate {r} a place in the middle has {centre} of 9 taps inside, a corner {corner}. From the map's own side "
    "on, one "
    "is left everywhere: so DeepLab V3 added the mean of the whole map, and takes half the rates at stride 16."
)
A_AXES = ("Rate", "Taps inside, mean")
A_PAPER = (
    "Counted by an atrous convolution of ones; as in Chen et al. 2017, "
    "[arXiv:1706.05587](https://arxiv.org/abs/1706.05587), fig. 4 (65×65)."
)

# skips and gradients
G_INTRO = (
    "One training step of the small U-Net on four drawn streets (cross-entropy, batch statistics): how large is the "
    "gradient of each stage's weights, **with** its skips and **without** (zeros in their place)?"
)
G_NUMBER = "Number of the first street"
G_NET = "Network"
G_NETS = {"unet-paper": "As published, no BatchNorm", "unet": "With BatchNorm"}
G_WITH, G_WITHOUT = "with skips", "without"
G_AXES = ("Stage, in the order of the pass", "Norm of the weights' gradient")
G_WEIGHTS = "{title}, at the start of training: random weights (seed {seed})."
G_NOTICE = (
    "At the first stage, `down.0`, the gradient is **{first}×** as large with skips as without; at the bottom, "
    "`down.4`, {bottom}×."
)
G_WHY = {
    "unet-paper": "Without them it fades on the long way through the U. A skip is a short cut past all of that.",
    "unet": (
        "BatchNorm alone keeps the gradient alive: the line without skips is nearly flat. With skips the short way at "
        "the top gets nearly all of it, which is the U-Net's risk: its top can learn by itself, and sees local "
        "patterns."
    ),
}

# only the top of the U
T_INTRO = (
    "A falling loss doesn't say **which part** of the U learns. A small U-Net and its **top alone** (what it has at "
    "full size; nothing comes from below) each learn one street, {steps} steps from random weights; then both are "
    "asked about {n} others."
)
T_NUMBER = "Number of the street to learn"
T_TRAIN = "Train both"
T_TRAINS = "Both are trained, now; some seconds"
T_WAITS = "Guess first: how much of one street can a network learn by heart that sees no more than a few pixels?"
T_COLUMNS = ("", "Whole U-Net", "Its top alone")
T_FIELD, T_WEIGHTS = "Receptive field", "Weights"
T_OWN, T_OTHERS = "Pixels right on its street", "Pixels right on {n} others"
T_AXES = ("Step", "Loss on its street")
T_SAME = (
    "The top alone learns this street as well, seeing {field} px: local colours and edges are enough. So a low loss on "
    "few pictures doesn't show that the rest of the U has learnt anything."
)
T_LESS = "The top alone doesn't learn this street as well: here a view of {field} px isn't enough."
T_WHY = (
    "Neither has learnt what a street is: compare the last two rows. More pictures, deformed anew each time (the U-Net "
    "paper's elastic deformation), are what makes learning by heart useless."
)

# SPP
P_INTRO = (
    "A classifier's first dense layer wants a fixed number of inputs, so a picture of another size breaks it. "
    "**Spatial "
    "pyramid pooling** takes the maximum over 1×1, 2×2 and 4×4 regions: always 21 numbers a channel."
)
P_SIDE = "Side of the picture"
P_COLUMNS = ("", "At 224 px", "At {side} px")
P_MAP, P_FLAT, P_SPP = "Last map C×H×W", "Flattened", "Pooled: 21 numbers a channel"
P_DENSE, P_POOLED = "A dense layer on the flattened map", "A dense layer on the pooled numbers"
P_FITS, P_BREAKS = "fits", "**breaks:** {error}"
P_TILE = "{n}×{n} regions"
P_TILE_ALT = "The strongest channel of the last map, its maxima over {n} by {n} regions"
P_WHOLE = "the map, {h}×{w}"
P_NOTICE = (
    "Segmentation needs no such layer: FCN writes it as a convolution, which slides. The idea came back as context: "
    "PSPNet pools to 1, 2, 3 and 6 a side and lays the means **beside** the map."
)
P_PAPER = (
    "He et al. 2014, [arXiv:1406.4729](https://arxiv.org/abs/1406.4729), fig. 3. The encoder is our small one; its "
    "weights are random."
)
