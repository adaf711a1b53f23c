"""The table that `bench zoo` prints."""

from __future__ import annotations

from collections.abc import Sequence

from seglab.architectures import ARCHITECTURES, get
from seglab.bench.zoo import CLEARLY, COLUMNS, Row, baselines, claims, longer
from seglab.machine import line

TRAIN = "python scripts/zoo.py"
WIDE = 15  # of a column of scores


def table(rows: Sequence[Row]) -> str:
    """Return the rows as text: scores and costs, IoU by class, the course's claims, and what isn't trained yet."""
    flat, deep = ([row for row in rows if row.scores and get(row.key).volumes == volumes] for volumes in (False, True))
    objects = [row for row in rows if row.metric]
    parts = [_scores(flat, volumes=False)] * bool(flat) + [_scores(deep, volumes=True)] * bool(deep)
    parts += [_costs(rows)]
    parts += [_classes(some) for some in (flat, deep) if some]
    parts += [f"{row.key} finds objects: {row.metric[0]} {row.metric[1]:.3f} ({row.model}, a recipe of its own)"
              for row in objects if row.metric]  # fmt: skip
    parts += ["\n".join(["what the course claims:", *lines])] if (lines := _claims(rows)) else []
    told = [one for one in longer() if one.key in {row.key for row in rows}]
    more = (f"  {one.key}: {one.before:.3f} -> {one.after:.3f} with {one.times} times the steps" for one in told)
    parts += ["\n".join(["mean IoU of one training with more steps:", *more])] * bool(told)
    missing = [row.key for row in rows if not row.trained]
    if missing:
        parts.append(f"NOT TRAINED YET: {', '.join(missing)}. Train them: {TRAIN} --only {' '.join(missing)}")
    others = ", ".join(f"{row.title} ({row.millions} M)" for row in ARCHITECTURES if not row.model)
    parts.append(f"Published variants without a small size of their own: {others}.\n{line()}.")
    return "\n\n".join(parts)


def _scores(rows: Sequence[Row], volumes: bool) -> str:
    shown = [title for title, *_ in COLUMNS if any(title in row.scores for row in rows)]
    lines = [f"{'volumes' if volumes else 'scenes':26}{'seeds':>6}" + "".join(f"{title:>{WIDE}}" for title in shown)]
    for row in rows:
        cells = (_with_spread(*row.scores[title], row.seeds) if title in row.scores else "n/a" for title in shown)
        mark = "" if row.margin is None or row.margin >= CLEARLY else "  NOT CLEARLY ABOVE THE BASELINES"
        lines.append(f"{row.key:26}{row.seeds:6}" + "".join(f"{cell:>{WIDE}}" for cell in cells) + mark)
    for name, found in baselines(volumes).items():
        cells = (f"{found[title]:.3f}" if title in found else "n/a" for title in shown)
        lines.append(f"{name:26}{'':6}" + "".join(f"{cell:>{WIDE}}" for cell in cells))
    return "\n".join(lines)


def _with_spread(mean: float, half: float, seeds: int) -> str:
    return f"{mean:.3f} ± {half:.3f}" if seeds > 1 else f"{mean:.3f}"


def _costs(rows: Sequence[Row]) -> str:
    gpu = any(row.costs.ms_gpu is not None for row in rows)
    lines = [f"{'costs':26}{'parameters':>12}{'MMACs':>8}{'ms CPU':>9}" + f"{'ms GPU':>9}" * gpu
             + f"{'activations':>13}{'field':>10}{'stride':>9}{'coarsest':>10}"]  # fmt: skip
    for row in rows:
        c = row.costs
        field = "n/a" if c.field is None else f"{c.field}{'+' if c.whole else ''}"
        scored, coarsest = ("n/a" if stride is None else str(stride) for stride in (c.score_stride, c.coarsest_stride))
        lines.append(
            f"{row.key:26}{c.parameters / 1e6:10.3f} M{c.macs / 1e6:8.0f}{c.ms_cpu:9.1f}"
            + (f"{c.ms_gpu:9.2f}" if c.ms_gpu is not None else "")
            + f"{c.activation_bytes / 2**20:9.1f} MiB{field:>10}{scored:>9}{coarsest:>10}"
        )
    return "\n".join(lines)


def _classes(rows: Sequence[Row]) -> str:
    names = list(rows[0].iou)
    lines = [f"{'IoU, the shipped seed':26}" + "".join(f"{name:>11}" for name in names)]
    lines += [f"{row.key:26}" + "".join(f"{row.iou[name]:11.3f}" for name in names) for row in rows]
    return "\n".join(lines)


def _claims(rows: Sequence[Row]) -> list[str]:
    return [
        f"  {c.lower} < {c.higher} on {c.column}: {'shows' if c.shows else 'DOES NOT SHOW'} "
        f"({c.gap:+.3f}, spread {c.spread:.3f})"
        for c in claims([row.key for row in rows])
    ]
