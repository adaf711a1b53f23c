"""One-click experiments of the Segment page: a name, a sentence that the visitor can check, and the choices.

The home page shows them as cards; `link` gives the deep link's parameters. What a preset doesn't name goes back to
its default, so that the same click always gives the same experiment.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode


@dataclass(frozen=True)
class Preset:
    """`params` are the link's parameters (`ui.segment_state.FIELDS`); `sentence` says what to check."""

    key: str
    name: str
    sentence: str
    params: dict[str, str]
    icon: str = ":material/science:"

    @property
    def link(self) -> str:
        """The parameters as they stand in an address, with the question mark.

        >>> PRESETS[1].link
        '?image=china&model=street&view=entropy&temp=4'
        """
        return f"?{urlencode(self.params)}"


PRESETS: tuple[Preset, ...] = (
    Preset(
        "palace", "A palace in a street model",
        "It never saw a palace or a lake. Sky and trees come out well; what does it call the roofs, and what the lake?",
        {"image": "china", "model": "street"}, ":material/temple_buddhist:",
    ),
    Preset(
        "temperature", "Four times hotter",
        "Temperature 4 makes the network unsure nearly everywhere, and yet not one pixel changes its label.",
        {"image": "china", "model": "street", "view": "entropy", "temp": "4"}, ":material/device_thermostat:",
    ),
    Preset(
        "unsure", "Only what it is sure of",
        "Ask for 90 %: on the palace Sign and Car are gone, and most of the Building; sky and trees stay.",
        {"image": "china", "model": "street", "conf": "0.9"}, ":material/verified:",
    ),
    Preset(
        "coarse", "A picture for a stamp",
        "At a short side of 128 pixels outlines turn soft, and the palace, a Building before, becomes Sign and Car.",
        {"image": "china", "model": "street", "short": "128"}, ":material/photo_size_select_small:",
    ),
    Preset(
        "seams", "Seams between tiles",
        "Tiles of 128 pixels without overlap: each one guesses without its surroundings. Find the straight seams.",
        {"image": "china", "model": "street", "tile": "128", "overlap": "0", "blend": "constant"},
        ":material/grid_on:",
    ),
    Preset(
        "stranger", "A face for a street model",
        "Street scenes are all it knows, and no class of its says “I don't know”: read its entropy before its labels.",
        {"image": "astronaut", "model": "street", "view": "entropy"}, ":material/person_alert:",
    ),
)  # fmt: skip
