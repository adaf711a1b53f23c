"""`bench inference`: forward passes, against the plain torch code that a user writes, and against other engines.

The reference is **eager**: float32, contiguous, default allocator, `torch.no_grad()`, in a process of its own.
**exact** is what every page and command does (`runtime.forward`: BatchNorm folded, channels_last, buffers kept), the
half precisions are its fast mode; ONNX Runtime and OpenVINO run where they are installed (requirements-dev.txt). All
have the same number of threads. On a CPU the batch is 1 by default, on a GPU 1, 8 and 32.

The input is a photograph that comes with scikit-learn. `street` and `street-fast` have their real weights; the other
networks random ones (`engines.sane`), so that nothing is downloaded. Random networks are the harder test of equal
labels: their classes are close to each other nearly everywhere.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from seglab import machine, zoo
from seglab.bench import engines, sides
from seglab.bench.sides import Side

KEYS = (engines.UNET, *(key for key in zoo.offered("semantic") if not engines.trained(key)), "street", "street-fast")
SIZES = {engines.UNET: (512, 512), "street": (360, 540), "street-fast": (360, 540)}
SIZE = (520, 520)  # of torchvision's networks
# What is wanted of a CPU: how many times as fast as eager, and the share of equal labels (on trained networks only for
# half precision). street-fast in at most 1/17 of the time of the eager U-Net.
EXACT, EXACT_UNET, EXACT_EQUAL = 1.3, 2.0, 0.9998
FAST, FAST_UNET, FAST_EQUAL = 1.7, 3.5, 0.999
SEVENTEENTH = 17
OPTIONAL = {"ONNX Runtime fp32": "onnxruntime", "OpenVINO": "openvino"}


@dataclass(frozen=True)
class Row:
    """One side of one network: ms per pass (median, lowest, highest), images/s, speed-up over eager, equal labels 0..1.

    resident_mb and peak_mb are of its process, in 10⁶ bytes. missing: why there are no figures (they are None then).
    """

    model: str
    size: tuple[int, int]
    batch: int
    side: str
    trained: bool
    ms: float | None
    low_ms: float | None
    high_ms: float | None
    images_per_second: float | None
    speedup: float | None
    equal_labels: float | None
    resident_mb: int
    peak_mb: int
    missing: str | None = None


def measure(
    keys: Sequence[str],
    batches: Sequence[int],
    repeats: int,
    say: Callable[[str], None] = lambda _: None,
    sizes: dict[str, tuple[int, int]] | None = None,
    picture: str | Path = engines.PHOTOS[0],
) -> Iterator[Row]:
    """Measure the networks and yield the rows of each as soon as they are there; eager comes first."""
    import torch

    from seglab import runtime

    for key in keys:
        size = (sizes or SIZES).get(key, SIZE)
        for batch in batches:
            say(f"{key}, {size[1]}×{size[0]}, batch {batch}")
            with tempfile.TemporaryDirectory() as folder:
                weights, x = Path(folder) / "weights.safetensors", Path(folder) / "x.npy"
                engines.write(key, weights)
                np.save(x, engines.picture(size, batch, picture).numpy())
                task = {
                    "model": key,
                    "weights": str(weights),
                    "input": str(x),
                    "threads": torch.get_num_threads(),
                    "device": str(runtime.device()),
                }
                wanted = _sides(task, runtime.precisions(), runtime.device().type)
                try:
                    found = sides.alternate([side for side in wanted if not _absent(side)], repeats)
                except sides.SideError as error:
                    if batch == 1:
                        raise
                    why = str(error).splitlines()[0]  # a batch may be too large for the memory; the next may fit
                    yield from (_missing(key, size, batch, side.name, why) for side in wanted)
                    continue
            timings = {timing.name: timing for timing in found}
            for side in wanted:
                yield _row(key, size, batch, side.name, timings)


def _sides(task: dict[str, Any], precisions: Sequence[str], device: str) -> list[Side]:
    """Return the sides: eager, exact, each half precision, and on a CPU the other engines."""
    at = "seglab.bench.engines:"
    half = precisions[1] if len(precisions) > 1 else "fp32"
    found = [Side("eager fp32", f"{at}eager", task, plain=True)]
    found += [Side(f"{'exact ' if p == 'fp32' else ''}{p}", f"{at}ours", task | {"precision": p}) for p in precisions]
    if device == "cpu":
        found.append(Side("ONNX Runtime fp32", f"{at}onnx_runtime", task, plain=True, may_fail=True))
        found.append(Side(f"OpenVINO {half}", f"{at}openvino", task | {"precision": half}, plain=True, may_fail=True))
    return found


def _absent(side: Side) -> bool:
    return any(side.name.startswith(name) and find_spec(package) is None for name, package in OPTIONAL.items())


def _row(key: str, size: tuple[int, int], batch: int, side: str, timings: dict[str, sides.Timing]) -> Row:
    timing, eager = timings.get(side), timings["eager fp32"]
    if timing is None or timing.error:
        return _missing(key, size, batch, side, str(timing.error).splitlines()[0] if timing else "not installed")
    return Row(
        key,
        size,
        batch,
        side,
        engines.trained(key),
        round(timing.median_ms, 3),
        round(timing.low_ms, 3),
        round(timing.high_ms, 3),
        round(1000 * batch / timing.median_ms, 3),
        round(sides.speedup(eager, timing), 3),
        sides.equal_share(eager.output, timing.output),
        timing.resident_bytes // 10**6,
        timing.peak_bytes // 10**6,
    )


def _missing(key: str, size: tuple[int, int], batch: int, side: str, why: str) -> Row:
    return Row(key, size, batch, side, engines.trained(key), None, None, None, None, None, None, 0, 0, why)


def misses(rows: Sequence[Row]) -> list[str]:
    """Return in words what falls short of what is wanted of a CPU at batch 1."""
    found = []
    for row in rows:
        if row.batch != 1 or row.speedup is None or row.equal_labels is None:
            continue
        unet = row.model == engines.UNET
        if row.side == "exact fp32":
            speed, equal = EXACT_UNET if unet else EXACT if not row.trained else 0, EXACT_EQUAL
        elif row.side == "bf16":
            speed = FAST_UNET if unet else FAST if not row.trained else 0
            equal = FAST_EQUAL if row.trained else 0
        else:
            continue
        if row.speedup < speed:
            found.append(f"{row.model}, {row.side}: {row.speedup:.2f}× instead of {speed}×")
        if row.equal_labels < equal:
            found.append(f"{row.model}, {row.side}: {row.equal_labels:.3%} equal labels instead of {equal:.2%}")
    if rows and not any(row.side == "bf16" for row in rows):
        found.append("fast mode wasn't measured: this processor has no kernels for bf16")
    for side, ratio in street_fast(rows).items():
        if ratio < SEVENTEENTH:
            found.append(f"street-fast, {side}: 1/{ratio:.1f} of the eager U-Net instead of 1/{SEVENTEENTH}")
    return found


def street_fast(rows: Sequence[Row]) -> dict[str, float]:
    """Return how many times as long as street-fast the eager U-Net takes, for each of our sides; {} where not run."""
    unet = [r.ms for r in rows if (r.model, r.side, r.batch) == (engines.UNET, "eager fp32", 1)]
    return {
        row.side: unet[0] / row.ms
        for row in rows
        if unet and unet[0] and row.ms and (row.model, row.batch) == ("street-fast", 1)
        and row.side in ("exact fp32", "bf16", "fp16")
    }  # fmt: skip


def where() -> str:
    """Return the machine in a line, and what torch uses of it."""
    import torch

    from seglab import runtime

    device = runtime.device()
    gpu = f", {torch.cuda.get_device_name(device)}" if device.type == "cuda" else ""
    return f"{machine.line()}{gpu}; on {device}; {torch.get_num_threads()} threads; torch {torch.__version__}"


def table(rows: Sequence[Row]) -> str:
    """Return the rows as text for a terminal, with a heading above each eager one."""
    head = f"{'':22}{'ms':>9}{'low':>9}{'high':>9}{'images/s':>10}{'speed-up':>10}{'equal labels':>14}{'MB':>7}"
    lines = []
    for row in rows:
        if row.side == "eager fp32":
            weights = "real" if row.trained else "random"
            lines += ["", f"{row.model}, {row.size[1]}×{row.size[0]}, batch {row.batch}, {weights} weights", head]
        if row.missing or row.ms is None or row.equal_labels is None:
            lines.append(f"  {row.side:20}  {row.missing}")
            continue
        lines.append(
            f"  {row.side:20}{row.ms:9.1f}{row.low_ms:9.1f}{row.high_ms:9.1f}{row.images_per_second:10.2f}"
            f"{row.speedup:9.2f}×{_percent(row.equal_labels):>14}{row.resident_mb:7}"
        )
    return "\n".join(lines)


def _percent(share: float) -> str:
    """Say a share without rounding up to 100 %.

    >>> _percent(1.0), _percent(0.999996)
    ('100 %', '99.999 %')
    """
    return "100 %" if share == 1 else f"{math.floor(share * 1e5) / 1e3:.3f} %"


def add(parsers: Any) -> None:
    """Add the arguments of `bench inference`."""
    from seglab.cli.common import positive

    parser = parsers.add_parser("inference", help="forward passes: plain torch, ours, ONNX Runtime, OpenVINO")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--repeats", type=positive, default=9, metavar="N", help="timed passes (default: %(default)s)")
    parser.add_argument("--models", nargs="+", choices=KEYS, default=KEYS, metavar="KEY", help=", ".join(KEYS))
    parser.add_argument(
        "--batch", nargs="+", type=positive, metavar="N", help="pictures at once (default: 1; on a GPU 1, 8 and 32)"
    )
    parser.add_argument("--size", type=positive, metavar="N", help="pixels a side, instead of each network's own")
    parser.add_argument("--picture", type=Path, metavar="F", help="instead of a photograph of scikit-learn's")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure and print; return the exit status."""
    from seglab.cli.common import Failure, UsageError, prepare, say

    prepare()
    from seglab import runtime

    if args.size is not None and args.size < 64:
        raise UsageError(f"--size must be at least 64; got {args.size}")
    batches = args.batch or ([1] if runtime.device().type == "cpu" else [1, 8, 32])
    sizes = {key: (args.size, args.size) for key in KEYS} if args.size else None
    chosen = args.picture or engines.PHOTOS[0]
    try:
        engines.photo(chosen)
    except ValueError as error:
        raise UsageError(f"{chosen}: {error}") from error
    except FileNotFoundError as error:
        raise Failure(str(error)) from error
    rows: list[Row] = []
    if not args.json:
        print(where(), flush=True)
    measured = measure(args.models, batches, args.repeats, say, sizes, chosen)
    while True:
        try:
            row = next(measured)
        except StopIteration:
            break
        except (sides.SideError, OSError) as error:
            raise Failure(str(error)) from error
        rows.append(row)
        if not args.json:
            print(table([row]), flush=True)
    on_cpu = runtime.device().type == "cpu"
    wrong = misses(rows) if on_cpu and not args.size else []
    ratios = street_fast(rows)
    if args.json:
        found = {"machine": where(), "rows": [asdict(r) for r in rows], "unet_over_street_fast": ratios}
        print(json.dumps(found | {"misses": wrong}, indent=1))
        return 0
    for side, ratio in ratios.items():
        print(f"\nstreet-fast, {side}: 1/{ratio:.1f} of the time of the eager U-Net")
    for line in wrong:
        print(f"\nfalls short: {line}")
    return 0
