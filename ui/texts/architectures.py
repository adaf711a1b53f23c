"""Words of the page "Architectures": the diagram, its stages, what is measured of them."""

TITLE = "Architectures"
QUESTION = "What does each part of a network make, cost and see?"
TEASER = "Open any network of the course: its diagram measured from the real module, its feature maps on your picture."
ICON = ":material/schema:"

# choosing
ARCH = "Architecture"
VERSUS = "Compare with"
NONE = "nothing"
BUILD = "Size"
BUILDS = {"small": "small", "paper": "as published"}
TRAINED_AS = "{title}, trained"
OWN_TITLE = "StreetNet (ours)"
SOURCES = {"scene": "Drawn street", "photo": "Photo"}
ANOTHER = "Another street"
SHADE = "Shade the stages by"
SHADES = {"": "nothing", "parameters": "parameters", "macs": "multiply-adds", "activation_bytes": "memory in training"}
RANDOM = "Random weights instead of the trained ones"
NO_SUCH_SIZE = "{title} isn't here {wanted}; it is shown {now}."

# the diagram
DIAGRAM = "Diagram of {title}"
DIAGRAM_HELP = (
    "Click a stage, or go there with Tab and the arrow keys and press Enter. A slab is as tall as its map is high and "
    "as thick as it has channels, both logarithmic; **+** adds maps, **∥** lays them side by side."
)
DIAGRAM_DESC = (
    "{kind}, with {stages} stages. Input {input}, output {output}. Maps are added up at {sums} places and laid side by "
    "side at {concats}."
)
KINDS = {
    "line": "A row of stages", "u": "A U: down on the left, up on the right",
    "hourglass": "An hourglass: down, and up again in its mirror image", "stairs": "Stairs down, and one step up",
    "fan": "A fan: one map is read by several branches side by side", "columns": "Two columns with bridges between",
    "rows": "Parallel rows, one for each resolution, that exchange", "detector": "A pyramid with two heads",
}  # fmt: skip
NODES = {
    "input": "input", "output": "output", "sum": "sum", "concat": "concatenation", "align": "RoIAlign",
    "found": "boxes, classes",
}  # fmt: skip
FOUND, PROPOSALS, BOXES = "28×28 masks", "proposals", "boxes"
FOR_BOXES = "for {n} boxes"
DETECTOR_NOTE = (
    "Which boxes are cut out is decided while it runs, so **proposals**, **boxes** and the output are drawn by hand; "
    "all else is measured. The heads' multiply-adds are for {proposals} proposals and {objects} objects, the most "
    "there are; training takes other numbers of them, so its memory isn't known."
)
JOINS = {"sum": "Sum", "concat": "Concatenation"}
STAGE_ALT = "{name}, {kind}: {size}, {parameters} parameters, {macs} multiply-adds"
LINE_ALT = "from {source} to {target}: {size}"
INDICES = " (where the maxima were)"
OPERATIONS = {
    "MaxPool2DWithIndices": "max-pool", "AvgPool2D": "mean", "AdaptiveAvgPool2D": "mean", "Mean": "mean",
    "UpsampleBilinear2D": "enlarged, bilinear", "UpsampleNearest2D": "enlarged, nearest", "Slice": "cropped",
    "ReplicationPad2D": "padded", "ReflectionPad2D": "mirrored beyond its edges", "Index": "mirrored beyond its edges",
    "IndexSelect": "mirrored beyond its edges", "ReplicationPad3D": "padded", "ConstantPadNd": "padded",
}  # fmt: skip
DOTS = {"hear": "+", "shrink": "↓"}

# the weights
TRAINED = "Weights: **{title}**, trained on {data}."
UNTRAINED = (
    "Weights: **random** (seed {seed}); nothing here is learnt. Maps still show edges, because even a random 3×3 "
    "kernel "
    "answers differently where colours change; that they mean something is what training adds."
)
UNTRAINED_YET = "This network hasn't been trained on this installation yet. "
NO_WEIGHTS = (
    "As published it is measured without weights ({parameters} parameters would take {bytes}): choose the small size "
    "for its maps."
)
FOREIGN = "It was trained on those data; on other pictures, such as this one may be, its maps tell less."
OTHER_SIZE = "It is shown the picture at {seen} px (shorter side) here; in training that was {trained} px."

# the question
ASK = (
    "**Predict first.** This U-Net has {parameters} parameters, and training it keeps {memory} of activations for one "
    "picture of {size}. Where are most of the **weights**, and where is most of that **memory**?"
)
ANSWERS = {
    "split": "Weights at the bottom, memory at the top",
    "bottom": "Both at the bottom of the U",
    "top": "Both at the top of the U",
}
SKIP = "Just show it"
RIGHT, WRONG = "That is what you said.", "You said “{said}”."
REVEALED = (
    "{verdict} The two lowest scales hold **{weights:.0%}** of the weights, the two highest keep **{memory:.0%}** of "
    "the memory. Halving a map quarters its cells, while doubling its channels makes four times as many weights."
)

# a stage
STAGE = "**`{name}`** ({kind})"
STAGE_RUN = "**`{name}`** ({n} parts from `{first}` on, each {kind})"
OUT = "Output C×H×W"
PARAMETERS = "Parameters"
MACS = "Multiply-adds"
FIELD = "Receptive field"
MEMORY = "Training memory"
OF_ALL = "{share:.1%} of all"
STRIDE = "stride {stride:g}"
WHOLE = "the whole picture"
FIELD_HELP = "The input pixels from which there is a path to the middle of this map, whatever the weights are."
FIELD_WHOLE_HELP = "Besides this window there is a path from the whole picture, such as a mean over it."
MEMORY_HELP = (
    "What this stage keeps of one picture, in float32, from the forward pass until the backward pass needs it."
)
UNKNOWN = "not known"
CHOOSE = "Stage"
MAPS = "Maps shown"
MAPS_TITLE = "**Its maps** on {title}, the {n} of {of} channels that differ most from place to place"
MAP = "channel {k} · spread {spread:.2g}"
MAP_ALT = "Channel {k} of {name} on {title}: bright where it is high"
MAPS_NOTE = (
    "Each map has its own scale, from its lowest (dark) to its highest value. Spread: standard deviation over the map."
)
MAPS_SLICE = "The input is a drawn volume of blobs and tubes; shown is the slice in the middle."
NO_MAPS = "No maps: {why}"
NO_MAP = "this part gives plain numbers for each box. Choose another."

# the table
TABLE = "All stages as a table"
COLUMNS = ("Stage", "Kind", "Output C×H×W", "Parameters", "Multiply-adds", "Sees", "Stride", "Memory in training")
TOTAL = "whole network"
TABLE_NOTE = (
    "Of one picture; between the named stages the network only adds, joins and resizes. Measured on “meta” tensors, "
    "which have shapes but no numbers."
)
OFFER_TABLE = "Table (.csv)"

# two
DIFFERENCE = "The two, measured"
INPUTS_DIFFER = "Their inputs differ in size, and multiply-adds and memory with them."
DIFFERENCE_COLUMNS = ("", "A: {a}", "B: {b}", "B / A")
INPUT_SIZE = "Input"
STRIDES = "Output stride: finest scores · coarsest map"
RATIO = "{ratio}×"

# tabs
TAB_TRY, TAB_FIELD, TAB_CODE = "Try it", "Receptive field", "Show the code"
TAB_TIME, TAB_DOWNLOAD = "Published results", "Download & lesson"

# receptive field
FIELD_INTRO = (
    "What the middle of **`{name}`** can see, and what it does look at: |∂y/∂x|, the gradient of its middle cell."
)
FIELD_SEEN = "Theoretical: {h}×{w} px of {size}"
FIELD_EFFECTIVE = "Effective: 95 % of the gradient lies in as many pixels as a disc of radius {radius:.0f} px has"
FIELD_HALF = "Within half of the box"
FIELD_HALF_HELP = (
    "The share of |∂y/∂x| in a box of half the height and half the width, a quarter of the area, around the middle."
)
FIELD_EVEN = "an even field would have {even:.0%}"
FIELD_BOX = "Theoretical field"
FIELD_RADIUS = "Effective radius"
FIELD_RADIUS_HELP = (
    "Of a disc as large as the smallest set of pixels, wherever they lie, that holds 95 % of the gradient."
)
FIELD_ALT_BOX = "{title}, with the theoretical receptive field of {name} as an orange box of {h} by {w} pixels"
FIELD_ALT_HEAT = (
    "The gradient of the middle of {name}, bright where a pixel moves it, with the same box and one of half its sides"
)
FIELD_NOTICE = (
    "The box is what could matter, the bright blob what does: paths to the middle of the box are many, to its rim few "
    "(Luo et al. 2016, [arXiv:1701.04128](https://arxiv.org/abs/1701.04128)). Training, subsampling "
    "and dilation widen it; skip connections make it smaller."
)
FIELD_NONE = "This stage gives no map, so it has no middle to look from: choose another."
FIELD_PAPER = "The gradient needs weights: choose the small size."
FIELD_VOLUME = "Of volumes only the numbers above are shown."
FIELD_DETECTOR = "A detector's heads look where it finds something; choose a stage of its backbone."
FIELD_CALLS = "This part runs several times in one pass, so “its middle” is not one place: choose a stage beside it."
FIELD_SCALE = (
    "Orange: the theoretical field, as far as it lies in the picture; white: half of its sides. Brightness is the "
    "square root of the gradient."
)
FIELD_ZERO = "No pixel moves it: its gradient is 0 here."

# timeline
TIME_INTRO = (
    "Published mean IoU on test sets, each as its paper printed it; the numbers aren't comparable with small "
    "networks trained here."
)
TIME_COLUMNS = ("Network", "Year", "Data, split", "Mean IoU", "Trained before on", "Source")
TIME_AXES = ("Year", "Mean IoU, %")
TIME_NOTE = "Every point has its own pre-training, so a step up isn't the architecture's alone: read the fifth column."
TIME_STREETS = (
    "**Measured here on CamVid:** {scores} on `val`, trained on `train` alone and on no other pictures; on a drive "
    "that the network never saw it is less (in brackets: short trainings, each with one drive left out). Its `test` "
    "pictures aren't part of the data used here, so the published 66.9 stands beside it, not above or below it."
)
TIME_STREET = "{title} {score:.1f} % ({others})"
TIME_HERE = "**Measured here**, small networks on drawn scenes (test split), one recipe for all:"
TIME_ONCE = "one seed"
TIME_HERE_COLUMNS = ("Architecture", "Mean IoU", "± over seeds")
TIME_NOT_YET = (
    "The small networks haven't been trained on this installation, so there is nothing measured here to set beside."
)

# code
CODE_NOTE = "`{module}`, the network's own file, {lines} lines; it reads without its neighbours."
NOT_SHOWN = "Of the link's choice not shown: {names}. At most {most} can be, of those that are trained here."
KIN = "Kin: UNet++ and Attention U-Net"
KIN_PLUS_ALT = "UNet++: a triangle of nodes; each reads all before it in its row and the one below"
KIN_PLUS = (
    "**UNet++** ([arXiv:1807.10165](https://arxiv.org/abs/1807.10165), fig. 1). Node i, j stands at stride 2ⁱ: two "
    "convolutions on all maps before it in its row (dashed: past a neighbour) and on the one below it, enlarged. The "
    "filled ones are a U-Net's; those between turn its skips into paths on which fine maps meet coarse ones step by "
    "step. With a loss at each node of the top row, whole columns can be left out afterwards."
)
KIN_GATE_ALT = "Attention gate: skip and coarser map are added, and what comes of it weighs the skip"
KIN_GATE = (
    "**Attention U-Net** ([arXiv:1804.03999](https://arxiv.org/abs/1804.03999), fig. 2): a gate on each skip. The skip "
    "x and the coarser map g, each through a 1×1 convolution, are added; ReLU, 1×1 and a sigmoid σ make of it one "
    "weight α in 0..1 for each place, enlarged to x and multiplied with it: what the coarse map has no use for stays "
    "behind. Neither is trained here."
)
CODE_MORE = "`{module}`, which it is built with, {lines} lines."
CODE_PY = "This file (.py)"
CODE_PICTURE = "It reads picture.png, which is under “Download & lesson”."
PICTURE_PNG = "Picture (.png)"
MAPS_NPZ = "Maps (.npz)"
STAGES_CSV = "Stages (.csv)"
DIAGRAM_SVG = "Diagram (.svg)"
DOWNLOAD_NOTE = (
    "The maps are those shown, strongest first, in units of the largest value of all; the diagram is shaded as above, "
    "in the colours of the light theme."
)

# lesson, cost
LESSON_HELP = "All choices of this page, with your own picture if there is one."
COST_NOTE = (
    "Time and peak memory (computed: weights and intermediate results) are of the maps' forward pass; the diagram "
    "takes none."
)
COST_KEPT = "The maps were kept from before: this view ran no network. Time, memory and device are those of then."
DEVICES = {"cpu": "CPU", "cuda": "GPU", "mps": "Apple GPU (MPS)"}
COST_DRAWN = "Diagram"

# labs
LAB = "Lab"
LABS = {
    "net": "Networks", "window": "Sliding window", "flat": "Full resolution",
    "separable": "Separable convolution", "aspp": "ASPP rates",
    "slopes": "Skips and gradients", "top": "Top of the U",
    "spp": "Any input size", "strides": "FCN at three strides", "cut": "Skips cut",
    "sizes": "Size of things", "differ": "Where two differ", "scatter": "Quality and cost",
}  # fmt: skip
