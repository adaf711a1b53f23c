"""All words of the page "Compare tasks", in one place."""

TITLE = "Compare tasks"
QUESTION = "How many objects are here?"
ICON = ":material/category:"

# where the picture comes from
WHAT = "Picture"
SOURCES = {"scene": "Street", "cells": "Nuclei", "photo": "Photo"}
WHAT_HELP = "Street and nuclei are drawn by code, so that the truth is known; of a photo nobody knows it."
NO_MODELS = "The models for this page aren't part of this installation; take the package with its weights."
SCENE = "drawn street {seed}"
SCENE_ALT = "A street with things in it, drawn by code"
SCENE_CREDIT = "Drawn by seglab.datasets.scenes: every pixel's class and object is known."
CELLS = "drawn nuclei {seed}"
CELLS_ALT = "Cell nuclei under a fluorescence microscope, drawn by code"
CELLS_CREDIT = "Drawn by seglab.datasets.cells. The models have learnt from real nuclei only."
ANOTHER = "Another one"
SEMANTIC = "Classes by"
OBJECTS = "Objects by"
WAYS = {"components": "connected components of the map", "watershed": "watershed in the map"}

WAY, NUCLEI = "How (those not chosen above: by their usual settings)", "Nuclei"

# the guess
GUESS = "Count them before the networks do: how many things (not sky, road, walls) do you see?"
GUESS_NUCLEI = "Count them before the networks do: how many nuclei do you see?"
REVEAL = "Answer"
SHOW = "Just show me"
GUESSED = "Your guess: **{n}**."
GUESSED_TRUE = "Your guess: **{n}**. There are **{true}**."
TRUE_NUCLEI = "There are **{true}** nuclei in it."
TRUE = "There are **{true}** things in it."
UNKNOWN = "Nobody has labelled this picture: the answers can be compared with each other and with your eyes only."

# the panes
PANES = {"semantic": "Semantic", "instance": "Instances", "panoptic": "Panoptic"}
ALT = {
    "semantic": "{what}. Every pixel in the colour of its class.",
    "instance": "{what}. Every object found in a colour of its own; the rest stays as it is.",
    "panoptic": "{what}. Every pixel belongs to one segment: a thing of its own colour, or stuff.",
}
OBJECT = "{name} · {score:.2f}"
NO_OBJECT = "no object"
CONTESTED = "claimed by several objects"
VOID = "void: nobody's"
TRUTH_LAYER = "Truth"
THING, STUFF = "thing", "stuff"
SAYS_SEMANTIC = (
    "**Can't count.** It knows which pixels are {names}, and these form **{areas}**; objects that touch "
    "are one area, and one that is cut in two by a pole is two."
)
SAYS_SEMANTIC_NUCLEI = (
    "**Can't count.** It knows which pixels are nuclei, and these form **{areas}**; nuclei that touch are one area."
)
SAYS_SEMANTIC_NONE = "**Can't count**, and finds no class of things here."
SAYS_INSTANCE = (
    "**{objects}**, each with a mask and a score of its own. {twice:,} pixels are claimed by more than one "
    "(hatched), and the rest of the picture belongs to nobody."
)
ONE_AREA, MANY_AREAS = "1 connected area", "{n} connected areas"
ONE_OBJECT, MANY_OBJECTS = "1 object", "{n} objects"
LIMIT_REACHED = "There may be more: {n} is the most that is asked for."
SAYS_INSTANCE_ONLY = "**No object** of the classes that take part passes the thresholds."
SAYS_INSTANCE_NONE = "**No object** passes the score asked for. Lower the score, or try another picture."
SAYS_PANOPTIC = "**{things} and {stuff}**: each pixel belongs to exactly one of them, {void:.1f} % to none."
ONE_THING, MANY_THINGS, ONE_STUFF, MANY_STUFF = "1 thing", "{n} things", "1 kind of stuff", "{n} kinds of stuff"
NOTICE = "Point at anything: it lights up in all three. A double click shows the whole picture again."
BESIDE = "The truth on the left of the last pane; drag the divider"
NOT_PANOPTIC = (
    "**Not full panoptic segmentation:** this semantic model knows things only, and calls all else background. So the "
    "last pane has things and one area of “background”, and no road, sky or wall."
)
APPROXIMATE = (
    "These objects were learnt from **connected components** of CamVid's labels, which has no others: cars that "
    "overlap were one object in training. It is an approximation of instances."
)

# controls
SCORE = "Least score"
SCORE_HELP = "Objects of a lower score are left out. Runs no network."
VISIBLE = "Least visible share"
VISIBLE_HELP = "An object of which better ones leave less than this is dropped when both answers are fused."
MORE = "More: the picture's parameters, masks, overlaps, which classes count"
MASK = "Mask threshold"
MASK_HELP = "A pixel belongs to an object from this probability on; a watershed starts above it and ends below it."
NMS = "NMS: largest overlap"
NMS_HELP = "Of two boxes of one class that overlap more (IoU), only the better one stays."
USUAL = "Take what suits it best: score {score}, mask {mask}, NMS {nms}"
LIMIT = "At most so many objects"
STUFF_AREA = "Least area of stuff (pixels)"
STUFF_HELP = "Smaller areas of stuff become void when both answers are fused."
FIRST = "Who comes first"
FIRSTS = {"score": "the better score", "smaller": "the smaller object"}
ONLY = "Classes that take part (none chosen: all)"
ONLY_HELP = "Objects of other classes are left out, and other stuff becomes void."
SWITCHED = "Switch between thing and stuff"
SWITCHED_HELP = (
    "A thing that is treated as stuff loses its objects: all its pixels are one segment. Stuff that is treated as a "
    "thing has no objects here, so that its pixels become void."
)
# What is asked of object i with score s, box b, mask probabilities p and mask m; j stands for those before it.
_KEPT = r"\\\text{kept:}\quad&\frac{|m_i\setminus\bigcup_j m_j|}{|m_i|}\ge%g\end{aligned}"
_MEAN = r"\\\text{found:}\quad&s_i=\text{mean of }p\\&\text{in }m_i>%g"
RULES = {
    "": r"\begin{aligned}\text{found:}\quad&s_i>%g\\&\tfrac{|b_i\cap b_j|}{|b_i\cup b_j|}\le%g\text{ for each}"
    r"\\&\text{better }j\text{ of its class}\\\text{mask:}\quad&m_i=\{(x,y):p_i(x,y)>%g\}" + _KEPT,
    "watershed": r"\begin{aligned}\text{seeds:}\quad&\text{islands of }p(x,y)>%g\\\text{mask:}\quad&m_i="
    r"\text{its flood}\\&\text{while }p(x,y)>%g" + _MEAN + _KEPT,
    "components": r"\begin{aligned}\text{mask:}\quad&m_i=\text{an island}\\&\text{of }p(x,y)>%g" + _MEAN + _KEPT,
}
VISIBLE_SHARE = r"\frac{|m\setminus\bigcup_j m_j|}{|m|}=\frac{%d}{%d}=%.2f\quad%s\quad%g"
PARAMETERS = "The drawn picture"
SEED = "Number of the picture"
THINGS = "Things"
SIZE = "Size of the things"
CROWDING = "Crowding"
THIN = "Thin structures"
CONTRAST = "Contrast"
GRAIN = "Noise"
IMBALANCE = "Class imbalance"
COUNT = "Nuclei"
RADIUS = "Radius (pixels)"
TOUCHING = "Share that touch"
BLUR = "Blur"
UNEVEN = "Uneven light"

# the table of segments
TAB_SEGMENTS = "Segments"
SEGMENT_COLUMNS = ("Segment", "Id", "Class", "Kind", "Pixels", "Score")
NO_SEGMENTS = "There is no segment: nothing passes the thresholds."
SEGMENTS_NOTE = "Point at a row to light the segment in all panes; click it to go there. Headings sort."

# the stepper
TAB_STEPS = "Fusion, step by step"
STEPS_INTRO = (
    "Fusion gives out the pixels: first to the objects, one after the other; then to the stuff, what is left. A pixel "
    "that is taken stays taken."
)
STEP = "Step"
STEP_OF = "**Step {n} of {total}: {name}.** {reason}"
STEP_START = "Nothing has been given out yet. Move the slider to watch it happen."
STEP_LOST = "Pixels it wanted and others have: {others}."
STEP_COLUMNS = ("Step", "Candidate", "What", "Wanted", "Got", "Why")
STEP_PANE = "After this step"
NO_STEPS = "There is nothing to fuse."
CLICK_HINT = "Click a pixel in the panoptic pane above: here stands who wanted it, and who got it."
CLICKED = "**Pixel x = {x}, y = {y}** is wanted by:"
CLICKED_NOBODY = "**Pixel x = {x}, y = {y}**: no object and no stuff of the map wants it. It is void."
WON, WANTED = "got it", "didn't get it"

# against the truth
TAB_TRUTH = "Against the truth"
NO_TRUTH = (
    "This picture has no truth. Choose a drawn street or drawn nuclei: there every pixel's class and object is known."
)
MEAN_IOU, AP, AP50, PQ = "Mean IoU (semantic)", "Mask AP (instances)", "AP at IoU 0.5", "PQ (panoptic)"
AP_NOTE = (
    "AP ranks every object that scores above 0.05, whatever the least score and the most objects asked for: it judges "
    "the order, too. PQ judges what the last pane shows."
)
PQ_FORMULA = (
    r"\begin{aligned}\mathrm{PQ}&=\underbrace{\frac{\sum_{\mathrm{TP}}\mathrm{IoU}}{|\mathrm{TP}|}}_{\mathrm{SQ}}\cdot"
    r"\underbrace{\frac{|\mathrm{TP}|}{|\mathrm{TP}|+\tfrac12|\mathrm{FP}|+\tfrac12|\mathrm{FN}|}}_{\mathrm{RQ}}"
    r"\\[1ex]\text{%s: }&\phantom{=}\,\frac{%s}{%d}\cdot\frac{%d}{%d+\tfrac12\cdot%d+\tfrac12\cdot%d}"
    r"=%s\cdot%s=%s\end{aligned}"
)
CLASS_COLUMNS = ("Class", "IoU", "AP", "PQ", "SQ", "RQ", "TP", "FP", "FN")
AVERAGES = (
    "Averaged over classes: PQ **{pq:.3f}**, SQ {sq:.3f}, RQ {rq:.3f}. SQ × RQ of the averages is {product:.3f}: PQ is "
    "SQ × RQ in each class, but **the mean of products isn't the product of means**."
)
MATCH_COLUMNS = ("What", "Segment", "True segment", "IoU")
MATCH, MISS, FALSE_ALARM, IGNORED = "match", "miss", "false alarm", "ignored"
MATCHES_NOTE = "A found and a true segment of one class match if their IoU is above ½. Click a row to go there."

NUMBER_OBJECTS, NUMBER_THINGS, NUMBER_VOID = "Objects", "Things in the panoptic map", "Void (%)"

# inside, downloads, experiments
TAB_INSIDE = "Inside Mask R-CNN"
INSIDE_WHICH = "Object"
INSIDE_NONE = "There is no object to look into. Lower the score."
INSIDE_OTHER = "These objects were read off the semantic map; choose a Mask R-CNN under “Objects by”."
TAB_DOWNLOAD = "Download"
DOWNLOAD_IDS = "Objects (16-bit PNG)"
DOWNLOAD_PNG = "Panoptic map (COCO PNG)"
DOWNLOAD_JSON = "Its segments (COCO JSON)"
DOWNLOAD_TABLE = "Segments (CSV)"
DOWNLOAD_MAP = "Semantic map (PNG)"
DOWNLOAD_MASKS = "Overlapping masks (COCO JSON)"
LESSON_HELP = "The picture and every choice, to hand on or to go on later."
TAB_EXPERIMENTS = "Try this"
TAB_CODE = "Show the code"
CODE_NOTE = "These {n} lines give the panoptic map, as above. Save them and run them with Python 3.11 or newer."
RUNNING = "{title} looks at the picture …"
