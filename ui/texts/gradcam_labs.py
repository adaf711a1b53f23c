"""All words of the tabs "Other networks" and "Bias lab" of the page "Grad-CAM", in one place."""

# other networks
KIND = "Network"
KINDS = {"classifier": "A classifier", "object": "One object (Mask R-CNN)"}

# a classifier
C_INTRO = (
    "A classifier gives **one class for the whole picture**: y is that class's score, and no mask stands in the way. "
    "Click on something: the square around it is what the network sees."
)
C_MODEL, C_CLASS, C_LAYER = "Classifier", "What is explained", "Layer of the classifier"
C_TOP = "What it says: {name}"
C_WHOLE = "Take the whole picture"
C_THING = "Take the largest thing"
C_LEFT = "**What it is shown**: click on another thing"
C_RIGHT = "**What makes it say {name}?**"
C_SEES = "seen by the classifier"
C_ALT_LEFT = "{what}. The square that the classifier sees is light, the rest darkened."
C_ALT = "The square that the classifier sees, with {method} for {name} as colours over it."
C_COLUMNS = ("Class", "Probability")
C_OUTSIDE = "Heat outside the {name}"
C_OUTSIDE_HELP = "Share of the map, with its ReLU, that doesn't lie on the thing that was clicked on, as it truly is."
C_TRUE = "It truly is: **{name}**."
C_RIGHT_SAID, C_WRONG_SAID = "The classifier is right.", "**The classifier is wrong**: look where the heat is."
C_NUMBERS = "Largest value **{most:.3g}**, least {least:.3g}; score y = **{score:.4g}**; a map of {h}×{w} cells."
C_NOTICE = (
    "Notice what the square holds besides the thing: road, pavement, a shadow. Ask for another class of the list, and "
    "see what speaks for that one."
)
C_RESNET = (
    "It knows 1000 classes of ImageNet, and answers with one of them whatever it sees: on a drawn street that says "
    "little."
)
C_OURS = "It has learnt the five things of drawn streets, and answers with one of them whatever it sees."

# one object
O_INTRO = (
    "A detector answers for **one object at a time**: y is the score of its class, read from its box alone, or the sum "
    "of its mask's logits. Click on an object."
)
O_OF = "What is summed"
O_OFS = {"class": "Class score", "mask": "Mask logits"}
O_OF_HELP = "The class's logit of this object's box, or the logits of all pixels of its small mask (28×28)."
O_LAYER = "Layer of the detector"
O_LEFT = "**Its objects**: click on one"
O_RIGHT = "**Why this {name}: {method}**"
O_OBJECTS, O_NOTHING, O_CHOSEN = "Objects", "no object", "explained"
O_ENTRY = "{name} {n}, {score:.0%}"
O_ALT_LEFT = "{what}. {n} objects found by Mask R-CNN, each in its own colour; the one explained is hatched."
O_ALT = "{what}. {method} for one object, a {name}, as colours over the picture."
O_NONE = "The detector finds no object in this picture: take another street."
O_MISSED = "There is no object where you clicked, so the largest one is explained: click on a coloured one."
O_PHOTO = "This needs a drawn street, or torchvision's Mask R-CNN, whose weights aren't on this machine."
O_OUTSIDE = "Heat outside its mask"
O_OUTSIDE_HELP = "Share of the map, with its ReLU, that lies outside the object's own mask, as the detector found it."
O_NUMBERS = "{name}, {sure:.0%} sure; y = **{score:.4g}**; largest value **{most:.3g}**."
O_NOTICE = (
    "Grad-CAM's α is a mean over **all** places, and knows nothing of the object's box: its heat may lie anywhere. "
    "HiResCAM multiplies place by place, and the heat comes back to the object. What is left outside was seen by the "
    "cells along its box."
)

# bias lab
B_INTRO = (
    "Dogs in the park, cars between houses: in such pictures **the street gives the class away**. Train a small "
    "network on them, one on balanced pictures, and one that is repaired on the way, and see where each of them looks."
)
B_DEGREE = "Pictures whose street goes with the class"
B_DEGREE_HELP = "50 %: street and class have nothing to do with each other. 100 %: they always go together."
B_MORE = "More: steps, number of the start"
B_STEPS, B_SEED = "Training steps", "Number of the start"
B_SEED_HELP = "First weights and order of the pictures: try whether another start says the same."
B_SEEN = "What the biased network learns from: {own} of these {n} are in their class's own street"
B_SEEN_ALT = "Drawn streets side by side: dogs and cars, in parks and between houses."
B_PREDICT = (
    "**Predict first:** on a dog between houses, what will the biased network say, and where will its map be hot?"
)
B_TIME = "Three networks, {steps} steps: some {seconds} seconds of one core."
B_MAPS = "The maps are Grad-CAM for the true class, each coloured by its own largest value: where does each look?"
B_SCORE = "Accuracy on counter-examples"
B_ROWS = {"picture": "Held out: dog in the park, dog between houses, car in the park, car between houses"}
B_LINES = {
    "Biased": "trained on the pictures above", "Balanced": "on pictures of either street, as many of each",
    "Repaired": "the biased one, on balanced pictures from a third of the steps on",
}  # fmt: skip
B_LINE = "- **{name}**: {what}."
B_COLUMNS = ("Network", "Right, own street", "Right, counter-examples", "Heat on the thing", "… in counter-examples")
B_PICTURES = ("Dog in the park", "Dog, houses (counter)", "Car in the park (counter)", "Car, houses")
B_CELL, B_CELL_COLD = "{mark} {name}, {on:.0%} on it", "{mark} {name}, no heat"
B_EVEN = (
    "Heat on the thing: the share of Grad-CAM's heat for the true class, mean over {n} held-out pictures. A map "
    "without preference would have {even:.0%}."
)
B_COLD = "{name}: in {n} of the pictures everything speaks against the true class: no heat to count."
B_TRAINED = "**Trained at {degree:.0%}**, {steps} steps, start {seed}."
B_CHANGED = "The controls have moved since: train again to see what they give."
B_BIASED = (
    "**It looks at the street.** The biased network is right on {own:.0%} of the pictures like its own and on "
    "{counter:.0%} of the counter-examples; only {on:.0%} of its heat lies on the thing, against {balanced:.0%} of the "
    "balanced one's."
)
B_ALIKE = (
    "At this degree the biased network is right on {counter:.0%} of the counter-examples, with {on:.0%} of its heat on "
    "the thing (balanced: {balanced:.0%}): a few counter-examples to learn from are enough."
)
B_REPAIRED = (
    "**Rebalancing repairs it**: from {before:.0%} to {after:.0%} of the counter-examples, and {on:.0%} of the heat on "
    "the thing."
)
B_NOT_REPAIRED = (
    "Rebalancing hasn't repaired it yet: {after:.0%} of the counter-examples (biased: {before:.0%}). Give it more "
    "steps."
)
