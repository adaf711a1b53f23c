"""`bench zoo`: the architectures side by side: what they score, by their cards, and what they cost, measured here.

**Scores** are those of `python scripts/zoo.py`: every architecture at its small size, one recipe, drawn scenes. With
several seeds: the mean, ± half the range over them. The measures are described in `seglab.evaluate_zoo`, the splits in
`seglab.datasets.axes`: "8–16" … "64–128" are the things IoU of scenes whose things have that size in pixels, "thin" is
the thin recall of scenes full of thin structures, "context" the IoU of the classes that only their place tells apart.

**Costs** are of one picture of 128×128 (V-Net: a volume of 32×64×64), float32, weights as they are built: parameters;
MACs (`seglab.cost`); ms, the median of some runs on the CPU, and on a GPU where there is one; activations that one
training pass keeps (`seglab.memory`, half of what two pictures keep); the theoretical receptive field
(`seglab.receptive_field`; + where a path comes from the whole picture); and two output strides: that of the finest map
of scores, and that of the coarsest map on the way. Mask R-CNN finds objects: it is measured on a scene, by its own
score, and has no field or stride, for it looks where it finds something. The sliding window is measured as one pass
with dilated kernels, which gives the same numbers; window by window it would be many times dearer (`nets/patch.py`).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from seglab import zoo
from seglab.architectures import ARCHITECTURES, Architecture
from seglab.cards import CategoryScore, InstanceScore, Score
from seglab.download import WeightsError
from seglab.machine import line

if TYPE_CHECKING:
    from seglab.bench.zoo_costs import Costs

RESULTS = "zoo.json"
CLEARLY = 0.05  # above the better baseline: less is said in the table
TRAINABLE = {row.key: row for row in ARCHITECTURES if row.model}
# Each column of scores: its title, the split, the measure.
COLUMNS = (
    ("mean IoU", "test", "mean_iou"), ("boundary", "test", "boundary_iou"), ("8–16", "8-16", "things_iou"),
    ("16–32", "16-32", "things_iou"), ("32–64", "32-64", "things_iou"), ("64–128", "64-128", "things_iou"),
    ("thin", "thin", "thin_recall"), ("context", "context", "alike_iou"),
)  # fmt: skip
# What the course claims, the weaker one first, and the column in which it should show.
CLAIMS = (
    ("boundary", "fcn-32s", "fcn-16s"), ("boundary", "fcn-16s", "fcn-8s"), ("thin", "fcn-32s", "fcn-16s"),
    ("thin", "fcn-16s", "fcn-8s"), ("8–16", "fcn-32s", "fcn-8s"), ("boundary", "encoder-decoder", "unet"),
    ("thin", "encoder-decoder", "unet"), ("boundary", "segnet", "unet"), ("thin", "segnet", "unet"),
    ("context", "fcn-fine", "fcn-dilated"), ("context", "fcn-undilated", "fcn-dilated"),
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One architecture: what its card says, and what it costs.

    trained: whether it has a card. scores: by column, (mean, half the range) over the seeds; iou: by class, on `test`;
    metric: what a detector has instead of both. margin: its mean IoU less the best baseline's; None: unknown.
    """

    key: str
    title: str
    model: str
    trained: bool
    seeds: int
    scores: dict[str, tuple[float, float]]
    iou: dict[str, float]
    metric: tuple[str, float] | None
    margin: float | None
    costs: Costs


def measure(rows: Sequence[Architecture], repeats: int, say: Callable[[str], None] = lambda _: None) -> Iterator[Row]:
    """Read the cards, measure the costs, and yield each architecture's row as soon as it is there."""
    from seglab.bench import zoo_costs

    for row in rows:
        say(row.key)
        model = str(row.model)
        splits = _splits(model)
        scores = {title: score.over_seeds(name) for title, split, name in COLUMNS
                  if isinstance(score := splits.get(split), Score) and name in ("mean_iou", *score.also)}  # fmt: skip
        test = next(iter(splits.values()), None)
        best = [found["mean IoU"] for found in baselines(row.volumes).values()]
        yield Row(
            row.key,
            row.title,
            model,
            test is not None,
            row.seeds,
            scores,
            dict(test.iou) if isinstance(test, Score) else {},
            test.headline if isinstance(test, InstanceScore) else None,
            scores["mean IoU"][0] - max(best) if scores and best else None,
            zoo_costs.measure(row, repeats),
        )


def _splits(model: str) -> Mapping[str, Score | InstanceScore | CategoryScore]:
    try:
        return zoo.card(model).scores
    except WeightsError:  # not trained yet
        return {}


def baselines(volumes: bool) -> dict[str, dict[str, float]]:
    """Return each baseline's scores by column, as they were measured beside the trainings; {} if they weren't."""
    found = _results().get("baselines", {}).get("Volumes" if volumes else "Scenes", {})
    return {
        name: {title: splits[split][measure] for title, split, measure in COLUMNS
               if splits.get(split, {}).get(measure) is not None}
        for name, splits in found.items()
    }  # fmt: skip


def _results() -> dict[str, Any]:
    """Return what the trainings left besides the cards; {} if nothing."""
    file = zoo.WEIGHTS / RESULTS
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Longer:
    """Mean IoU on `test` of an architecture's first training, and of one alike with `times` times its steps."""

    key: str
    times: int
    before: float
    after: float


def longer() -> list[Longer]:
    """Return the longer trainings that were made to see what is only undertrained."""
    known = _results()
    found = []
    for key, result in known.get("longer", {}).items():
        if first := known["runs"].get(key):
            before, after = (one["splits"]["test"]["mean_iou"] for one in (first[0], result))
            found.append(Longer(key, result["times"], before, after))
    return found


@dataclass(frozen=True)
class Claim:
    """An ordering that the course claims: in this column `lower` is below `higher`; by how much it is, and the spread.

    shows: whether every training of the one is above every training of the other.
    """

    column: str
    lower: str
    higher: str
    gap: float
    spread: float
    shows: bool


def claims(keys: Collection[str] | None = None) -> list[Claim]:
    """Check the orderings of which both sides are trained, by their cards; `keys`: only among these architectures."""
    found = []
    of_column = {title: (split, measure) for title, split, measure in COLUMNS}
    for column, lower, higher in CLAIMS:
        if keys is not None and not {lower, higher} <= set(keys):
            continue
        split, measure = of_column[column]
        low, high = (_splits(str(TRAINABLE[key].model)).get(split) for key in (lower, higher))
        if isinstance(low, Score) and isinstance(high, Score) and measure in low.also and measure in high.also:
            (below, low_spread), (above, high_spread) = low.over_seeds(measure), high.over_seeds(measure)
            shows = min(high.each_seed(measure)) > max(low.each_seed(measure))
            found.append(Claim(column, lower, higher, above - below, low_spread + high_spread, shows))
    return found


def add(parsers: Any) -> None:
    """Add the arguments of `bench zoo`."""
    from seglab.cli.common import positive

    parser = parsers.add_parser("zoo", help="the architectures: what they score and what they cost")
    parser.add_argument("--json", action="store_true", help="print figures as JSON, not as a table")
    parser.add_argument("--repeats", type=positive, default=15, metavar="N", help="timed runs (default: %(default)s)")
    parser.add_argument(
        "--only", nargs="+", choices=TRAINABLE, default=list(TRAINABLE), metavar="KEY", help=", ".join(TRAINABLE)
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure and print; return the exit status."""
    from seglab.cli.common import prepare, say

    prepare()
    rows = list(measure([TRAINABLE[key] for key in args.only], args.repeats, say))
    if args.json:
        print(json.dumps(as_json(rows), indent=1))
    else:
        from seglab.bench.zoo_table import table

        print(table(rows))
    return 0


def as_json(rows: Sequence[Row]) -> dict[str, Any]:
    """Return all that was found as plain values; variants without a small size of their own by their parameters."""
    others = [row for row in ARCHITECTURES if not row.model]
    return {
        "machine": line(),
        "rows": [asdict(row) for row in rows],
        "baselines": {"scenes": baselines(False), "volumes": baselines(True)},
        "claims": [asdict(claim) for claim in claims([row.key for row in rows])],
        "longer": [asdict(one) for one in longer() if one.key in {row.key for row in rows}],
        "not_trained": [row.key for row in rows if not row.trained],
        "published_only": [{"key": r.key, "title": r.title, "parameters_millions": r.millions} for r in others],
    }
