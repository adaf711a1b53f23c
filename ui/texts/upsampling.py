"""All words of the page "Upsampling" and of its grid lab, in one place."""

TITLE = "Upsampling"
QUESTION = "Where does this output pixel come from?"
ICON = ":material/grid_4x4:"
TEASER = "Small grids of numbers: edit a cell, point at another, and see every number move on its way up."

# the labs
LAB = "Lab"
LABS = {
    "grid": "Grid", "checker": "Checkerboard", "rebuild": "There and back", "atrous": "Atrous", "roi": "RoI",
}  # fmt: skip

# the question
ASK = (
    "A **transposed convolution** stamps the kernel onto the output once for each input number, times that number, and "
    "**overlaps add up**. Here the input is 2×2 and so is the kernel. Which number stands in the **middle**?"
)
ASK_NUMBER = "Your number for the middle"
REVEAL, SHOW = "Reveal", "Just show me"
TOLD_RIGHT = "**{right}** it is: all four stamps meet in the middle, each with another cell of the kernel: {sum}."
TOLD_WRONG = (
    "You said {said}; it is **{right}**. All four stamps meet in the middle, each with another cell of the kernel: "
    "{sum}."
)
TOLD = "It is **{right}**: all four stamps meet in the middle, each with another cell of the kernel: {sum}."
ALL_LABEL = "Grids: {method}"
ASK_LABEL = "The question’s grids"

# controls
METHOD = "Way up"
METHODS = {
    "nearest": "Nearest", "nails": "Bed of nails", "bilinear": "Bilinear", "bicubic": "Bicubic",
    "unpool": "Max-pool → unpool", "transposed": "Transposed convolution", "subpixel": "Sub-pixel shuffle",
    "resize": "Resize, then convolve", "conv": "Ordinary convolution",
}  # fmt: skip
KERNEL_SIZE, STRIDE, PADDING = "Kernel size k", "Stride s", "Padding p"
OUTPUT_PADDING, DILATION, CHANNELS = "Output padding op", "Dilation d", "Channels and groups"
OUTPUT_PADDING_HELP = (
    "Makes the output that much larger at the bottom and right: first it takes back what padding cropped there; only "
    "beyond is it empty. It must be below the stride, or below the dilation."
)
CHANNELS_NAMES = {"1": "One channel", "2": "Two channels, 1 group", "groups": "Two channels, 2 groups"}
ROWS, COLS, CORNERS = "Output rows", "Output columns", "align_corners"
CORNERS_HELP = (
    "Off: pixels are areas, and the edges of the picture stay where they are. On: pixels are points, and the outermost "
    "stay where they are."
)
FACTOR, MODE = "Factor f", "Resize by"
MODES = {"nearest": "nearest", "bilinear": "bilinear", "bicubic": "bicubic"}
WINDOW, HOP, RIM = "Window k", "Stride s", "Padding p"
MORE = "More: size of the input, random numbers, and what is rarely moved"
INPUT_ROWS, INPUT_COLS = "Input rows", "Input columns"
RANDOM_INPUT, RANDOM_KERNEL, RESET = "Random input", "Random kernel", "Back to the lecture’s example"
RESET_FIRST = "Back to the first numbers"  # of a method that the lecture has no example of
START, FILTER_SIZE = "Channels from", "Filter size k"
STARTS = {"plain": "own numbers", "random": "random filters", "icnr": "ICNR filters"}
START_HELP = (
    "In a network a convolution makes the channels, a filter for each. Start its filters at random, or all equal "
    "(ICNR, Aitken et al. 2017)."
)
BACK_TO_MAXIMA = "Put the maxima themselves back"

# panels
INPUT, KERNEL, OUTPUT, CANVAS = "Input", "Kernel", "Output", "Canvas"
CHANNEL, KERNEL_PAIR = "Channel", "Kernel {a}→{b}"
FILTER, FILTER_ALL = "Filter {i}", "Filter, {n} times"
POOLED, BACK, RESIZED = "Maxima", "Put back", "Resized"

# what can't be
IMPOSSIBLE = "**This can’t be.** {error} The grids below are the last that could be."
TOO_LARGE = (
    "The output would be {rows}×{columns}; grids of up to {most}×{most} can be shown. "
    "Take a smaller input, kernel, stride, dilation or factor."
)
MANY_CHANNELS = "Sub-pixel shuffle by {r} needs {n} channels; up to {channels} can be shown. Take a smaller factor."
MANY_PRODUCTS = (
    "The output would be made of {n:,} products; up to {most:,} can be shown. Take a smaller input, kernel or factor."
)

# the badge
BADGE, BADGE_OTHER = "equals PyTorch", "differs from PyTorch"
BADGE_MARK, BADGE_MARK_OTHER = ":primary-badge[{words}]", ":red-badge[{words}]"  # of a picture
BADGE_SAYS = (
    "Compared just now with PyTorch’s `{name}` in float64: the largest difference of the {n} number{s} is {gap}."
)
BADGE_REFUSED = "PyTorch’s `{name}` refuses these settings: {error}"
BADGE_SHAPE = "PyTorch’s `{name}` gives the shape {a}, and this is {b}."
BADGE_ALSO = "The other badges: {others}."
BADGE_PARTS = {
    "canvas": "the canvas with `F.conv_transpose2d` and padding 0", "pooled": "the maxima with `F.max_pool2d`",
    "resized": "the resized grid with `F.interpolate`", "c": "the channels with `F.conv2d`",
}  # fmt: skip

# steps
STEP_CHANNEL = " of channel {i}"
STEP_STAMP = (
    "Input ({row}, {column}){channel} = {value} stamps {value} × kernel, its top left corner at ({top}, {left}). "
)
STEP_STAMP_ROW = (
    "Row {row} of the input{channel}: each of its {n} numbers stamps itself × kernel, {s} cells apart. Overlaps add up."
)
STEP_CROP = "Padding {p} crops {p} on each side of the canvas: {rows}×{columns} remain."
STEP_EMPTY = ("", " Output padding had made it larger at the bottom and right, before the crop: so less is lost there.")
STEP_COPY = "Output ({row}, {column}) copies input ({a}, {b}) = {value}."
STEP_SAMPLE = "Output ({row}, {column}) samples the input at ({y}, {x})"
STEP_CONV = "Output ({row}, {column})"
STEP_TERMS = ", the sum of {n} products: {value}."
STEP_ROW = "Row {row} of the output{channel}: each number is made by itself; point at one to see of what."
STEP_PLACE = "Input ({row}, {column}) = {value} goes to ({a}, {b})."
STEP_ZEROS = "Everything else is 0."
STEP_WEAVE = "The {n} channels at ({row}, {column}) become a block of {r}×{r}, row by row."
STEP_FILTER = {
    "random": "Filter {i} goes over the input, and makes channel {i}.",
    "icnr": "The filter goes over the input and makes channel {i}; all channels come out equal.",
}
STEP_POOL = "{value} is the largest of its window; its index is {index}, the cell ({a}, {b})."
STEP_PUT = "{value} goes back to ({a}, {b}), where the maximum was."
STEP_RESIZE = "First resize, {mode}, by {r}; nothing overlaps. Then an ordinary convolution, number by number."


def overlapping(n: int) -> str:
    """Say in how many cells a stamp meets earlier ones."""
    if n == 0:
        return "Nothing was there before."
    return f"In {n} cell{'s' * (n > 1)} there was something already: it adds up."


# what to notice
NOTICE = {
    "nearest": "Each number becomes a block. Notice that no new number appears: that is why masks are resized so.",
    "nails": "Each number keeps its place at the top left of its block, and zeros fill the rest. A convolution after "
    "it fills the gaps: that is a transposed convolution.",
    "bilinear": "Switch align_corners and watch the dots on the ruler: the same outputs sample other places. Off, the "
    "outermost outputs repeat the edge; on, they hit the corners’ middles.",
    "bicubic": "It reads 4×4 inputs, and some weights are negative: the result may overshoot what was there.",
    "unpool": "Max-pooling keeps **where** each maximum was; unpooling puts numbers back there, with 0 elsewhere. "
    "Change a number in “Put back”: only its value moves, never its place.",
    "transposed": "Point at an output: its inputs and the kernel’s weights light up. Each input stamps the kernel, "
    "times its value; where stamps overlap they add up. Play the steps to see it.",
    "subpixel": "Nothing is computed: f² channels are woven into one grid of f times the size. The network’s "
    "convolution before it makes them, so neighbours come from different filters.",
    "random": "Where the input is flat, the output has a pattern all the same: each number of a block has a filter of "
    "its own. That is the shuffle’s own checkerboard; now choose ICNR filters.",
    "icnr": "All filters begin equal, so each block holds one number: it is nearest-neighbour resizing, and the "
    "pattern is gone. Training moves the filters apart, where that helps.",
    "resize": "Away from the border every output reads as many cells of the resized grid, with the same weights: no "
    "overlap can be uneven, so there is no checkerboard by construction.",
    "conv": "The transposed convolution with the same kernel, stride and padding goes back to a size that this one "
    "could come from (output padding says to which), not to its numbers.",
}  # fmt: skip

NOTICE_SMALLER = {  # where the output has fewer rows or columns than the input
    "nearest": "The output has fewer rows or columns than the input: some are left out, the others are copied. Notice "
    "that no new number appears all the same: that is why masks are resized so.",
    "bilinear": "The output has fewer rows or columns than the input: each output reads only the inputs beside its "
    "sample, and skips those between. Switch align_corners and watch the dots on the ruler.",
}  # fmt: skip

# formulas
ROWS_OF, COLUMNS_OF = ", rows", ", columns"
SIZE_TITLE = "Output size"
FLAT_TITLE = "Each block, on a flat input of 1"
FLAT_NOTE = (
    "The sums of the filters. The numbers differ by **{spread:.4g}**: on a flat input that is the pattern.",
    "The sums of the filters. All are equal: a flat input stays flat.",
)
REST_NOTE = "r is what the pool’s division dropped: the size of the pool’s input says it."
COORDINATE_TITLE = "Where output i samples"
IDENTITY_TITLE = "Its gradient identity"
IDENTITY = (
    "⟨a, b⟩ multiplies two grids cell by cell and sums up; x is the input above, z a grid of whole numbers of the "
    "output’s size. PyTorch’s gradient of ⟨Cz, x⟩ with respect to z is the output above: the largest difference is "
    "{gap:.2g}."
)

# tabs
TAB_TRY, TAB_MATRIX, TAB_TASKS, TAB_DOWNLOAD, TAB_CODE = "Try this", "Matrix", "Tasks", "Download", "Show the code"
TAB_PIN = "Compare with A"
LESSON_HELP = "Every choice of this page, to hand on or to go on later."
LINK_SHORT = (
    "The address of this page leaves out: **{names}**. Its numbers take more than {most:,} characters; save the lesson "
    "file under **Download** to keep them."
)
DOWNLOAD_OUTPUT, DOWNLOAD_TRACE = "Output (.npy)", "Trace (.npz): matrix and shapes"

# the matrix
MATRIX_TITLES = {"transposed": ("C, the convolution", "Cᵀ, the transposed convolution")}
MATRIX_OTHER = ("T, the trace", "Tᵀ, the gradient’s way back")
MATRIX_NOTE = (
    "Each row of T is an output cell, each column a cell of {source}, both counted row by row: output = Tx. Empty "
    "cells are where nothing is read; a 0 that stands there is a weight that happens to be 0."
)
MATRIX_NOTE_TRANSPOSED = (
    "x is the input above: each row of C, and each column of Cᵀ, is one of its cells; the others are the output’s. "
    "Output = Cᵀx, all counted row by row. Empty cells are where nothing is read."
)
MATRIX_SOURCE, MATRIX_SOURCE_BACK = "the input", "“Put back”"
MATRIX_TOO_LARGE = "{rows}×{columns}: too large for a picture too. The trace is under **Download**."
MATRIX_TRANSPOSED = (
    "The **convolution’s** matrix C takes a grid of the output’s size down to the input’s; turned round, it takes the "
    "input up. That is all that “transposed” means: it isn’t the inverse, and it doesn’t bring numbers back."
)
LETTERS_TITLE = "In one dimension, with letters"
LETTERS_NOTE = (
    "One row of the kernel, stride, padding and dilation as above: each column of Cᵀ is a stamp of (a, b, …), and "
    "where two stamps meet, their products add up."
)
MATRIX_PICTURE = "{rows}×{columns}: too large for numbers, so here is its picture."
MATRIX_ALT = "The matrix {title}, {rows} by {columns}, as colours"
MATRIX_WEIGHT = "weight"

# the pin
PIN_NOTE = "Keep the output as A, then move one thing: here are A, B, and B − A."
COST_TIME, COST_PRODUCTS, COST_NUMBERS, COST_TRACE, COST_DEVICE = (
    "Time", "Multiply-adds", "Parameters", "Trace", "Device",
)  # fmt: skip
COST_CPU = "CPU, float64"
PIN_A, PIN_B, PIN_GAP = "A, as kept", "B, as it is now", "B − A"
PIN_OTHER = "A is {a} and B is {b}: of different sizes there is no difference."
PIN_SAYS = "{n} of {all} numbers changed, by {most} at most."

# tasks
TASK_KERNEL = "Find the kernel that makes it bilinear"
TASK_KERNEL_TEXT = (
    "A transposed convolution can do what bilinear interpolation does. Set stride 2 and find the **4×4 kernel and the "
    "padding** with which it doubles every grid bilinearly (away from the border, where stamps are missing)."
)
TASK_SETUP = "Set it up"
TASK_METHOD = "First choose “Transposed convolution” above, with one channel, or press “Set it up”."
TASK_STRIDE = "With stride 1 nothing grows. Take stride 2 or more."
TASK_SIZE = (
    "It must make {want}×{want} of {n}×{n}, and makes {got}×{got2}. Size is (n−1)s − 2p + d(k−1) + op + 1: move the "
    "padding or the kernel’s size."
)
TASK_KERNEL_NO = (
    "Not yet: on a random {n}×{n} grid the inside differs from bilinear by up to **{gap}** (at output ({row}, "
    "{column}): yours {yours}, bilinear {theirs})."
)
TASK_KERNEL_YES = (
    "**Found.** On random grids the inside is bilinear to {gap:.1g}. Along each axis the kernel is 1 − |t − c| / s, a "
    "tent: FCN starts its upsampling layers from it (Shelhamer et al., section 3.3)."
)
TASK_HINT = "A hint"
TASK_HINT_TEXT = (
    "Along one axis, an output between two inputs lies ¼ from one and ¾ from the other, so it needs the weights ¾ and "
    "¼. The kernel in two dimensions is the product of such a column and such a row."
)
TASK_SOLVE = "Show me the kernel"
TASK_OP = "Find out why there is output padding"
TASK_OP_TEXT = (
    "An ordinary convolution of kernel {k}, stride {s}, padding {p} and dilation {d} (as above). Find **two different "
    "input sizes** that it takes to the same output size. Which of them should the transposed convolution go back to?"
)
TASK_OP_ONE = "With stride 1 each input size has an output size of its own. Take stride 2 above, or press “Set it up”."
SIZE_A, SIZE_B = "First input size", "Second input size"
TASK_OP_EQUAL = "These are the same size. Choose two different ones."
TASK_OP_NO = "{a} → {out_a}, but {b} → {out_b}: different outputs. Try sizes closer together."
TASK_OP_YES = (
    "**Found.** Both {a} and {b} become {out}; so do all of {sizes}. Going back from {out}, the transposed convolution "
    "{back}: it only says **which size to go back to**, and adds no information."
)
TASK_OP_BACK = "makes {first}, and output padding {paddings} the others"
TASK_OP_NOTHING = "alone leaves no cell, and output padding {paddings} makes these sizes"

# the code
CODE_NOTE = "These {n} lines give the output above. Save them and run them with Python 3.11 or newer."
CODE_NOTES = {
    "checker": "These {n} lines count the stamps above. Save them and run them with Python 3.11 or newer.",
    "atrous": "These {n} lines give the first layer’s output and the map of paths above, with Python 3.11 or newer.",
    "roi": "These {n} lines give both results above, on the same feature map, with Python 3.11 or newer.",
    "rebuild": "These {n} lines bring the picture back by way A, with Python 3.11 or newer.",
}
CODE_MASK = "There is a script for pictures: choose “Picture” above. A mask goes up in the same way, label by label."
DOWNLOAD_COUNTS, DOWNLOAD_PATHS = "Stamps on each cell (.npy)", "Map of paths (.npy)"
DOWNLOAD_ORIGINAL, DOWNLOAD_LABELS = "Original, as used here (.png)", "Labels, as used here (.npy)"
DOWNLOAD_WAY, DOWNLOAD_MAP = "Way A (.npy)", "Feature map (.npy)"
DOWNLOAD_POOL, DOWNLOAD_ALIGN = "RoIPool (.npy)", "RoIAlign (.npy)"
