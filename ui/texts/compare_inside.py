"""All words of the part "Inside Mask R-CNN", in one place. Formulas take their numbers by %, sentences by format."""

RUNNING = "The network runs once more, step by step …"
STEPS = (
    "Mask R-CNN draws each mask small, **28×28 pixels** whatever the object’s size, and stretches it over the box. "
    "Here is this one: {name}, score {score:.2f}."
)

# the four pictures
PICTURE = (
    "**1 · Box.** Dashed: the **proposal** of the RPN, which only asks “is there a thing?” ({sure:.0%} sure). Solid: "
    "the box after the head’s correction."
)
PICTURE_ALONE = "**1 · Box.** The box after the head’s correction."
SMALL = "**2 · Mask.** The 28×28 probabilities as the mask head gave them, one colour each, in their box."
PASTED = "**3 · Paste-back.** Each pixel of the picture reads its probability off the small mask, bilinearly."
MASK = "**4 · Threshold.** The {pixels:,} pixels above {threshold:.2f} are the object."
ALT_PICTURE = "Cut-out of the picture around a {name}, with its box and, dashed, the proposal it came from"
ALT_PICTURE_ALONE = "Cut-out of the picture around a {name}, with its box"
ALT_SMALL = "The 28×28 mask as colours, in its box: from {low:.2f} to {high:.2f}, mean {mean:.2f}"
ALT_PASTED = "The same mask stretched over the picture’s pixels: {pixels:,} of them are above {threshold:.2f}"
ALT_MASK = "The cut-out, dark but for the {pixels:,} pixels of the {name}, which have a white outline"
SCALE = "Probability"
SCALE_ALT = "Colour scale from 0, dark blue, to 1, yellow; the threshold is {threshold:.2f}"
SCALE_AT = "threshold {threshold:.2f}"
NOTICE = (
    "{detail} **Notice:** the head draws one mask **per class** and keeps the detected class’s, and it draws only in "
    "boxes that are left at the end, not in all proposals."
)
COARSE = "One small pixel is {w:.1f}×{h:.1f} pixels of the picture: finer detail can’t be in this mask."
FINE = "One small pixel is {w:.1f}×{h:.1f} pixels of the picture: for an object this small, 28×28 is plenty."

# the correction
CORRECTION = "**From proposal to box.** The box head gives four numbers, relative to the proposal’s size:"
CORRECTION_FORMULA = r"x = x_a + \tfrac{t_x}{10}\,w_a \qquad w = w_a\,e^{t_w/5}"
CORRECTION_NUMBERS = r"""\begin{aligned}
x &= %s + \tfrac{%s}{10}\cdot %s = %s \\
y &= %s + \tfrac{%s}{10}\cdot %s = %s \\
w &= %s\cdot e^{%s/5} = %s \\
h &= %s\cdot e^{%s/5} = %s
\end{aligned}"""
CORRECTION_NOTICE = (
    "x, y is the box’s middle, a marks the proposal, all in pixels. **Notice:** the same t moves a large box far and a "
    "small one little; that way one head serves all sizes."
)
CORRECTION_CUT = "What of the box lies outside the picture is then cut off."
NO_ORIGIN = "No proposal of a fresh run leads to this box: it was found with other settings (size or precision)."

# where more is said
ROIALIGN = "How a box of any size becomes 14×14 cells for the mask head, without rounding: **RoIAlign**"

# losses
LOSSES = "What training would make smaller here"
NO_TRUTH = (
    "A loss compares with the truth, and nobody has marked the objects of this picture. Choose a drawn street to see "
    "the three losses with their numbers."
)
OTHER_CLASSES = "This picture’s truth is in the classes of {truth}, and the model knows those of {model}: no loss."
OBJECT = (
    "The truth under this box: **{name}**. Of all proposals on it the one below overlaps it most, with an IoU of "
    "{iou:.2f}; here are its three losses."
)
OBJECT_ADDED = (
    "The truth under this box: **{name}**. None of the network’s proposals overlaps it by an IoU of 0.5, so training "
    "would have nothing to learn from; that is why it adds the object’s own box to the proposals. Its losses:"
)
FALSE_ALARM = (
    "**No object of the truth overlaps this box by an IoU of 0.5: a false alarm** (specks of fewer than 9 pixels don’t "
    "count). The true class of such a proposal is “no object”, $u = 0$. That has no box and no mask, so this is all:"
)
TRUE_BOX = "**Boxes.** Solid: the truth. Dashed: the proposal."
PROBS = "**m:** the true class’s mask, drawn in the proposal."
TARGET = "**y:** what it should be: the object as the proposal cuts it out."
BCE = "**Loss** of each of the 28×28 pixels: dark is 0, yellow {high:.1f}."
ALT_TRUE_BOX = "Cut-out around the {name} of the truth, with its box and, dashed, the best proposal"
ALT_PROBS = "28×28 probabilities of the true class’s mask, mean {mean:.2f}"
ALT_TARGET = "28×28 target mask: {share:.0%} of it is object"
ALT_BCE = "Loss of each of the 28×28 pixels: at most {high:.2f}, mean {mean:.3f}"
CLS = r"**$L_\mathrm{{cls}}$:** the true class’s probability $p_u$, by a softmax over {n} classes and “no object”"
CLS_FORMULA = r"L_\mathrm{cls} = -\ln p_u = -\ln %s = %s"
CLS_NOTICE = "**Notice:** each halving of $p_u$ adds ln 2 = 0.69; which wrong class got the rest makes no difference."
BOX = r"**$L_\mathrm{box}$:** the correction that this proposal needs, $t^*$, and the one that it got, $t$"
BOX_TARGET = r"t^*_x = 10\,\frac{x^*-x_a}{w_a} \qquad t^*_w = 5\,\ln\frac{w^*}{w_a}"
BOX_TARGETS = r"""\begin{aligned}
t^*_x &= 10\cdot\tfrac{%s-%s}{%s} = %s \\
t^*_y &= 10\cdot\tfrac{%s-%s}{%s} = %s \\
t^*_w &= 5\,\ln\tfrac{%s}{%s} = %s \\
t^*_h &= 5\,\ln\tfrac{%s}{%s} = %s
\end{aligned}"""
BOX_TABLE = r"""\begin{array}{c|rrr}
 & t^* & t & \mathrm{smooth}_{L_1}\\ \hline
x & %s & %s & %s \\
y & %s & %s & %s \\
w & %s & %s & %s \\
h & %s & %s & %s
\end{array}"""
BOX_FORMULA = r"""\begin{aligned}
L_\mathrm{box} &= %s + %s + %s + %s \\
&= %s
\end{aligned}"""
BOX_NOTICE = (
    "smooth L1 is 4.5·d² for a difference |d| below 1/9 and |d| − 1/18 above. **Notice:** most of it is {which} here; "
    "on the straight part a wild miss pulls no harder than a small one."
)
SIDES = ("the place in x", "the place in y", "the width", "the height")
MASK_LOSS = r"**$L_\mathrm{mask}$:** the true class’s mask $m$ against what it should be, $y$, pixel by pixel"
MASK_FORMULA = r"""\begin{aligned}
L_\mathrm{mask} &= -\tfrac{1}{28^2}\sum_{i,j}\big[\,y\ln m \\
&\qquad + (1-y)\ln(1-m)\,\big] \\
&= \tfrac{%s}{784} = %s
\end{aligned}"""
MASK_WORST = (
    "The costliest pixel is in row {row}, column {column}: y = {y:.2f}, m = {m:.3f}, which costs {loss:.2f}. "
    "**Notice:** {rim:.0%} of the loss lies on the outline, where y is neither 0 nor 1. The other classes’ masks don’t "
    "count, so classes never compete for a pixel."
)
WHERE = "In training the mask is drawn in the proposal, in use in the corrected box: so this m isn’t picture 2’s."
TOTAL = "**All of this picture:** {proposals} proposals, {on} of them on objects"
TOTAL_FORMULA = r"""\begin{aligned}
L &= L_\mathrm{rpn} + L_\mathrm{cls} + L_\mathrm{box} + L_\mathrm{mask} \\
&= %s + %s + %s + %s \\
&= %s
\end{aligned}"""
TOTAL_NOTICE = (
    r"$L_\mathrm{rpn}$ is the loss of the network that proposes. Each proposal weighs as often as training draws it: "
    r"at most a quarter of those drawn lie on objects. **Notice:** $L_\mathrm{box}$ is divided by all that are drawn, "
    r"though background adds nothing to it."
)
