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
WHAT = "Picture"
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
NODES = {"input": "input", "output": "output", "sum": "sum", "concat": "concatenation"}
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

# in short: where it happens
PAPER = "{authors}, [{where}]({url}), {figure}"
PAPER_PLAIN = "{authors}, {where}, {figure}"
SHORT = "**In short.** {where} *Mended:* {fixed} *Lacks:* {lacks} ({paper}, {year})"
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

# the weights
TRAINED = "Weights: **{title}**, trained ({data})."
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
FOREIGN = "It was trained on {data}; on other pictures its maps tell less."

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
FIELD_EFFECTIVE = "Effective: 95 % of the gradient within a disc of radius {radius:.0f} px"
FIELD_HALF = "Within half of the box"
FIELD_HALF_HELP = (
    "The share of |∂y/∂x| in a box of half the height and half the width, a quarter of the area, around the middle."
)
FIELD_EVEN = "an even field would have {even:.0%}"
FIELD_BOX = "Theoretical field"
FIELD_RADIUS = "Effective radius"
FIELD_ALT_BOX = "{title}, with the theoretical receptive field of {name} as an orange box of {h} by {w} pixels"
FIELD_ALT_HEAT = (
    "The gradient of the middle of {name}, bright where a pixel moves it, with the same box and one of half its sides"
)
FIELD_NOTICE = (
    "The box is what could matter, the bright blob what does: paths to the middle of the box are many, to its rim few "
    "(Luo et al. 2016, [arXiv:1701.04128](https://arxiv.org/abs/1701.04128)). Training, dilation and skips widen it."
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
TIME_HERE = "**Measured here**, small networks on drawn scenes (test split), one recipe for all:"
TIME_HERE_COLUMNS = ("Architecture", "Mean IoU", "± over seeds")
TIME_NOT_YET = (
    "The small networks haven't been trained on this installation, so there is nothing measured here to set beside."
)

# code
CODE_NOTE = "`{module}`, the network's own file, {lines} lines; it reads without its neighbours."
CODE_ENCODER = "Its encoder"
CODE_PY = "This file (.py)"
CODE_PICTURE = "It reads picture.png, which is under “Download & lesson”."
PICTURE_PNG = "Picture (.png)"
MAPS_NPZ = "Maps (.npz)"
STAGES_CSV = "Stages (.csv)"
DIAGRAM_SVG = "Diagram (.svg)"
DOWNLOAD_NOTE = (
    "The maps are those shown, strongest first, in units of the largest value of all; the diagram takes its colours "
    "from the page."
)

# lesson, cost
LESSON_HELP = "All choices of this page, with your own picture if there is one."
COST_NOTE = "Of the maps' forward pass on the CPU; the diagram itself takes no forward pass."
COST_KEPT = "The maps were kept from before: this view ran no network."
COST_DRAWN = "Diagram"

# labs
LAB = "Lab"
LABS = {
    "net": "Networks", "window": "Sliding window", "separable": "Separable convolution", "aspp": "ASPP rates",
    "slopes": "Skips and gradients", "spp": "Any input size", "strides": "FCN at three strides", "cut": "Skips cut",
    "differ": "Where two differ", "scatter": "Quality and cost",
}  # fmt: skip
