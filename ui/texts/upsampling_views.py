"""Words of the atrous and RoI labs of the page "Upsampling"."""

EQUAL, DIFFERS = "equals PyTorch", "differs from PyTorch by {most:.1g}"
DIFFERS_VISION = "differs from torchvision by {most:.1g}"
STAYS = "{error} Below is still {last}."

# Atrous convolution: one layer
A_INTRO = (
    "**Atrous (dilated) convolution** pulls the taps of a kernel apart and leaves holes between them: it sees more "
    "with the same weights, at full resolution. Point at an output to see which inputs it reads."
)
A_KERNEL, A_RATE = "Kernel size k", "Rate r"
A_KERNEL_HELP = "Of every layer in this lab."
A_RATE_HELP = "Cells from one tap to the next. 1 is the ordinary convolution."
A_FORMULA = r"y[i] = \sum_k x[i + r \cdot k]\, w[k]"
A_SPAN = r"k_{\mathrm{eff}} = k + (k - 1)(r - 1)"
A_SPAN_FILLED = r"k_{{\mathrm{{eff}}}} = {k} + ({k} - 1)({r} - 1) = {span}"
A_SIZE_FILLED = r"\mathrm{{out}} = \mathrm{{in}} - k_{{\mathrm{{eff}}}} + 1 = {side} - {span} + 1 = {out}"
A_INPUT, A_LAID, A_OUTPUT = "Input", "Kernel with its holes", "Output"
A_GRID = "Atrous convolution on a small grid"
A_STEP = "Output ({row}, {column}) reads rows {rows} and columns {columns}: taps {apart}."
A_APART = ("1 cell apart, without holes", "{r} cells apart, {holes} between them")
A_HOLES = ("1 hole", "{n} holes")
A_LAST = "kernel {k}×{k} at rate {r}"
A_REFUSED = "A kernel of {k} at rate {r} doesn’t fit: {error}"
A_SLIP = (
    "What to notice: {weights} weights, whatever the rate. Some lecture slides say that the taps are r − 1 apart; they "
    "are **r apart, with r − 1 zeros between them**."
)
A_BACK = "Back to the first numbers"

# stacks of rates
S_TITLE = "Stacks of rates, and gridding"
S_RATES = "Rates, layer by layer"
S_RATES_HELP = "1 to {layers} layers, with commas: 2, 2, 2. All have the kernel size from above."
S_TRY = ("2,2,2", "1,2,5", "1,2,9", "1,2,4,8")
S_WANTED = "`{value}` is no stack: it must be {error}."
S_LARGE = (
    "Rates {rates} span 1 + {steps} · {total} = {size} cells a side; at most {most} are drawn. Take smaller rates or "
    "fewer layers."
)
S_LAST = "the stack {rates} with kernel size {k}"
S_FIELD, S_SHARE, S_WEIGHTS = "Receptive field", "Share of holes", "Weights (one channel)"
S_CELLS, S_PERCENT = "{size}×{size}", "{percent:.1f} %"
S_MAP, S_MAP_ONE = "Rates {rates}", "The same layers at rate 1"
S_PATHS, S_HOLES, S_HOLE, S_SEEN = "paths", "Holes", "hole: never read", "read"
S_MAP_ALT = (
    "How many paths lead from each input cell to the output in the middle, rates {rates}: {size} by {size} cells, "
    "{share:.0%} of them holes."
)
S_MAP_NOTE = (
    "Each cell: how many paths lead from it to the output in the middle, from 1 to {most:,} (left) and {most_one:,} "
    "(right). A path takes one tap of each layer."
)
S_GRIDDING = (
    "**{share:.1%} of the {size}×{size} cells are holes: the output never reads them.** That is **gridding**. "
    "An output shares **{shared:.0%}** of its cells with its neighbour; the fewer, the less they need to agree."
)
S_NO_GRIDDING = (
    "**No holes: every one of the {size}×{size} cells is read**, with as many weights as {layers} ordinary layers, "
    "which see {one}×{one}."
)
S_LAYERS = "Layer by layer: how the receptive field grows"
S_TABLE = ("Layer", "Rate", "Spans", "Field", "Jump", "Field, rate 1", "Field, stride 2", "Jump, stride 2")
S_CHART = ("Layer", "Receptive field (cells a side)")
S_LINES = ("these rates", "rate 1", "rate 1, stride 2")
S_CHART_NOTE = (
    "**Field**: cells a side that an output spans. **Jump**: how far apart two neighbouring outputs look. Striding "
    "makes the field grow too, but its outputs come to lie {jump} cells apart; with rates they stay 1 apart."
)
S_FIELD_FILLED = r"R = 1 + \sum_l (k - 1)\, r_l = 1 + {steps} \cdot ({sum}) = {size}"

# on a picture
P_TITLE = "Seen on a picture"
P_PATTERN = "What goes through"
P_PATTERNS = {"lines": "Thin lines and a point", "point": "One point", "photo": "Your picture"}
P_PANES = ("In", "Out: rates {rates}", "Out: the same layers at rate 1")
P_ALT = (
    "{what}, in grey, {w} by {h} pixels.",
    "The same after {n} averaging layers of rates {rates}.",
    "The same after {n} averaging layers of rate 1.",
)
P_NOTE = (
    "Every layer takes the mean of its {k}×{k} taps; both results are made {gain:.3g} times brighter. How far a pixel "
    "lies from the middle of its two neighbours, on average: **{before:.2f}** grey levels before, **{after:.2f}** "
    "after these rates, **{one:.2f}** after rate 1."
)
P_SEEN = {
    "lines": "A thin line comes out as a comb where there are holes: zoom in.",
    "point": "One point comes out as the map of paths above.",
    "photo": "Where rates leave holes, a photo comes out with a fine weave at edges: zoom in.",
}

# shift-and-stitch
T_TITLE = "Shift-and-stitch: the same as dilating"
T_INTRO = (
    "A network with a stride gives a coarse map. **Shift-and-stitch** runs it on every shift of its input and "
    "interlaces the answers; taking the stride out and dilating what follows gives the same map at once."
)
T_FACTOR = "Stride of the coarse network"
T_NET = (
    "The coarse network: a 3×3 blur with stride {f}, then a 3×3 Laplacian. The dilated one: the blur with stride 1, "
    "then the Laplacian at rate {f}."
)
T_PANELS = ("Your picture, {n}×{n}, in ten grey levels", "Coarse, shifted", "Stitched", "Dilated network")
T_GRID = "Shift-and-stitch"
T_STEP = (
    "Shift ({a}, {b}): run on the picture without its first {a} rows and {b} columns. The coarse answer goes to rows "
    "{rows} and columns {columns}."
)
T_SAME = "Largest difference between stitched and dilated, over {n} outputs: **{most:g}**."

# RoIPool and RoIAlign
R_INTRO = (
    "A detector cuts a box out of a coarse feature map as a grid of fixed size. **RoIPool** rounds the box to cells, "
    "then its bins; **RoIAlign** rounds nothing and samples. Drag a box, or set it by its numbers."
)
R_EDGES = ("x₁", "y₁", "x₂", "y₂")
R_EDGE_HELP = "In pixels of the picture, made {side} long as a network would get it."
R_BINS, R_STRIDE, R_SAMPLES, R_ALIGNED = "Bins a side", "Stride of the feature map", "Sampling ratio", "Aligned"
R_STRIDE_HELP = "Pixels of the picture for each cell of the map."
R_SAMPLES_HELP = "Sample points along each axis of a bin. 0: as many as it has cells, rounded up."
R_ALIGNED_HELP = (
    "On: pixels have their middle at half coordinates. Off: RoIAlign as it was first published in code, half a cell "
    "off."
)
R_MAP = "Feature map"
R_MAPS = {"photo": "The picture, mean grey of each cell", "places": "Places: 100·row + column"}
R_MORE = "More: sampling ratio, aligned, what the map holds"
R_LAST = "the box from ({0:g}, {1:g}) to ({2:g}, {3:g})"
R_TRUE, R_ROUNDED, R_BIN, R_POINT, R_CHOSEN = (
    "true box", "RoIPool: rounded box", "RoIPool: its bins", "RoIAlign: sample points",
    "samples of the bin written out",
)  # fmt: skip
R_DRAWN = "Boxes"
R_PICTURE_ALT = (
    "{alt}, with the true box, the box that RoIPool rounds it to and its bins, and RoIAlign’s sample points. Drag a "
    "box to set another."
)
R_OFF_POOL, R_OFF_ALIGN = "RoIPool is off by", "RoIAlign is off by"
R_PX = "{n:.1f} px"
R_OFF_HELP = "The largest distance of an edge of the box or of a bin from where it should be, in pixels of the picture."
R_OFF_HELP_ALIGN = "The largest distance of an edge of its box from where it should be, in pixels of the picture."
R_NOTICE = (
    "RoIPool’s box: x₁ {0:+.1f}, y₁ {1:+.1f}, x₂ {2:+.1f}, y₂ {3:+.1f} px from the true one; a cell is {stride} px. "
    "RoIAlign’s: {4:+.1f}, {5:+.1f}, {6:+.1f}, {7:+.1f} px."
)
R_PLACES_NOTE = (
    "On this map a number says where it was read: RoIAlign’s is the bin’s middle, and RoIPool’s its last cell. Where a "
    "bin reaches beyond the middle of the map’s outermost cells, its samples are moved back there, or are 0."
)
R_SCALED = (
    r"\begin{{aligned}} &({0:g},\ {1:g},\ {2:g},\ {3:g})\ /\ {stride} \\ "
    r"&= ({4:.4g},\ {5:.4g},\ {6:.4g},\ {7:.4g}) \\ "
    r"&\to ({8},\ {9},\ {10},\ {11})\ \text{{in RoIPool}} \end{{aligned}}"
)
R_ROUNDED_NOTE = (
    "RoIPool’s first rounding: columns {0} to {2}, rows {1} to {3}, the last ones within it. Its second: each bin’s "
    "edges outwards to whole cells, so bins may overlap. The badges: compared with torchvision.ops.roi_pool and "
    "roi_align just now."
)
R_GRID = "RoIPool against RoIAlign"
R_PANELS = ("Feature map", "RoIPool", "RoIAlign")
R_STEP_BOX = "The box in cells: from {0:.2f} to {2:.2f} across, from {1:.2f} to {3:.2f} down. Nothing is rounded yet."
R_STEP_ROUND = "RoIPool rounds once: columns {0} to {2} and rows {1} to {3}, the last ones within it."
R_STEP_POOL = (
    "RoIPool rounds again: bin ({i}, {j}) takes rows {rows} and columns {columns} whole; the largest is {value:.4g}."
)
R_STEP_NONE = "RoIPool: bin ({i}, {j}) has no cell on the map, so it is 0."
R_STEP_ALIGN = "RoIAlign: bin ({i}, {j}) is the mean of {n} samples between cells: {value:.4g}."
R_TO = "{0} to {1}"
R_ONE_BIN = "One bin, written out"
R_ROW, R_COLUMN = "Row of the bin", "Column of the bin"
R_SAMPLE = (
    r"f(y, x) = (1 - d_y)(1 - d_x)\, f_{00} + (1 - d_y)\, d_x\, f_{01} + d_y (1 - d_x)\, f_{10} + d_y\, d_x\, f_{11}"
)
R_SAMPLE_FILLED = r"f({y:.4g}, {x:.4g}) = {terms} = {value:.5g}"
R_TERM = r"{w:.4g} \cdot {f:.4g}"
R_OUTSIDE = r"f({y:.4g}, {x:.4g}) = 0 \quad \text{{(beyond the map)}}"
R_MEAN = r"\mathrm{{bin}}_{{{i}{j}}} = \frac{{1}}{{{n}}} ({terms}) = {value:.5g}"
R_MEAN_MANY = r"\mathrm{{bin}}_{{{i}{j}}} = \frac{{1}}{{{n}}} \sum_{{s=1}}^{{{n}}} f_s = {value:.5g}"
R_POOLED = "**RoIPool**, bin ({i}, {j}): the largest number of rows {rows} and columns {columns}, **{value:.5g}**."
R_ALIGNED_BIN = "**RoIAlign**, bin ({i}, {j}): the mean of {n} samples, each from the four cells around it."
R_COLUMNS = ("Sample (y, x)", "Cells (row, column) with their weights", "Value")
R_CORNER = "({r}, {c}) × {w:.3g}"
R_MORE_SAMPLES = "The first {shown} of {n} samples."
R_INSIDE = "What a detector does with it: “Inside Mask R-CNN” on the page Compare tasks."
