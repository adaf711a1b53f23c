"""The words of the home page and of the menu."""

ABOUT = "**SegLab**: a laboratory for image segmentation. Everything runs on the machine that serves this page."
TITLE = "SegLab"
QUESTION = "What does a network see in your picture, pixel by pixel?"
INTRO = (
    "SegLab is a laboratory for **image segmentation**: you move a parameter and see at once what it does to a real "
    "network on a real photograph. Everything runs on the machine that serves this page; no picture leaves it."
)
SETTINGS = "This server's settings can't be used; whoever runs it has to change them and start it again. {problem}"
START = (
    "New here? Open **{first}**, look at the picture that is there, then drop in one of your own. Each card below "
    "is an experiment that is already set up: read its sentence, say what you expect, then look."
)
EXPERIMENTS = "{lesson}: one click, one experiment"
MACHINE = "What runs on this machine"
MACHINE_LINE = "{processor}, {cores}{memory}; {gpu}. {computes}"
CORE, CORES = "1 core", "{n} cores"
MEMORY = ", {gb:.0f} GB memory"
NO_GPU = "no GPU seen"
COMPUTES = "Networks run on: **{device}**."
LOADING = "PyTorch is being loaded in the background."
MODEL_HEAD = "| Model and classes | Weights | Score |\n|---|---|---|"
MODEL_ROW = "| **{title}**: {n} of {palette} | {where} | {score} |"
HERE = "on this machine, {mb:.1f} MB"
DOWNLOAD = "to download, {mb:.1f} MB"
MISSING = "not part of this installation"
SCORE = "{metric} {score:.3f} ({split})"
NO_SCORE = "–"
MODELS_NOTE = (
    "Models on this machine work without a network; the others are downloaded once, when you first choose them. "
    "The **score** is each model's own on the named data, so compare it only within one data set (**mean IoU** of "
    "classes, **mask AP** of objects); where a model has learnt from that data too, it is the score of the same recipe "
    "trained without it."
)
