"""Words of the labs of the page "Architectures" that need the small networks' trained weights."""

GONE = "The lab “{lab}” needs networks that aren't trained on this installation; here are the diagrams."
PICTURE = "Number of the street"
TRUTH, INPUT = "The truth", "The picture"
MEAN, EDGES = "Mean IoU", "Boundary IoU"
COLUMNS = ("", MEAN, EDGES)
ALT = "{title}: its answer for drawn street {n}, as colours over the picture"
ALT_TRUTH = "The truth of drawn street {n}, as colours over the picture"

# FCN-32s, 16s, 8s
F_INTRO = (
    "One encoder, one recipe; what differs is the finest map that is asked: stride 32, 16 or 8. Follow the dog, and "
    "the sign behind it; lamp posts and wires are too thin for all three."
)
F_NOTICE = (
    "Of this street: boundary IoU {a:.3f}, {b:.3f} and {c:.3f}. Each skip adds scores of a map twice as fine; over all "
    "test streets the cards say {cards}."
)
F_SEEDS, F_NOTHING = "{cards} (± half the range over the seeds)", "nothing of it"

# skips on and off
C_INTRO = (
    "The trained U-Net, and the same weights with some skips **cut**: zeros go across in their place. It never learnt "
    "to do without, and zeros upset what comes after them as well: this shows what it relies on, not what a network "
    "without that skip could learn (the plain encoder-decoder under “Quality and cost” is one)."
)
C_CUT = "Cut the skip at stride {s}"
C_WITH, C_WITHOUT = "All skips", "With cuts: {strides}"
C_NONE = "none yet"
C_NOTICE = "Boundary IoU goes from {a:.3f} to {b:.3f}, mean IoU from {c:.3f} to {d:.3f}."
C_OVERALL = "Over {n} streets: boundary IoU {a:.3f} → {b:.3f}, mean IoU {c:.3f} → {d:.3f}."
C_ASK = "Cut one: which one do boundaries need most?"

# failures
X_INTRO = "Of {n} test streets, the three on which two networks' mean IoU differs most."
X_A, X_B = "Network A", "Network B"
X_ROW = "Street {key}: {a} {p:.3f}, {b} {q:.3f}"
X_GONE = "{wanted} can't be shown here: it reads no pictures, or isn't trained on this installation. Here is {now}."
X_SAME = "Choose two different networks."
X_ONE_SIDED = "On {wins} of {n} streets A is the better one."

# size of things
S_INTRO = (
    "The same streets, drawn four times: all things at 8–16 px, at 16–32, at 32–64 and at 64–128. How far down does a "
    "network still find them?"
)
S_AXES = ("Longer side of the things, px", "IoU of things")
S_WHO = "Networks"
S_BASELINE = "Without a network: colour look-up"
S_NOTICE = (
    "At stride 32 a thing of 16 px has a quarter of a cell for its own, and its neighbours' colours in the rest. Bars "
    "are the range over seeds, where there are several."
)
S_NONE = "Choose at least one network."

# the zoo
Z_INTRO = (
    "Every small network, one recipe, the same drawn streets: what quality costs. Bars are the range over seeds, where "
    "there are several."
)
Z_X, Z_Y = "Across", "Upwards"
Z_COSTS = {
    "parameters": "Parameters", "macs": "Multiply-adds", "activation_bytes": "Memory in training, bytes",
    "ms": "Time on the CPU here, ms", "field": "Receptive field, px", "stride": "Output stride, px",
}  # fmt: skip
Z_QUALITIES = {
    "test/mean_iou": "Mean IoU", "test/boundary_iou": "Boundary IoU", "thin/thin_recall": "Thin structures found",
    "context/alike_iou": "IoU of classes told by context alone", "8-16/things_iou": "IoU of things, 8–16 px",
    "16-32/things_iou": "IoU of things, 16–32 px", "32-64/things_iou": "IoU of things, 32–64 px",
    "64-128/things_iou": "IoU of things, 64–128 px",
}  # fmt: skip
Z_ALL = Z_COSTS | Z_QUALITIES
Z_WHO = "Point out"
Z_SAME = "Choose two different columns."
Z_ONCE = (
    "A dot without a bar was trained once; another seed may give up to three hundredths more or less, of things by "
    "size up to nine, so that close ones aren't ranked by this."
)
Z_NAMES = (
    "Names stand at those pointed out and, where there is room, at those that none beats; the others tell theirs when "
    "touched."
)
# By what is better across and upwards: less (-1) or more (1).
Z_NOTICES = {
    (-1, 1): "A network is worth its cost where none lies above it and to its left.",
    (1, -1): "A network is worth its cost where none lies below it and to its right.",
    (1, 1): "A network is better on both where it lies above another and to its right.",
    (-1, -1): "A network is cheaper in both where it lies below another and to its left.",
}
Z_PATCH = (
    "The sliding window stands at what its numbers cost in one pass with dilated kernels; window by window, as it was "
    "published, it takes many times that (the lab “Sliding window” measures both)."
)
Z_MS = (
    "Time: the median of {n} passes of one picture of 128×128, measured on this machine's CPU when first asked for; "
    "whatever else it does makes it longer."
)
Z_STRIDE = "Output stride: that of the finest map of scores, before it is enlarged to the picture's size."
Z_WHOLE = "An open mark and a +: besides this window there is a path from the whole picture, such as a mean over it."
Z_UNKNOWN = "Not in the chart, because it isn't known there: {names}."
Z_MEASURES = "All networks are measured, once"
Z_BASELINE = "Without a network: {name}"
Z_BASELINES = (
    "Dashed: what takes no network, the commonest class everywhere, or for each colour the class it mostly has."
)

# what is claimed
Q_TITLE = "**What the course claims, measured here**"
Q_HEADS = ("Claim", "", "Difference ± spread")
Q_CLAIM = "**{higher}** beats **{lower}** on {what}"
Q_WHAT = {
    "mean IoU": "mean IoU", "boundary": "boundaries", "8–16": "things of 8–16 px", "16–32": "things of 16–32 px",
    "32–64": "things of 32–64 px", "64–128": "things of 64–128 px", "thin": "thin structures",
    "context": "classes told by context",
}  # fmt: skip
Q_SHOWS, Q_NOT = ":material/check:", ":material/remove:"
Q_NOTE = (
    ":material/check: shows: every training of the one scores above every training of the other. :material/remove: "
    "doesn't. Spread: half the ranges of both over their seeds, added. Thin structures are all parts of any class up "
    "to 2 px wide, slivers of sky between branches too, not wires and lamp posts alone. The plain encoder-decoder goes "
    "up by one convolution a step where U-Net has two: as many weights, but not its twin in all else."
)
Q_LONGER = (
    "All had the same number of steps, which isn't the same as enough. Mean IoU with more steps, one training each: "
    "{each}."
)
Q_LONGER_EACH = "{title} {before:.3f} → {after:.3f} ({times}×)"
# Why a claim doesn't show, by the column of `bench zoo`, the weaker network and the stronger one.
WHY: dict[tuple[str, str, str], str] = {
    ("context", "fcn-fine", "fcn-dilated"): (
        "Why not: both keep stride 8, and without dilation each place sees 63 px to all sides already, half a street "
        "of 128: what tells these classes apart isn't farther away. On these streets, where the pavement has the "
        "road's surface, both find nearly as much of it as on ordinary ones. A view of 19 px to all sides isn't "
        "enough for that: the sliding window loses a fifth of its pavement; over all these classes it is ahead for its "
        "map alone, which is eight times as fine. The gain over stride 32, below, is the finer map's too."
    ),
}
