"""Words of the labs "Checkerboard" and "There and back" of the page "Upsampling"."""

# checkerboard: overlaps
C_INTRO = (
    "A transposed convolution stamps its kernel onto the output, one stamp for each input. Where stamps **overlap "
    "unevenly**, the result is a checkerboard. Guess: which kernels are even at stride 2?"
)
C_KERNEL, C_STRIDE = "Kernel (cells along a side)", "Stride"
C_EVEN = (
    "**Even**, because {k} is divisible by {s}: away from the borders {each} meet{s3} on every cell along a line, "
    "{square} in a picture."
)
C_UNEVEN = (
    "**Uneven**, because {k} isn’t divisible by {s}: away from the borders {least} or {most} stamps meet along a line, "
    "{least2} to {most2} in a picture."
)
C_GAPS = (
    "**Uneven, with holes**, because a kernel of {k} is smaller than the stride of {s}: of {s} cells along a line {n} "
    "get{s3} nothing."
)
C_ONE_STAMP, C_STAMPS = "1 stamp", "{n} stamps"
C_UNEVENNESS = "Unevenness (most − least) / mean: **{line:.2f}** along a line, **{square:.2f}** in a picture."
C_LINE, C_SQUARE = "Along a line", "In a picture"
C_CELL, C_COUNT = "Output cell", "Stamps on it"
C_COUNTS = "From left to right: {counts}."
C_INPUT, C_OUTPUT = "Input of ones", "Stamps on each cell"
C_GRID = "How many stamps meet on each cell: an input of ones, and a kernel of ones, {k}×{k}, at stride {s}"
C_NOTE = (
    "Point at an output cell: its inputs light up. In two dimensions rows and columns multiply, so that 1 and 2 become "
    "1, 2 and 4: that is why pictures show it so clearly."
)

# checkerboard: three ways
W_TITLE = "On your picture: three ways to upsample twice"
W_INTRO = (
    "The article’s comparison: the picture at a quarter of its width and height comes back through two layers of ×2, "
    "each with one 3×3 kernel. **Trained** means: both kernels fitted to this very picture."
)
W_RUN = "Compare on this picture"
W_RUN_NOTE = "It fits kernels to the picture, which takes about a second."
W_WORKING = "Random kernels, then fitting them to the picture…"
W_STAGE, W_STAGES = "Kernels", {"before": "Random (before training)", "after": "Trained"}
W_SEED, W_SEED_HELP = "Number of the random kernels", "Another number, other kernels: does the pattern stay?"
W_WAYS = {
    "transposed in the last two layers": "Transposed in the last two layers",
    "transposed in the last layer": "Transposed in the last layer",
    "resize in every layer": "Resize in every layer",
}
W_SPIKE = "Spike: **{spike:,.1f} ×** its surroundings"
W_ALT = "The picture brought back, {way}, {stage}."
W_SPECTRUM = "log₁₀ of the power"
W_SPECTRUM_ALT = (
    "Spectrum of the picture, {way}: frequency 0 in the middle; rings at the multiples of ¼ wave per pixel, where a "
    "checkerboard shows as bright points."
)
W_SPECTRUM_NOTE = (
    "Rings mark where a pattern that repeats every 2 or 4 pixels must show: a bright point in a ring is the "
    "checkerboard. All six spectra, before and after training, have one scale."
)
W_COLUMNS = ("Way", "Spike, random", "Spike, trained", "Error, random", "Error, trained")
W_NOTICE = (
    "A spike of 1 to 10 is usual for a photo. With random kernels the transposed ways stand at **{twice:,.0f} ×** and "
    "**{last:,.0f} ×**, the resize way at **{resize:,.1f} ×**; trained at {twice_after:,.1f}, {last_after:,.1f} and "
    "{resize_after:,.1f}."
)
W_BUT = (
    "Training takes most of the pattern away here, because every pixel has a target to match. The article’s generators "
    "have none, and keep more of it."
)
W_ERROR_NOTE = (
    "The picture itself has a spike of {spike:.1f}. Errors are root mean squares against the picture, in grey levels "
    "of the mean of the colours."
)

# checkerboard: a divisible kernel
L_TITLE = "A divisible kernel learns the pattern all the same"
L_INTRO = (
    "4 is divisible by 2, so its overlaps are even. Yet taught a picture that has the pattern, the 4/2 kernel learns "
    "it: each of its four phases has four weights of its own. A resize layer can’t: all pixels share the same nine."
)
L_TARGET, L_TRANSPOSED, L_RESIZE = "The target, with a pattern", "Transposed 4/2, trained", "Resize and 3×3, trained"
L_SPIKE = "Spike of period 2: **{spike:,.1f} ×**"
L_ALT = "{what}: spike {spike:,.1f}."
L_SUMS = "Sum of the weights in each phase:"
L_PHASES = r"\begin{{pmatrix}}{a:.3f} & {b:.3f}\\{c:.3f} & {d:.3f}\end{{pmatrix}}"
L_NOTE = (
    "On a flat grey picture the output is the grey times these sums: four different numbers are a checkerboard, four "
    "equal ones are none."
)

# checkerboard: live
G_TITLE = "Train small generators"
G_INTRO = (
    "Up to three networks learn to draw nuclei, 32×32 pixels, from a code of 32 numbers. They differ only in how they "
    "double the size, three times. Guess: which keeps a pattern, and for how long?"
)
G_UPS = "Which ways up race (three at most)"
G_NOBODY = "Choose one to three ways up: they train side by side."
G_NAMES = {
    "t3": "Transposed 3/2", "t4": "Transposed 4/2", "nearest": "Nearest, then convolution",
    "bilinear": "Bilinear, then convolution", "shuffle": "Sub-pixel, random filters", "icnr": "Sub-pixel, ICNR filters",
}  # fmt: skip
G_SCORE = "Evenness, 1 / (1 + pattern)"
G_SCORE_NOTE = (
    "The **pattern** is in grey levels: the mean error of all held-out pictures at each place of a 4×4 block, and how "
    "far these 16 numbers spread. Evenness is 1 without any, ½ at one grey level."
)
G_ROWS = {"picture": "Pictures set aside"}
G_MORE = "More: steps, number of the start"
G_STEPS, G_SEED = "Training steps", "Number of the start"
G_TIME = (
    "{steps} steps of {n} network{s} take about {seconds:.0f} s of a core of this kind of machine, if nobody else "
    "trains."
)
G_PATTERN, G_STEP = "Pattern in grey levels", "Step"
G_NOTICE = "**{name}**: at most {most:.1f} grey levels, at step {step}; now **{now:.2f}**."
G_NOW = "Step {step}, pattern in grey levels: {all}."
G_NOW_ONE = "{name} **{now:.2f}**"
G_WHY = {
    "t3": "3/2 begins with the pattern of its overlaps.",
    "t4": "4/2 overlaps evenly, and begins with what its random weights happen to make.",
    "nearest": "Nearest, then a convolution: all pixels share the same weights, so there is nothing to be uneven.",
    "bilinear": "Bilinear, then a convolution: the same, of smoother inputs.",
    "shuffle": "The shuffle’s four neighbours have a filter each, so it begins uneven as well.",
    "icnr": "ICNR: the four filters begin equal, as nearest would be, and training may move them apart.",
}
G_WHY_ALL = "Training works against a pattern here, as each pixel has a target; in a GAN no pixel has a target."

# there and back
R_INTRO = (
    "Make it small, bring it back: what is lost, and which way up loses least? Guess first: does keeping **where** "
    "each maximum was (max-unpool) beat interpolation?"
)
R_OF, R_OFS = "What", {"photo": "Picture", "mask": "Its labels", "drawn": "Drawn labels"}
R_FACTOR, R_SEED = "Made small by", "Number of the drawn street"
R_OF_HELP = "The picture itself, a network’s labels of it (`street`), or the true labels of a drawn street."
R_TIMES = "{n}×"
R_WORKING = "Down, and up again by nine ways…"
R_BOUNDED = "The picture is large: this lab takes it at {w}×{h}, at most {most:.1f} million pixels."
R_TINY = "SSIM compares windows of {n}×{n} pixels, so a picture must be {n}×{n} at least; this one is {w}×{h}."
R_MASK_BOUNDED = "Masks are taken at {w}×{h} here, at most {most} pixels a side."
R_NO_MODEL = "No network for labels is installed here, so this shows a drawn street instead."
R_METHOD, R_PSNR, R_SSIM, R_MS, R_MB, R_KEPT = "Way up", "PSNR (dB)", "SSIM", "Time (ms)", "Memory (MB)", "Kept"
R_IOU, R_BOUNDARY = "Mean IoU", "Boundary IoU"
R_HELP = {
    R_PSNR: "Of the luma. Higher is better; infinite for a picture without any error.",
    R_SSIM: "Of the luma: 1 is the same picture.",
    R_MS: "The way up alone, measured when it was computed.",
    R_MB: "What the way up holds at once, computed: its input, what was kept, its output. Of a mask: for one class.",
    R_KEPT: "Numbers (and indices) that the way up starts from, for each number of the original.",
    R_IOU: "Mean over the classes.",
    R_BOUNDARY: "IoU of the bands along the borders, mean over the classes of the original.",
}
R_NAMES = {
    "nearest": "Nearest", "bilinear": "Bilinear", "bicubic": "Bicubic",
    "resize-convolution": "Resize, then convolution", "transposed convolution": "Transposed convolution (bilinear)",
    "bed of nails": "Bed of nails",
    "unpool": "Unpool, without indices", "max-unpool": "Max-unpool, with indices", "sub-pixel": "Sub-pixel shuffle",
}  # fmt: skip
R_SORTED = "Sorted by {score}. “Kept” says how much of the original each may look at: compare like with like."
R_LOSSLESS = (
    "**The sub-pixel shuffle is lossless here, and no better for it**: it keeps all numbers (kept = 1), only laid out "
    "as channels. In a network a convolution has to make up these channels from fewer numbers."
)
R_INDICES = (
    "**Why the indices matter:** the same maxima go back to where they were ({score_name} **{with_}**) or to the "
    "corner of each block (**{without}**). For the difference it stores {kept:.2f} numbers and indices for each of the "
    "original’s, not {kept_without:.3g}."
)
R_BEATS = "Here it beats even bicubic ({bicubic}), which starts from means, and keeps {kept_bicubic:.3g} alone."
R_BRIGHT = (
    "Bicubic is better still ({bicubic}): it starts from means, and a maximum is brighter than what it stands for. "
    "Labels have no brightness: choose labels above, and compare again."
)
R_INDICES_PAIR = "Look at these two"
R_A, R_B = "Way A", "Way B"
R_ORIGINAL, R_SMALL = "Original, {w}×{h}", "Made small, {w}×{h}"
R_DIFFERENCE = "{name}: difference"
R_LUMA, R_WRONG = "luma, result − original", "Wrong pixels"
R_RIGHT_WRONG = ("right", "wrong")
R_DIFFERENCE_NOTE = "Differences of luma on one scale, ±{most:.0f} grey levels: blue too dark, red too bright. {ring}"
R_RING = ("The ring is where way A is furthest off.", "Way A is off nowhere.")
R_WRONG_NOTE = "{name_a}: {a:.2%} of the pixels are wrong; {name_b}: {b:.2%}."
R_ALT = {
    "original": "The original.", "small": "The original made {factor} times smaller.",
    "result": "Brought back by: {name}.", "difference": "Where the result by {name} differs from the original.",
}  # fmt: skip
R_FORMULAS = "Formulas, with the numbers of way A: {name}"
R_PSNR_FORMULA = r"\mathrm{PSNR} = 10 \log_{10}\frac{255^2}{\mathrm{MSE}}"
R_PSNR_FILLED = r"= 10 \log_{{10}}\frac{{65025}}{{{mse:.4f}}} = {psnr:.2f}\ \mathrm{{dB}}"
R_PSNR_EXACT = r"= \infty \quad (\mathrm{MSE}=0)"
R_SSIM_FORMULA = (
    r"\begin{aligned} \mathrm{SSIM} &= \frac{2 \mu_x \mu_y + C_1}{\mu_x^2 + \mu_y^2 + C_1} \cdot "
    r"\frac{2 \sigma_{xy} + C_2}{\sigma_x^2 + \sigma_y^2 + C_2} \\ "
    r"C_1 &= (0.01 \cdot 255)^2,\quad C_2 = (0.03 \cdot 255)^2 \end{aligned}"
)
R_SSIM_FILLED = (
    r"\begin{{aligned}} &\frac{{2 \cdot {mx:.2f} \cdot {my:.2f} + 6.5025}}{{{mx:.2f}^2 + {my:.2f}^2 + 6.5025}} \\ "
    r"&\cdot \frac{{2 \cdot {cov:.2f} + 58.5225}}{{{vx:.2f} + {vy:.2f} + 58.5225}} = {value:.4f} \end{{aligned}}"
)
R_SSIM_NOTE = (
    "That is the window of 7×7 pixels around ({x}, {y}), {why}; the mean over all windows is **{ssim:.4f}**. $x$ is "
    "the original’s luma, $y$ the result’s."
)
R_SSIM_WHY = ("with the pixel where way A is furthest off", "the first of all, as way A is off nowhere")
R_BOUNDARY_FORMULA = r"\text{boundary IoU} = \frac{|A_d \cap B_d|}{|A_d \cup B_d|}"
R_BOUNDARY_NOTE = (
    "$A_d$ and $B_d$ are the pixels of original and result within $d$ = {width} px of their contours, 0.5 % of the "
    "diagonal as for Cityscapes. The table has the mean over the original’s {n} class{es}."
)

# skips
S_TITLE = "Skips: FCN-32s, FCN-16s, FCN-8s"
S_INTRO = (
    "FCN brings its coarsest answer (a cell for 32×32 pixels) up at once, or adds a finer one on the way. Here every "
    "cell knows the true shares of its classes, and they are summed as they are; learnt weights could do better."
)
S_NOTE = (
    "What the finer strides bring back is *where*: from FCN-32s to FCN-8s boundary IoU goes from **{a:.3f}** to "
    "**{b:.3f}**."
)
S_PHOTO = "Skips work on labels: choose labels above to see FCN-32s, 16s and 8s."
S_SCORES = "Mean IoU {iou:.3f}, boundary IoU **{boundary:.3f}**"
S_ALT = "The mask as {name} brings it back."
