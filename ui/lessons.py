"""The course as one literal table: which lessons there are, what each asks, where its page lies. Knows no Streamlit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from seglab import zoo
from ui import arch_presets, compare_presets, gradcam_presets, losses_presets, upsampling_presets
from ui.presets import PRESETS, Preset
from ui.texts import architectures, compare, gradcam, losses, segment, upsampling

ROOT = Path(__file__).resolve().parents[1]
HOME = "app.py"


@dataclass(frozen=True)
class Lesson:
    """One page: `file` relative to the repository's root, `icon` a Material symbol, `experiments` one click each.

    `teaser` says what one can do there; `cover` names the experiment whose thumbnail stands for the lesson; without the
    models in `needs` it has nothing to show.
    """

    file: str
    title: str
    question: str
    teaser: str
    icon: str
    section: str
    experiments: tuple[Preset, ...] = ()
    cover: str = ""
    needs: tuple[str, ...] = ()


LESSONS: tuple[Lesson, ...] = (
    Lesson(
        file="pages/1_Segment.py",
        title=segment.TITLE,
        question=segment.QUESTION,
        teaser="Drop in a photo and get a mask. See where the network hesitates, correct it, take it home.",
        icon=segment.ICON,
        section="Tasks",
        experiments=PRESETS,
        cover=PRESETS[0].key,
    ),
    Lesson(
        file="pages/2_Compare_tasks.py",
        title=compare.TITLE,
        question=compare.QUESTION,
        teaser="Guess, then see what semantic, instance and panoptic segmentation each answer, and why they differ.",
        icon=compare.ICON,
        section="Tasks",
        experiments=compare_presets.PRESETS,
        cover=compare_presets.PRESETS[0].key,
        needs=("scenes", "scenes-instances"),
    ),
    Lesson(
        file="pages/3_Losses_and_metrics.py",
        title=losses.TITLE,
        question=losses.QUESTION,
        teaser="Paint a truth and a prediction, and watch what every metric says and where each loss pulls.",
        icon=losses.ICON,
        section="Learning",
        experiments=losses_presets.PRESETS,
        cover=losses_presets.PRESETS[5].key,
    ),
    Lesson(
        file="pages/4_Upsampling.py",
        title=upsampling.TITLE,
        question=upsampling.QUESTION,
        teaser=upsampling.TEASER,
        icon=upsampling.ICON,
        section="Learning",
        experiments=upsampling_presets.PRESETS,
        cover=upsampling_presets.PRESETS[0].key,
    ),
    Lesson(
        file="pages/5_Grad_CAM.py",
        title=gradcam.TITLE,
        question=gradcam.QUESTION,
        teaser=gradcam.TEASER,
        icon=gradcam.ICON,
        section="Learning",
        experiments=gradcam_presets.PRESETS,
        cover=gradcam_presets.PRESETS[0].key,
        needs=("scenes",),
    ),
    Lesson(
        file="pages/6_Architectures.py",
        title=architectures.TITLE,
        question=architectures.QUESTION,
        teaser=architectures.TEASER,
        icon=architectures.ICON,
        section="Learning",
        experiments=arch_presets.PRESETS,
        cover="arch-rows",
    ),
)


def lessons() -> tuple[Lesson, ...]:
    """Return the lessons whose page and models are there, in the order of the course."""
    there = set(zoo.offered())
    return tuple(lesson for lesson in LESSONS if (ROOT / lesson.file).is_file() and set(lesson.needs) <= there)
