"""All words of the page "Losses & metrics", in one place."""

TITLE = "Losses & metrics"
QUESTION = "Is 95 % good?"
ICON = ":material/balance:"

# the question
ASK = (
    "A picture of a hundred pixels; five of them are ships. A network calls **everything background**, and so "
    "**{accuracy:.0%} of the pixels are right**. Is that a good answer?"
)
YES, NO = "Yes, 95 % is a lot", "No"
TOLD_YES = "It found **no ship at all**. Pixel accuracy hardly notices: most of the picture is background."
TOLD_NO = "Right: it found **no ship at all**, and pixel accuracy hardly notices. Here is what other metrics say."

# the masks
TRUTH, GUESS = "Truth", "Prediction"
TRUTHS = {
    "ships": "Five ships in a hundred pixels", "disc": "A disc", "discs": "A large and a small disc",
    "thin": "Something thin", "pixel": "One pixel", "empty": "Nothing", "full": "Everything",
    "scene": "A thing in a drawn street", "photo": "A network’s mask of your picture, for you to correct",
    "upload": "Your own mask",
}  # fmt: skip
GUESSES = {
    "background": "all background", "truth": "the truth, changed", "full": "all object",
    "model": "the network’s", "upload": "your own",
}  # fmt: skip
BACKGROUND, FOREGROUND, IGNORED = "background", "object", "not counted"
LEVEL = "{percent} %"
AS_IT_WAS = "as it was"
OUTCOMES = ("true negative", "true positive", "false positive", "false negative")
PHOTO_NOTE = (
    "The truth begins as the network’s own mask, all from 50 % on: at that threshold nothing is wrong yet. **Paint "
    "into the truth what it got wrong**, and see what that costs it. (Picture and masks are made at most 256 pixels a "
    "side; the network saw all of it.)"
)
PAINT = "Paint on either mask: all numbers and pictures follow."
PANES = {"truth": "Truth", "guess": "Prediction", "outcomes": "Right and wrong"}
ALT = {
    "truth": "The true mask, {w} by {h} pixels; paint on it with the brush.",
    "guess": "The predicted probability of each pixel, {w} by {h} pixels; paint on it with the brush.",
    "outcomes": "Where the prediction is right and where it is wrong, in four colours.",
}
SHAPE = "Truth"
SHAPE_HELP = "What the truth is at first. Then paint on it."
SHAPE_GUESS = "Prediction"
SHAPE_GUESS_HELP = "What the prediction is at first. Then change it, or paint on it."
MORE = "More: size, what goes wrong with the prediction, threshold"
SIDE, EXTENT, PAIR, THING = "Pixels a side", "Size of the object", "Number of the street", "Thing"
RIGHT, DOWN, GROW = "Moved to the right (pixels)", "Moved down (pixels)", "Grown (+) or shrunk (−), pixels"
PUNCHED, SALT, SOFTEN = "Holes", "Salt and pepper (share of pixels)", "Blur (pixels)"
SURE = "Confidence"
SURE_HELP = "−1: every pixel says 50 %. −0.2: masks become 10 % and 90 %. 0: as it is. 1: every pixel says 0 or 100 %."
CUT, CUT_HELP = "Threshold", "A pixel counts as object from this probability on. Losses don't know it: they look at p."
CLEAR = "Wipe off the paint"
TOO_MUCH_INK = (
    "There is more paint than a link can carry ({n:,} characters, {most:,} at most): this page's address and "
    "its lesson file are without it. Wipe some of it off before you share them."
)

# numbers
ACCURACY, PRECISION, RECALL = "Pixel accuracy", "Precision", "Recall"
IOU, DICE, MEAN_IOU, MEAN_DICE, HAUSDORFF = "IoU", "Dice", "Mean IoU", "Mean Dice", "Hausdorff"
PX, INFINITE = "{n:.0f} px", "∞"
UNDEFINED = "—"
UNDEFINED_NOTE = (
    "— is 0/0: precision where nothing is predicted, recall where there is no object, the others where neither mask "
    "has the class. Libraries write −1, 0 or 1 there; see “Conventions”."
)
SLIDE = (
    "The lecture's slide prints 48.5 % for mean Dice: it rounds 0.974 to 0.97 first. It is (0 + 0.974)/2 = **48.7 %**."
)

# the maps
MAPS_TITLE = "What each loss asks of each pixel"
LOSS_A, LOSS_B = "Loss A", "Loss B"
GRADIENT = "∂loss/∂logit, {title}"
GRADIENT_NOTE = (
    "Which pixels are pushed towards object, and which away from it. Both pictures have one scale, ±{most:.2g}: a pale "
    "one is a loss that hardly moves this network."
)
SHARES_NOTE = (
    "Of the gradient, **{a:.0%}** is the object's with {loss_a} and **{b:.0%}** with {loss_b}; the object is "
    "{pixels:.1%} of the pixels."
)
NO_GRADIENT = "With {title} no pixel has a gradient here: nothing would be learnt from this picture."

# tabs
TAB_NUMBERS, TAB_LOSSES, TAB_TRY, TAB_DOWNLOAD = "Metrics, with their formulas", "All losses", "Try this", "Download"
TAB_CONVENTIONS, TAB_CURVES = "Conventions", "Curves"
MATRIX = ("", "predicted background", "predicted object")
MATRIX_ROWS = ("truly background", "truly object")
CONVENTIONS_NOTE = (
    "One pair of masks, scored as different libraries do it. Rows of one score (IoU or Dice, of the same classes, "
    "averaged in the same way) agree until a class is absent, or pixels aren't counted."
)
CONVENTION_COLUMNS = ("Library and function", "Background", "Object", "Mean", "Its rule")
LOSS_COLUMNS = (
    "Loss",
    "Value",
    "Object's share of the loss",
    "Object's share of the gradient",
    "Σ∂ object",
    "Σ∂ background",
)
LOSSES_NOTE = (
    "Σ∂ is the summed gradient on the logits of the object and of the background: what both pull on the network's last "
    "bias. Where their sum is positive, a step lowers every pixel at once."
)
MORE_LOSSES = "More losses"
FORMULA_OF = "Formula of"
LARGE = "These masks are large ({w}×{h}): this takes some seconds."
COMPUTE = "Compute it"
SWEEP_BEST = "IoU is highest, {best:.2f}, at a threshold of {at:.2f}; the dotted line is the threshold now."
SWEEP_NOTE = "Average precision {ap:.3f}. The threshold now, {cut:g}, is the dot."
SWEEP_NO_DOT = "Average precision {ap:.3f}. At the threshold now, {cut:g}, nothing is predicted, so there is no dot."
SHIFT_NOTE = (
    "The same mask, and itself moved by **one pixel**, at several sizes. The mistake is the same; the smaller the "
    "object, the dearer."
)
IDENTITY_NOTE = "Dice = 2·IoU/(1 + IoU), always. The dot is where you are: near 1 both agree, near 0 Dice is twice IoU."
CURVES_ALONE = (
    "**{titles}**: not a mean over pixels that can be told one by one, so the curve is of a picture that is this one "
    "pixel. A loss of distances is 0 there: it has no border."
)
CURVES_NOTE = "Loss and slope for one pixel, over its probability p. γ, α and β above move them."
SURFACE_NOTE = "Loss of hard masks by false positives and false negatives; the dot is where you are."
LESSON_HELP = "Both masks with all paint and every choice, to hand on or to go on later."
UPLOAD_TRUTH = "Your own truth: a picture (white or coloured = object) or .npy of probabilities"
TOOK_MASK = "In your truth all that isn’t black is object: {share:.1%} of the pixels."
TOOK_GREY = "In your truth all from 50 % brightness or probability on is object: {share:.1%} of the pixels."
UPLOAD_GUESS = "Your own prediction: a grey picture (white = 100 %) or .npy of probabilities"
BAD_FILE = "`{name}` can't be used: {error} The masks you had are still there."
OTHER_SIZE = "It is {a[1]}×{a[0]} and the other mask {b[1]}×{b[0]} pixels; both must have one size."
UNEQUAL = (
    "Your own prediction is {a[1]}×{a[0]} and the truth {b[1]}×{b[0]} pixels; both must have one size. Until then the "
    "prediction is empty."
)
NOT_NPY = "It isn't a NumPy file of numbers."
NOT_A_MAP = "It holds {dtype} {shape}; wanted is one map of numbers, (height, width)."
TOO_LARGE = "It is {w}×{h} pixels; at most {most} a side are taken. Scale it down first."
NOT_PROBABILITIES = (
    "It holds numbers outside 0 to 1, or NaN; wanted are probabilities. Of logits, take a sigmoid first."
)
PUSH = "push towards object"
GRADIENT_ALT = "The gradient of {title} with respect to each pixel's logit, in two colours."
UNDEFINED_LATEX = r"\text{undefined: both masks are empty}"
DOWNLOAD_TRUTH, DOWNLOAD_GUESS, DOWNLOAD_MATRIX = "Truth (PNG)", "Prediction (.npy)", "Confusion matrix (.npy)"

# charts
TAB_CHARTS, TAB_SURFACE = "Threshold and size", "Surface"
SWEEP, PR, SHIFT, IDENTITY = "Over the threshold", "Precision and recall", "One pixel off", "Dice and IoU"
BOUNDARY_IOU, YOU = "Boundary IoU", "you are here"
SHIFT_AXIS = "Longer side of the object (pixels)"
FOR_OBJECT, FOR_BACKGROUND = "A pixel of the object (y = 1)", "A pixel of the background (y = 0)"
LOSS, SLOPE = "loss", "∂loss/∂logit"
SURFACE_OF = "Loss over its counts"
FALSE_POSITIVES, FALSE_NEGATIVES = "false positives", "false negatives"
NO_OBJECT = "The truth holds no object. Paint one, or choose another truth."
NOTHING_COUNTED = "No pixel is counted: paint some of the truth as object or background."

# the code
TAB_CODE = "Show the code"
CODE_NOTE = (
    "These {n} lines give the confusion matrix, the metrics, and both losses with their gradients, as above. Save them "
    "and run them with Python 3.11 or newer."
)
CODE_FILES = "First put {files} from the tab “Download” beside the script."
CODE_AND = " and "
MISSING_FILE = (
    "No file yet for your own mask: choose it above, or load the lesson file that came with a link under "
    "“Download”. Until then that mask is empty."
)
LESSON_OTHER_PAGE = "This lesson file is another page's. Load it there; this page's are saved under “Download”."
LESSON_NO_GUESS = "Your own prediction isn't in this lesson file, which carries a picture: hand it on beside it."
LESSON_SIZES = "The masks in this lesson file aren't of one size, or larger than {most} pixels a side."
