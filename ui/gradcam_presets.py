"""One-click experiments of the page "Grad-CAM"; see `ui.presets` for what a preset is."""

from __future__ import annotations

from seglab import zoo
from ui.presets import Preset

# Needs ResNet-50's weights, which aren't part of the package.
PHOTO: tuple[Preset, ...] = (
    Preset(
        "gradcam-photo", "Cat or dog?",
        "A network of 1000 classes looks at a cat. Explain what it says, then “golden retriever”: does the heat move?",
        {"reveal": "1", "what": "photo", "image": "chelsea", "gtab": "other", "cnet": "resnet50", "clayer": "layer4"},
        ":material/pets:",
    ),
) if zoo.weights_here("resnet50") else ()  # fmt: skip

PRESETS: tuple[Preset, ...] = (
    Preset(
        "gradcam-elsewhere", "Found, but not looked at",
        "The car is found nearly to the pixel, and most of the heat lies elsewhere. What does the network go by?",
        {"reveal": "1", "cls": "car", "layer": "context"}, ":material/visibility_off:",
    ),
    Preset(
        "gradcam-shallow", "The same car, a shallower layer",
        "Sixteen cells a side where there were eight: now most of the heat is on the car. Same network, same question.",
        {"reveal": "1", "cls": "car", "layer": "stage8"}, ":material/layers:",
    ),
    Preset(
        "gradcam-dog", "Dog or car?",
        "Both are in this street. Change the class from dog to car: the heat follows, though not all of it.",
        {"reveal": "1", "seed": "4", "cls": "dog", "layer": "stage8"}, ":material/pets:",
    ),
    Preset(
        "gradcam-edge", "One pixel at a boundary",
        "Car against pavement, nearly a tie. Explain this pixel as car, then as pavement: do the maps differ?",
        {"reveal": "1", "cls": "car", "layer": "stage8", "where": "pixel", "spot": "277,294", "signed": "1"},
        ":material/border_inner:",
    ),
    Preset(
        "gradcam-survives", "A map that survives",
        "EigenCAM never asks for the class. Draw the weights anew under “Trust”: the map stays until its own layer.",
        {"reveal": "1", "cls": "car", "layer": "stage8", "cam": "eigencam"}, ":material/shield:",
    ),
    Preset(
        "gradcam-vanishes", "A gradient that vanishes",
        "The road is certain, so its probability can't move. The colours look strong all the same: read the values.",
        {"reveal": "1", "cls": "road", "layer": "context", "where": "pixel", "spot": "190,370", "y": "probability"},
        ":material/blur_off:",
    ),
    Preset(
        "gradcam-classifier", "What makes it say car?",
        "A classifier has no mask to redraw. How much of its heat lies on the thing, and what does it use besides?",
        {"reveal": "1", "cls": "car", "layer": "stage8", "gtab": "other", "clayer": "stage8"}, ":material/category:",
    ),
    Preset(
        "gradcam-object", "A mean that forgets where",
        "Why this one car of Mask R-CNN's? Grad-CAM's heat lies anywhere but on it, HiResCAM's comes back. Why?",
        {"reveal": "1", "cls": "car", "layer": "stage8", "gtab": "other", "kind": "object", "oof": "mask",
         "olayer": "backbone.stages.2"},
        ":material/crop_free:",
    ),
    Preset(
        "gradcam-bias", "The street gives it away",
        "Train on dogs in parks and cars between houses: in half a minute a network learns the street, not the dog.",
        {"reveal": "1", "cls": "car", "layer": "stage8", "gtab": "bias"}, ":material/balance:",
    ),
    *PHOTO,
)  # fmt: skip
