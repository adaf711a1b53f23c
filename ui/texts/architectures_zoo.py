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
    "One encoder, one recipe; what differs is the finest map that is asked: stride 32, 16 or 8. Follow a lamp post."
)
F_NOTICE = (
    "Of this street: boundary IoU {a:.3f}, {b:.3f} and {c:.3f}. Each skip adds scores of a map twice as fine; over all "
    "test streets the cards say {cards}."
)

# skips on and off
C_INTRO = (
    "The trained U-Net, and the same weights with some skips **cut**: zeros go across in their place. It never learnt "
    "to do without, so this shows what each skip carries, not what a network without it could learn."
)
C_CUT = "Cut the skip at stride {s}"
C_WITH, C_WITHOUT = "All skips", "With cuts: {strides}"
C_NONE = "none yet"
C_NOTICE = "Boundary IoU goes from {a:.3f} to {b:.3f}, mean IoU from {c:.3f} to {d:.3f}."
C_ASK = "Cut one: which one do boundaries need most?"

# failures
X_INTRO = "Of {n} test streets, the three on which two networks' mean IoU differs most."
X_A, X_B = "Network A", "Network B"
X_ROW = "Street {key}: {a} {p:.3f}, {b} {q:.3f}"
X_SAME = "Choose two different networks."
X_ONE_SIDED = "On {wins} of {n} streets A is the better one."

# the zoo
Z_INTRO = (
    "Every small network, one recipe, the same drawn streets: what quality costs. Bars are the range over seeds, where "
    "there are several."
)
Z_X, Z_Y = "Across", "Upwards"
Z_COSTS = {
    "parameters": "Parameters", "macs": "Multiply-adds", "activation_bytes": "Memory in training, bytes",
    "field": "Receptive field, px",
}  # fmt: skip
Z_QUALITIES = {
    "test/mean_iou": "Mean IoU", "test/boundary_iou": "Boundary IoU", "thin/thin_recall": "Thin structures found",
    "context/alike_iou": "IoU of classes told by context alone",
}  # fmt: skip
Z_SIZES = "**IoU against the things' size**"
Z_SIZE_AXES = ("Longer side of the things, px", "IoU of things")
Z_WHO = "Networks"
Z_NOTICE = "A network is worth its cost where none lies above it and to its left."
Z_WHOLE = "An open circle and a +: besides this window there is a path from the whole picture, such as a mean over it."
Z_UNKNOWN = "Not in the chart, because it isn't known there: {names}."
Z_MEASURES = "All networks are measured, once"
