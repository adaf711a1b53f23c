"""All words of the page "Grad-CAM", in one place; those of its tabs are in gradcam_more."""

TITLE = "Grad-CAM"
QUESTION = "Why this mask, and can you trust the explanation?"
ICON = ":material/local_fire_department:"
TEASER = "Ask a network why, with a click. Then put the answer itself to the test."

# controls
WHAT = "Picture"
SOURCES = {"scene": "A drawn street", "photo": "A photo"}
ANOTHER = "Another street"
MODEL = "Model"
LAYER = "Layer"
LAYER_SIZE = "{name}: {c} × {h} × {w}"
LAYER_HELP = (
    "Where the map is taken: channels × height × width of the layer's activations. A deep layer has few, large cells."
)
LAYER_UNKNOWN = "This model has no such layer; it is now {now}."
WHERE = "Which scores are explained"
WHERE_HELP = (
    "y is the sum of the class's scores over these pixels (Seg-Grad-CAM, Vinogradova et al. 2020). Click, drag a "
    "box or paint on the left picture."
)
REGIONS = {
    "predicted": "Where it is predicted", "all": "Whole picture", "pixel": "One pixel", "box": "A box",
    "painted": "Painted",
}  # fmt: skip
SIGNED = "Signed"
SIGNED_HELP = "Without the ReLU: what speaks against the class is blue."
LOW = "Hide the coldest"
LOW_HELP = "Per cent of the pixels, by the size of their heat, that aren't shown. The numbers count them all the same."
MORE = "More: method, logit or probability, mirror image, size, the street"
METHOD = "Method"
METHOD_HELP = "Those that run the network dozens of times wait for a button."
OF = "What is summed"
OFS = {"logit": "Logit", "probability": "Probability"}
OF_HELP = "The papers take the logit. A probability near 0 or 1 hardly moves, so its gradient vanishes."
SHORT = "Short side"
SHORT_HELP = "The size at which the network sees the picture: a larger one gives the map more cells."
MIRROR = "Average with the mirror image"
MIRROR_HELP = "Explains the mirrored picture too, with the region mirrored, and averages the two maps."
PARAMETERS = "The drawn street"
SEED = "Number of the street"
DRAWN = {
    "things": "Things", "size": "Size", "crowding": "Crowding", "thin": "Thin parts", "contrast": "Contrast",
    "grain": "Noise", "imbalance": "Imbalance",
}  # fmt: skip

# the question
ASK = (
    "The network finds the **{name}** in this picture{well}. **{method}** shows where the evidence for it lies{where}. "
    "**Predict first:** how much of that heat lies on the {name} itself?"
)
WELL = " well (IoU {iou:.2f})"
ANSWERS = {"most": "Three quarters or more", "half": "About half", "little": "A third or less"}
SKIP = "Just show it"
REVEALED = (
    "{verdict} **{on:.0%}** of the heat lies on the {name}, which is {area:.0%} of the picture. "
    "A map may only redraw the mask; the heat **outside** tells what else the network used."
)
RIGHT, WRONG = "That is what you said:", "You said “{said}”:"

# the two pictures
REGION, REST = "explained", "not explained"
LEFT = "**What is explained**: click, drag a box, or paint"
RIGHT_TITLE = "**Why: {method}**"
HEAT, HEAT_SIGNED = "Heat", "For (red) and against (blue)"
ALT = "{what}. {method} for {name} by {model}, as colours over the picture."
ALT_WHERE = "{what}. The part whose scores are explained is light, the rest darkened."
TOO_MUCH_INK = "There is more paint than a link can carry, so the last stroke doesn't count. Undo it, or use a box."
NO_PLACE = {
    "pixel": "No pixel is chosen yet: click on the left picture.",
    "box": "There is no box yet: take the box tool and drag one on the left picture.",
}
RUNNING = "{title} is explained …"
DONE = "{done} of {total}"
MANY = "{title} runs the network {n} times, on the picture made small. Moving any control stops it."
COMPUTE = "Compute it"
STOP = "Stop"

# numbers
OUTSIDE, OUTSIDE_TRUE = "Heat outside the prediction", "Heat outside the truth"
OUTSIDE_HELP = "Share of the map, with its ReLU, that lies outside the {name}. An even map is the same everywhere."
EVEN = "an even map: {even:.0%}"
NUMBERS = "Largest value **{most:.3g}**, least {least:.3g}; score y = **{score:.5g}**"
MAGNITUDE, MAGNITUDE_HELP = (
    "Largest value",
    "In the formula's own units. The map's colours end at the largest value, and the signed map's at the larger of "
    "the two; compare maps by these numbers, not by their colours.",
)
SCORE = "Score y"
SCORE_HELP = {
    "logit": "The sum of the class's logits over what is explained.",
    "probability": "The sum of the class's probabilities over what is explained.",
}
AT_LAYER = " at `{layer}`"
EXPLAINED = "Explained: **{target}**, by a map of {h}×{w} cells{where}."
VANISHES = (
    "**The gradient all but vanishes.** The network is so sure that ∂p/∂z = p(1 − p) is {slope:.1g} in the mean: the "
    "map's largest value is {magnitude:.1g}, and the colours only blow it up. Take the logit."
)
GAP = "Completeness: the map's sum is off y − y(mean colour) by {gap:+.1%} of it, as the integral has {n} steps."
NO_BETTER = (
    "{share:.1%} of the heat lies outside the {name}, against {even:.1%} of an even map: this map doesn't point at it."
)
REDRAWS = "Most of the heat is on the {name}: this map **may only redraw the mask**."
ELSEWHERE = (
    "{share:.0%} of the heat lies outside the {name} (an even map: {even:.0%}). What is there that the network used?"
)
NOT_PREDICTED = "The network predicts no {name} here, so there is no mask to compare with."

# page
TAB_TRY, TAB_SUM, TAB_GRID, TAB_TRUST = "Try this", "The sum", "Methods × layers", "Trust"
TAB_TWO, TAB_FAIL, TAB_DOWNLOAD, TAB_CODE = "Two models", "Where it fails", "Download", "Show the code"
TAB_OTHER, TAB_BIAS = "Other networks", "Bias lab"
DOWNLOADS = {
    "map.npy": "Map, raw (.npy)", "heat.npy": "Heat at the picture's size (.npy)", "alpha.npy": "α of all channels",
    "region.png": "Region (PNG)", "picture.png": "Picture (PNG)",
}  # fmt: skip
DOWNLOAD_NOTE = "The raw map is signed, in the formula's own units, at the layer's resolution."
LESSON_HELP = "The picture and every choice, to hand on or to go on later."
PASSES_COST = "Passes"
COST_NOTE = "The time is that of the explanation as a whole: forward and backward pass."
NUMBER_OUTSIDE, NUMBER_TRUE = "Outside the prediction, %", "Outside the truth, %"
CODE_NOTE = "These {n} lines give the same map, largest value and share outside. Run them with Python 3.11 or newer."
CODE_NOTE_OTHER = "These {n} lines give the map of Grad-CAM. Run them with Python 3.11 or newer."
CODE_FILES = "Put {files} from “Download” beside the script first."
CODE_AND = " and "
CODE_OTHER = "The script has no {method}: it computes Grad-CAM of the same target and layer."
