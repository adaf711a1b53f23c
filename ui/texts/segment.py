"""All words of the Segment page, in one place."""

TITLE = "Segment"
QUESTION = "What is each pixel, and how sure is the network?"
ICON = ":material/gesture_select:"

# controls
PICTURE = "Picture"
MODEL = "Model"
MODEL_DOWNLOAD = "{title} ({mb:.0f} MB to download)"
SHORT = "Short side"
SHORT_HELP = (
    "The picture is brought to this size before the network sees it. Smaller is faster and loses what is thin; "
    "far from the size used in training the network is on unfamiliar ground."
)
SHORT_AUTO = "{n} px, as trained"
SHORT_OWN = "as it is"
VIEW = "View"
VIEWS = {"labels": "Labels", "probability": "One class", "entropy": "Entropy", "margin": "Margin"}
VIEW_HELP = {
    "labels": "The most probable class of each pixel.",
    "probability": "How probable the chosen class is, from 0 to 1.",
    "entropy": "How spread the probabilities are: 0 = certain, 1 = all classes alike.",
    "margin": "The best class's probability minus the second's: 0 = a tie.",
}
CLASS = "Class"
MORE = "More: temperature, confidence, tiles, test-time augmentation, precision"
TEMPERATURE = "Temperature T"
TEMPERATURE_HELP = "Divides the logits before the softmax. Runs no network."
FORMULA = r"p_k = \frac{e^{z_k/T}}{\sum_j e^{z_j/T}} = \frac{e^{z_k/%s}}{\sum_j e^{z_j/%s}}"
CONFIDENCE = "Least confidence"
CONFIDENCE_HELP = "A pixel whose best class is less probable than this becomes “unsure”. Runs no network."
TILE = "Tiles"
TILE_NONE = "whole picture"
TILE_PX = "{n} px"
TILE_HELP = "Cuts the resized picture into squares: any size fits into memory, but each tile lacks its surroundings."
OVERLAP = "Overlap of tiles"
BLEND = "Blending"
BLENDS = {"gaussian": "Gaussian: middle first", "constant": "constant: all alike"}
FLIP = "Mirror and average"
SCALES = "Sizes averaged"
SCALES_OPTIONS = {"1": "one", "3": "three: ×0.75 to ×1.25", "5": "five: ×0.5 to ×1.5"}
YES, NO = "on", "off"
PRECISION = "Precision"
PRECISION_HELP = "bf16 and fp16 calculate with 16 bits: faster where the hardware has them, nearly the same labels."

# model card
CARD = "About this model"
CARD_TEXT = """\
**{title}** · {parameters:.1f} M parameters · {mb:.1f} MB

**Classes ({n}, {palette}):** {classes}

**Measured:** {scores}

**Trained on:** {data}

**Licence:** {licence}

**Known failures:** {failures}

**Paper:** {paper}
"""
CARD_WITHOUT = " (of the same recipe, trained without {split})"
CARD_SCORE = "mean IoU {iou:.3f}, pixel accuracy {accuracy:.3f} on {split}"
CARD_HOLD_OUT = "mean IoU {iou:.3f} on the sequence {name}, left out of training"
CARD_NONE = "not measured"

# progress and failures
LOADING = "Loading {title} …"
DOWNLOADING = "Downloading {title}: {done:.0f} of {total:.0f} MB"
RUNNING = "{title} looks at the picture …"
RUNNING_TILES = "{title}: {done} of {total} tiles"
RETRY = "Try the download again"
OUT_OF_MEMORY = (
    "There wasn't enough memory for this picture, even in tiles: choose a smaller **short side**, or smaller **tiles** "
    "under *More*."
)
BUSY = "The machine is busy; {n} other pictures are waiting. Yours comes in its turn."
PRECISION_LACKING = "This machine has no fast {precision}; it is now fp32."
AGAIN = "Again"
CLASS_UNKNOWN = "This model has no class `{name}`; the view shows {now}."

# advice
ALL_BACKGROUND = (
    "The model found nothing it knows: all is **background**. It knows only the {n} classes of {palette}, so this "
    "picture may hold none of them."
)
UNFAMILIAR = (
    "The model is on **unfamiliar ground**: on average it gives its best class {confidence:.0%}; on pictures of its "
    "own kind that is nearly always {familiar:.0%} or more. Look before you trust these labels."
)
UNSUITABLE = (
    "**{title}** doesn't know what this picture shows. It answers all the same: it has to give every pixel one of its "
    "classes."
)
UNSUITABLE_ALL = "No model here knows what this picture shows; each answers all the same, with one of its classes."
WHY = "Why, and what to do"
TRY_MODEL = "Try {title}"
TRY_PICTURE = "Back to {title}"

# picture and legend
ALT = "{what}. {view} by {model}."
ALT_LABELS = "Labels"
HEAT_PROBABILITY = "p({name})"
HEAT_ENTROPY = "Entropy"
HEAT_MARGIN = "Margin"
CLICK = "Click a pixel to see its five most probable classes."
CLICKED = "Pixel ({x}, {y})"
CORRECTED = "Corrected by hand: {pixels:,} pixels. Downloads hold your version."
DROP_MASK = "Back to the network’s labels"

# experiments and question
PREDICT = (
    "**Predict first.** Raise the temperature from 1 to 4: the network becomes less sure everywhere. "
    "How many pixels of this picture get another label?"
)
PREDICT_OPTIONS = {"none": "none at all", "some": "a few per cent", "half": "about half of them"}
REVEAL = (
    "Measured just now on this picture: **{changed:,} of {total:,} pixels** changed, and the mean confidence fell "
    "from {before:.0%} to {after:.0%}."
)
RIGHT = "That is what you said."
WRONG = "You said: {said}."
EXPLAIN = (
    "All logits of a pixel are divided by the same number, so their order stays, and with it the label. "
    "**Temperature** moves confidence, never the decision; that is why it can **calibrate** a trained network."
)

# tabs
TAB_EXPERIMENTS = "Experiments"
TAB_USE = "Use it"
TAB_DOWNLOAD = "Download"
LESSON_HELP = "The picture, every choice and your corrected mask, to hand on or to go on later."
TAB_TRUTH = "Your ground truth"
TAB_CODE = "Code"

# uses
USE_REGION = "Region"
USE_WHAT = "What to do"
USES = {
    "replace": "Replace everything else",
    "replace_in": "Replace the region",
    "blur": "Blur everything else",
    "filter": "Filter the region",
    "cut": "Cut the region out",
}
USE_COLOR = "Colour"
USE_BACKGROUND = "Replace by"
USE_PLAIN = "one colour"
USE_RADIUS = "Blur radius in pixels"
USE_FILTER = "Filter"
USE_NONE = "Choose at least one class as the region."
USE_SOFTNESS = "Softness of the edge"
USE_NOTE = (
    "The opacity (**alpha**) rises from 0 to 1 around probability 0.5; this is how wide that ramp is. Where you used "
    "the brush, your word counts."
)
USE_ALT = "The picture with this done: {what}"
USE_SAVE = "Download this picture (PNG)"

# downloads
DOWNLOADS = (
    "Everything is made from the labels above, with your corrections, at the picture's own size. The cut-out keeps: "
    "{region} (choose the region under *Use it*)."
)

# ground truth
TRUTH = "Indexed or grey PNG of class numbers"
TRUTH_HELP = "Pixel value k means class k of this model; 255 means “don't count”. It must be as large as the picture."
TRUTH_SIZE = (
    "Your ground truth is {tw}×{th} pixels and the picture {w}×{h}. Save it at the picture's size, without scaling "
    "smoothly: mixed values would be other classes."
)
TRUTH_EMPTY = "Your ground truth has no labelled pixel: all are 255. There is nothing to measure."
TRUTH_CLASSES = "Class numbers of this model: {classes}."
MEAN_IOU = "Mean IoU"
ACCURACY = "Pixel accuracy"
IOU = "IoU"
CONFUSION = "Confusion matrix in pixels: rows are your ground truth, columns the prediction."
IOU_FORMULA = r"\mathrm{IoU}_k = \frac{TP_k}{TP_k + FP_k + FN_k}"

# numbers of the A/B pin
NUMBER_CONFIDENCE = "Mean confidence"
NUMBER_UNSURE = "Unsure, %"
NUMBER_MS = "Network time, ms"
NUMBER_AREA = "{name}, %"
