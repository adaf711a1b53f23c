"""All words of the tabs of the page "Grad-CAM", in one place."""

NO_MAP = "There is no map yet: see the message beside the picture."
ALL_AGAINST = "Everything speaks against the class here, so that the ReLU leaves no heat to test."


# the sum
def _cam(alpha: str) -> str:
    r"""Return the sum and, below it, what its α is: a phone is narrow."""
    return r"\begin{gathered}L = \mathrm{ReLU}\Big(\sum_k \alpha_k A^k\Big),\\ " + alpha + r"\end{gathered}"


FORMULAS = {
    "grad-cam": _cam(r"\alpha_k = \frac{1}{Z}\sum_i\sum_j \frac{\partial y}{\partial A^k_{ij}}"),
    "grad-cam++": _cam(r"\alpha_k = \sum_{ij} w^k_{ij}\,\mathrm{ReLU}\Big(\frac{\partial y}{\partial A^k_{ij}}\Big)"),
    "hirescam": r"L = \mathrm{ReLU}\Big(\sum_k \frac{\partial y}{\partial A^k}\odot A^k\Big)",
    "xgrad-cam": _cam(r"\alpha_k = \frac{\sum_{ij} A^k_{ij}\,\partial y/\partial A^k_{ij}}{\sum_{ij} A^k_{ij}}"),
    "layer-cam": r"L = \mathrm{ReLU}\Big(\sum_k \mathrm{ReLU}\Big(\frac{\partial y}{\partial A^k}\Big)\odot A^k\Big)",
    "eigencam": r"L = \text{the first principal component of } A,\ \text{whatever } y \text{ is}",
    "score-cam": _cam(r"\alpha = \mathrm{softmax}_k\, \bar y\big(x \odot s(\mathrm{up}(A^k))\big)"),
    "ablation-cam": _cam(r"\alpha_k = \frac{y - y_{\text{without channel } k}}{|y|}"),
    "gradient": r"L = \max_c \Big|\frac{\partial y}{\partial x_c}\Big|",
    "integrated-gradients": r"L = \sum_c (x_c - x'_c)\int_0^1 \frac{\partial y}{\partial x_c}"
    r"\big(x' + t(x - x')\big)\,dt",
}
TRIED = "Only the {n} channels that vary most over the picture are tried; the others have α = 0."
FORMULA_NOTES = {
    "score-cam": "ȳ is the mean of the scores over the region, y their sum; s scales a channel to 0..1. " + TRIED,
    "ablation-cam": TRIED,
}
NO_TERMS = "{method} weighs no channels, so there are no terms to add up."
TERMS = "Channels that are summed, the strongest first"
CHANNEL = "A of channel {k}, up to {most:.3g}; **α = {alpha}**"
SO_FAR = "**Sum of {n} channel{s}**"
ALL = "**Sum of all {n} channels**"  # whose α isn't 0
LIKE = "{n} of the terms: correlation **{like:.2f}** with the whole sum. Both have one scale, ±{most:.3g}."
AT_HOTTEST = "In the hottest cell (row, column), with the numbers put in:"
MIRRORED = "(The others include what averaging with the mirror image changes.)"
ACTIVATION, SUM = "Activation", "For and against"
ALT_CHANNEL = "The activations of channel {k}, as a heat map."
ALT_SUM = "The sum of the {n} strongest terms, red for the class and blue against it."
ALT_ALL = "The sum of all terms, red for the class and blue against it."

MEAN = "**Where α comes from**: the mean of the slopes ∂y/∂A over the {z} cells of a channel"
MEAN_CHANNEL, MEAN_NAME = "Channel", "channel {k} (α = {alpha})"
SLOPE = "∂y/∂A"
ALT_SLOPE = "The slope of the score over each cell of channel {k}, red where more of it helps the class."
MEAN_NOTE = (
    "Red: more of the channel in this cell would raise the score. The mean is all that Grad-CAM keeps of this map; "
    "HiResCAM keeps the whole."
)

# methods × layers
GRID_INTRO = "The same question to several methods, at each layer of the model. Do they tell one story?"
GRID_METHODS = "Methods"
GRID_NONE = "Choose at least one method."
GRID_COST = "{n} maps, {passes} passes of the network still to run. Moving any control stops it; what is done stays."
GRID_RUN = "Compute the grid"
SCALE = "Colour scale"
SCALES = {"own": "Each its own", "one": "One for all"}
SCALE_HELP = "One scale shows that methods have different units: a pale map isn't a wrong one."
GRID_NOTE = "One scale for all, up to {most:.3g}. Between methods the units differ; between layers of one they don't."
GRID_NOTE_OWN = "Each map is coloured by its own largest value: colours compare places within a map, not maps."
PICTURE = "the picture"
CELL = "{layer}: largest {most:.3g}"
CELL_OUTSIDE = "; {share:.0%} outside"

# trust
POINTING = "Does it point at the object?"
NO_TRUTH = "Where the {name} really is isn't known here. In a drawn street that has one, it is."
GAME, HIT, MISS = "Pointing game", "hit", "miss"
GAME_HELP = "Whether the hottest pixel lies on the object, or at most 15 px away (Zhang et al. 2018)."
ENERGY = "Energy in the true mask"
ENERGY_HELP = "Share of the heat that lies on the object (Wang et al. 2020)."
EVEN = "even map: {even:.0%}"
POINTING_NOTE = "They say whether the map points at the object, not whether the network looked there."
CURVES = "Take out the hottest pixels: does the network miss them?"
CURVES_RUN, CURVES_COST = "Delete, insert, ROAD", "53 changed pictures, made small, for the network to look at."
SHARE, PROBABILITY = "Share of the pixels changed", "Probability"
DELETION = "Deletion, area {area:.3f} (low is good)"
INSERTION = "Insertion, area {area:.3f} (high is good)"
HOTTEST, COLDEST = "Hottest first", "Coldest first"
CURVES_NOTE = (
    "The hottest pixels become the picture's mean colour, or come back into a blurred picture (Petsiuk et al. 2018)."
)
CURVES_FLAT = (
    "Even with every pixel of the mean colour the probability is {p:.2f}: the network never saw such pictures, so this "
    "curve says little here."
)
ROAD_NOTE = (
    "**ROAD {score:+.3f}**: above 0 the map is better than chance (Rong et al. 2022; as pytorch-grad-cam puts the two "
    "orders together, the mean of (coldest − hottest)/2)."
)
RANDOM = "Forget what was learnt: does the map change?"
RANDOM_RUN = "Draw the weights anew"
RANDOM_COST = "Layer by layer, from the answer down to the picture, on a copy; one map after each."
RANDOM_SLOW = "Integrated gradients would take dozens of passes after each layer: choose another method for this test."
RANDOM_AXIS, LIKENESS = "Drawn anew down to", "Rank correlation with the true map"
RANDOM_TRUE, RANDOM_AFTER = "The true map", "After {layer}"
RANDOM_NOTE = (
    "Maps of the logit, unmirrored, of the picture at most 256 px high, each by its own largest value. In the end only "
    "BatchNorm's statistics and the mean and deviation of each tensor are still as learnt (Adebayo et al. 2018)."
)
RANDOM_BLIND = (
    "For the first {n} layers **nothing changes at all**, until {layer}: it never asked the network's answer."
)
RANDOM_GONE = "In the end there is no map any more: the gradient vanished."
RANDOM_SURVIVES = (
    "With all weights drawn anew the map is still much the same (**{after:.2f}**): it shows the picture and the "
    "region, not what the network knows."
)
RANDOM_INVERTED = (
    "With all weights drawn anew it is much the same map **with its sign turned** (**{after:.2f}**): it shows the "
    "picture and the region, not what the network knows."
)
RANDOM_FALLS = "With all weights drawn anew little of the map is left (**{after:.2f}**): it depends on what was learnt."

# two models
TWO_INTRO = "Two networks, one picture, one class, each at its usual layer. Which is A and which B is told afterwards."
OTHER = "The other network"
OTHER_CLASSES = "{model} knows no “{name}”: choose another class or another network."
TWO_ASK = "**Which one looks at the {name} in the more reasonable way?**"
FIVE = ("Clearly A", "Rather A", "Both alike", "Rather B", "Clearly B")
TWO_SKIP = "Show it without a vote"
TWO_COLUMN = " "
NETWORK, LAYER, LARGEST, PREDICTED = "Network", "Layer", "Largest value", "Predicted as the class"
OUTSIDE, CLASS_IOU, RECALL = "Heat outside its prediction", "IoU of the class", "Of the true pixels found"
TWO_NOTE = "Was the network with the more convincing map also the more accurate one?"
TWO_NO_MAP = "There is no map of this network; why, is told afterwards."
TWO_ABSENT = "There is no {name} in this street, so there is no accuracy to compare with."
TWO_NO_TRUTH = "Nobody knows the truth of this picture, so there is no accuracy to compare with."
VOTES = "**Votes on this question so far: {n}**"
ANSWER, COUNT = "Answer", "Votes"
VOTES_SAVE = "Votes (.csv)"
VOTES_NOTE = (
    "Everybody who opens this page's link votes on the same question. Votes are anonymous, and live in this server's "
    "memory: save them before it restarts."
)
ALT_TWO = "The map of network {name} for {label}, as colours over the picture."

# failures
FAIL_NO_TRUTH = "This needs a drawn street and the network “Scenes”: there the truth is known."
FAIL_NONE = "In this street hardly a pixel is wrong. Open one of the worst ones below."
FAIL_WHICH = "Mistake"
MISTAKE = "{true} taken for {said}: {n:,} pixels"
FAIL_WHERE = "**The wrong pixels**"
FAIL_TRUE, FAIL_SAID = "**{name}, as it truly is**", "**{name}, as it says**"
FAIL_SCORE = "Mean logit {mean:.2f}; largest value {most:.3g}"
FAIL_NOTE = (
    "Both explain the same wrong pixels, on one scale, ±{most:.3g}. Look for what speaks for the wrong class (red, "
    "right) and what should have spoken for the right one."
)
ALT_WRONG = "The pixels that are wrong are light, the rest darkened."
ALT_FAIL = "What speaks for {name} at the wrong pixels (red) and against it (blue)."
WORST = "The model's worst streets"
WORST_RUN = "Rank the streets"
WORST_COST = "Draws {n} streets and lets the network look at each."
WORST_COLUMNS = ("Street", "Mean IoU", "Right pixels", "Largest mistake")
WORST_NOTE = "The lowest mean IoU first."
OPEN = "Street {seed}"

# code
CODE_STRETCH = "There is no script for this model: it stretches the picture's brightness first."
