"""Real photographs that come inside installed packages: nothing is downloaded, so they are there offline too.

Credits are those of the packages' own files: scikit-learn's `datasets/images/README.txt` and the docstrings of
scikit-image's `data` module. `suits` names the models of `seglab.zoo` that know something in the picture, best first.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from seglab import images
from seglab.types import Image

VOC_MODELS = (
    "deeplabv3-mobilenet", "lraspp-mobilenet", "deeplabv3-resnet50", "deeplabv3-resnet101", "fcn-resnet50",
    "fcn-resnet101",
)  # fmt: skip
STREET_MODELS = ("street", "street-fast")


@dataclass(frozen=True)
class Picture:
    """One gallery picture: `file` of `package`, the models that know what it shows, and `alt`, what it shows."""

    key: str
    title: str
    package: str
    file: str
    credit: str
    licence: str
    suits: tuple[str, ...]
    alt: str

    @property
    def path(self) -> Path:
        """Where the file lies on this machine; FileNotFoundError names the package to install."""
        spec = find_spec(self.package)
        if spec is None or not spec.submodule_search_locations:
            raise FileNotFoundError(f"{self.title} comes with the package {self.package}, which isn't installed.")
        return Path(spec.submodule_search_locations[0]) / self.file


GALLERY: dict[str, Picture] = {
    picture.key: picture
    for picture in (
        Picture(
            "china", "Summer Palace", "sklearn", "datasets/images/china.jpg",
            "Daniel Büchele, with scikit-learn", "CC BY 2.0", STREET_MODELS,
            "A Chinese palace on a hill with trees, under a blue sky",
        ),
        Picture(
            "astronaut", "Eileen Collins", "skimage", "data/astronaut.png",
            "NASA Great Images, with scikit-image", "public domain", VOC_MODELS,
            "An astronaut in an orange suit, smiling, in front of a flag and a model of the Space Shuttle",
        ),
        Picture(
            "chelsea", "Chelsea the cat", "skimage", "data/chelsea.png",
            "Stefan van der Walt, with scikit-image", "CC0", VOC_MODELS,
            "The face of a ginger cat, close up",
        ),
        Picture(
            "motorcycle", "Motorcycle", "skimage", "data/motorcycle_left.png",
            "D. Scharstein et al., Middlebury stereo 2014, with scikit-image", "for research, cite the authors",
            VOC_MODELS, "A motorcycle parked in a workshop",
        ),
        Picture(
            "coffee", "Cup of coffee", "skimage", "data/coffee.png",
            "Rachel Michetti, Pikolo Espresso Bar, with scikit-image", "CC0", VOC_MODELS,
            "A cup of coffee on a saucer with a spoon, on a wooden table",
        ),
        Picture(
            "rocket", "Rocket at dusk", "skimage", "data/rocket.jpg",
            "SpaceX, with scikit-image", "public domain", (),
            "A rocket on its launch pad at dusk, between lightning towers",
        ),
        Picture(
            "flower", "Dahlia", "sklearn", "datasets/images/flower.jpg",
            "vultilion, with scikit-learn", "CC BY 2.0", VOC_MODELS,
            "An orange dahlia in front of dark leaves",
        ),
    )
}  # fmt: skip
DEFAULT = "china"
UPLOAD = "upload"  # the key of an own picture, wherever it came from


@lru_cache(maxsize=len(GALLERY))
def load(key: str) -> Image:
    """Return the gallery picture `key` as RGB uint8 (H, W, 3), read-only; KeyError for a key that isn't there.

    >>> load("china").shape
    (427, 640, 3)
    """
    image = images.decode(GALLERY[key].path)
    image.flags.writeable = False
    return image


def here() -> list[str]:
    """Keys of the pictures whose package is installed on this machine, in the order of `GALLERY`."""
    keys = []
    for key, picture in GALLERY.items():
        try:
            found = picture.path.is_file()
        except FileNotFoundError:
            found = False
        if found:
            keys.append(key)
    return keys
