"""Words of the tabs "Descend", "Train live" and "Border weights" of the page "Losses & metrics"."""

TAB_DESCEND, TAB_TRAIN, TAB_BORDER = "Descend", "Train live", "Border weights"

# descend
D_INTRO = (
    "A tiny network (two convolutions and **one bias for all pixels**) learns the truth above from a noisy picture of "
    "it, once under each of your two losses, from the same weights. All pixels share the weights: whoever pulls "
    "harder, wins."
)
D_START, D_RATE, D_STEPS = "Probability at the start", "Learning rate", "Steps"
D_START_HELP = (
    "Every pixel starts at this probability p: the bias starts at log(p/(1 − p)). Lin et al. start theirs small, at "
    "0.01."
)
D_PRIOR, D_PRIOR_HELP = "Start at the object’s share", "The share of the picture that is the object: the prior."
D_BIAS = "The bias starts at log(p/(1 − p)) = **{bias:+.2f}**."
D_LARGE = (
    "This picture is large ({w}×{h}): {steps} steps of both losses take about {seconds:.0f} s of a free core. An "
    "object of the same size on 64×64 pixels (see “More” above) shows the same at once."
)
D_TOO_LARGE = (
    "This picture is too large for a descent: {w}×{h} pixels; at most {most}×{most} are taken. Choose a smaller truth."
)
D_ONE_STEP, D_MANY_STEPS = "1 step", "{n} steps"
D_COMPUTE = "Compute it"
D_WORKING = "Descending…"
D_REFUSED = "{title} can’t be used on this truth. {error}"
D_SEEN, D_STEP = "What the network sees", "Step"
D_PANEL = "{title}<br>object {foreground:+.2g}<br>background {background:+.2g}"
D_PLAY, D_PAUSE = "Play", "Pause"
D_NOTE = (
    "The masks as they form, p from 0 (dark) to 1 (bright). Over each stands what both sides pull at the bias now, "
    "Σ∂loss/∂logit: negative pulls it up, positive pushes it down."
)
D_STAYED = "Steps at “all background”, {title}"
D_OF = "{empty} of {steps}"
D_PULL = "What pulls at the bias, {title}"
D_OBJECT, D_BACKGROUND = "object", "background"
D_CHARTS = (
    "Over the steps: what pulls at the bias, Σ∂loss/∂logit of object and of background, and how many pixels are called "
    "object (dotted: how many there are)."
)
D_FOUND, D_TRUE = "Pixels that are called object", "truth"
D_AT_START = (
    "At the first step the object’s {n} pixels pull with {foreground:.2g} and the other {rest} push with "
    "{background:.2g} under {title}."
)
D_BOTH_NEVER = "Neither ever says “all background”: a start above ½, or a loss that at once calls a pixel object."
D_BEGAN = (
    "At this start pixels are called object from the first step on. Later {a} says “all background” for {empty_a}, {b} "
    "for {empty_b}."
)
D_BOTH_STAY = (
    "Both stay at “all background” for all {steps}. Make the object larger, or the learning rate, or take more "
    "steps: which of the two gets away first?"
)
D_ONE_STAYS = (
    "**{quick} leaves “all background” after {left}; {slow} is still there after {steps}.** Nothing but the loss "
    "differs."
)
D_BOTH_LEAVE = (
    "**{quick} leaves “all background” after {left}, {slow} after {later}.** A smaller object tells them further apart."
)
D_SAME = "Both leave “all background” after {left}. Make the object smaller: most losses part then."
D_BACK = (
    "{title} falls back to “all background” in the end: its steps got too large. No learning rate suits all losses; "
    "lower it."
)
D_FLOODED = (
    "{title} ends with {found:,} pixels called object, where {n:,} are: its steps got too large. No learning rate "
    "suits all losses; lower it."
)
D_DIVERGED = "With {title} the numbers ran over after {n}: the learning rate is too high."

# train live
T_INTRO = (
    "A small network for each loss, from the same weights and on the same drawn streets, has to find a rare thing. "
    "Guess first: who finds it first, and who says “nothing there” longest?"
)
T_THING, T_IMBALANCE, T_LOSSES = "Thing", "Imbalance", "Losses (up to three)"
T_IMBALANCE_HELP = "0: as likely as any other thing. 1: a hundred times less likely than the commonest."
T_THINGS, T_SIZE = "Most things in a scene", "Largest thing (pixels)"
T_SIZE_HELP = "Of a picture 128 pixels high; the networks see it at half that size. The smallest has 8."
T_MORE = "More: steps, learning rate, how a batch is counted"
T_STEPS, T_RATE, T_SEED = "Training steps", "Step size (learning rate)", "Number of the start"
T_SEED_HELP = "First weights and order of the scenes: try whether another start says the same."
T_EACH = "Each picture by itself"
T_EACH_HELP = (
    "Off: the batch counts as one large picture. On: the loss is the mean of the pictures’ losses, and most of them "
    "don’t hold the thing at all: see what that does to Dice."
)
T_RARE = (
    "The first of the scenes to learn from. Of {n}, **{holding} hold the thing ({thing})**; it is {share:.2%} of their "
    "pixels."
)
T_RARE_ALT = "Six drawn streets side by side, from those that the networks learn from."
T_NOBODY = "Choose one to three losses."
T_SETTINGS = "{title}: {values}"
T_FROM = "Their parameters are those of “Loss A” and “Loss B” above; change them there, then “Go on”."
T_TIME = (
    "{steps} steps of {n} network{s} take about {seconds:.0f} s of a core of this kind of machine, if nobody else "
    "trains."
)
T_SCORE = "IoU on scenes set aside"
T_ROWS = {"picture": "Scenes set aside (here the thing is as likely as others)", "truth": "Truth"}
T_FINDS = "**{name}** finds the thing from step {step} on (IoU above {least:g}) and stands at {score:.2f}."
T_NEVER = "**{name}** hasn’t found it: IoU {score:.2f}."
T_NOTICE = (
    "Watch the row of each loss: first all is dark, “nothing there”. The loss curve falls meanwhile: saying “nothing” "
    "is right for nearly all pixels."
)

# border weights
B_INTRO = (
    "Nuclei that touch: the few pixels between them decide whether one finds **two nuclei or one**, and hardly count "
    "among all the others. U-Net makes them dear."
)
B_SEED, B_W0, B_SIGMA, B_TOUCHING = "Number of the picture", "$w_0$", "$σ$ (pixels)", "Share of nuclei that touch"
B_UPLOAD = "Your own nuclei: a PNG of ids, 16 bits (as `segment --task instance` writes it)"
B_BACK = "Back to drawn nuclei"
B_BAD_FILE = "`{name}` can’t be used: {error} The nuclei you had are still there."
B_NO_CELLS = "It holds no nucleus: every pixel is 0."
B_TOO_MANY = "It holds {cells:,} nuclei; at most {most:,} are taken. Cut a part out of it first."
B_PIECES = (
    "Its {cells} numbers are in {pieces} pieces: that is a photograph, not a map of ids. Wanted is a number for each "
    "nucleus, 0 elsewhere."
)
B_NUCLEI, B_APART, B_WEIGHTS = "Nuclei", "What is to be learnt", "Weight of each pixel"
B_CLASSES = ("background", "nucleus", "gap that was cut")
B_NUCLEUS, B_NOTHING = "nucleus {id}", "background"
B_WEIGHT = "weight"
B_ALT = {
    "nuclei": "Nuclei, each in a colour of its own.",
    "apart": "The truth to learn: nuclei, background, and the gaps cut where nuclei touch.",
    "weights": "The weight of each pixel: brightest in the gaps between nuclei. Click a pixel to see its numbers.",
}
B_LEGEND = "Click a pixel of the weight map: the formula below is that pixel’s."
B_FORMULA = r"w(x) = w_c(x) + w_0 \exp\!\left(-\frac{(d_1(x) + d_2(x))^2}{2\sigma^2}\right)"
B_FILLED = (
    r"w({x}, {y}) = {wc:.3f} + {w0:g} \cdot \exp\!\left(-\frac{{({d1:.2f} + {d2:.2f})^2}}{{2 \cdot {sigma:g}^2}}\right)"
    r" = {wc:.3f} + {w0:g} \cdot {falloff:.4f} = {w:.3f}"
)
B_INSIDE = r"w({x}, {y}) = w_c = {wc:.3f} \quad\text{{(inside a nucleus the border term is 0)}}"
B_ALONE = r"w({x}, {y}) = w_c = {wc:.3f} \quad\text{{(there are no two nuclei)}}"
B_SYMBOLS = (
    "$d_1$, $d_2$: distances of the pixel to the nearest and the second nearest nucleus. $w_c$: the class’s weight, "
    "here so that nuclei and background count alike. A gap that was cut is two pixels wide, $d_1 + d_2 = 3$: with a "
    "$σ$ far below that, the weights do nothing."
)
B_SHARE = (
    "The cut gaps are {pixels:.1%} of the pixels; of all weight they have {without:.1%} without the border term and "
    "**{with_:.1%} with it**."
)
B_TRAIN = "With and without"
B_TRAIN_INTRO = (
    "Two small networks learn drawn nuclei, from the same weights and batches; only one has the border weights, with "
    "the $w_0$ and $σ$ from above. Guess: how many nuclei does each find one by one?"
)
B_TIME = "{steps} steps take about {seconds:.0f} s of a core of this kind of machine, if nobody else trains."
B_MORE = "More: how many nuclei touch, training steps"
B_STEPS = "Training steps"
B_NAMES = ("Class weights alone", "With border weights")
B_SCORE = "Nuclei found one by one"
B_SCORE_NOTE = (
    "The score is TP/(TP + FP + FN) at an IoU above ½, of connected components where p > ½. A colour is one component: "
    "where nuclei stick together, they have one colour."
)
B_ROWS = {"picture": "Pictures set aside", "truth": "Truth"}
B_NOTICE = "After {steps} steps **{without:.0%}** without and **{with_:.0%}** with border weights, at a threshold of ½."
B_THRESHOLD_NOTICE = (
    "At the threshold that suits it best, the network without border weights reaches **{best:.0%} (at {at:g})**, the "
    "one with them {best_with:.0%} (at {at_with:g})."
)
B_MOVED = (
    "So it knows the gaps too, but calls them nucleus at ½: most of what the weights do is to move the line to where "
    "½ is."
)
B_NOT_MOVED = "So at no threshold does it know the gaps as well."
B_NO_DIFFERENCE = (
    "Hardly a difference. Either few nuclei touch, or σ is far below the gap’s width, or $w_0$ is small, or it is too "
    "early: try more steps."
)
B_THRESHOLD = "Threshold"
B_OVER = "Score over the threshold"
