"""`bench explain`: what Grad-CAM costs, as a multiple of the model's own forward pass.

Three sides in processes of their own, in turns (see `seglab.bench.sides`), on one photograph of SIZE:

- **eager**: the forward pass as people write it, float32, contiguous, `torch.no_grad()`: the others are divided by it.
- **ours**: `seglab.explain.explain`, from the picture to the map, with everything that pages do: preprocessing, the
  lock, the turn, the predicted region, the graph kept only behind the layer.
- **library**: pytorch-grad-cam's GradCAM on the same network, layer and region, from the normalised picture on, as its
  documentation shows: made anew as a context manager, the parameters asking for gradients as they do when built. The
  region is given to it; its users would need a forward pass to find it.

The class is the one predicted most often, over its predicted region, at the model's usual layer. Embedded models have
their real weights; torchvision's have random ones (`engines.sane`), so that nothing is downloaded. The two maps are
compared after the library's own scaling to 0..1.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seglab import zoo
from seglab.bench import engines, sides
from seglab.bench.inference import where
from seglab.bench.sides import Run, Side

if TYPE_CHECKING:
    from torch import Tensor, nn

SIZE = (520, 520)
WANTED = 1.8  # times the eager pass, at most
TOLERANCE = 1e-4  # of maps in 0..1: the sides' convolutions run in other layouts, and so round otherwise
PACKAGE = "pytorch_grad_cam"


@dataclass(frozen=True)
class Row:
    """One model: medians in ms, ours and the library's as multiples of eager, and the largest difference of the maps.

    met: whether ours costs at most WANTED and the maps agree, None where it is cheap enough and there is no map to
    compare with. missing: why there is no figure of the library's.
    """

    model: str
    layer: str
    trained: bool
    eager_ms: float
    ours_ms: float
    ours_times: float
    library_ms: float | None
    library_times: float | None
    largest_difference: float | None
    met: bool | None
    missing: str | None = None


def measure(
    keys: Sequence[str], repeats: int, say: Callable[[str], None] = lambda _: None, size: tuple[int, int] = SIZE
) -> Iterator[Row]:
    """Measure the models and yield the row of each as soon as it is there."""
    from seglab.preprocess import resize

    library = find_spec(PACKAGE) is not None
    for key in keys:
        say(f"{key}, {size[1]}×{size[0]}")
        with tempfile.TemporaryDirectory() as folder:
            task = {"model": key, "weights": f"{folder}/weights.safetensors", "picture": f"{folder}/picture.npy"}
            engines.write(key, Path(task["weights"]))
            np.save(task["picture"], resize(engines.photo(), size).permute(1, 2, 0).numpy())
            wanted = [Side("eager", f"{__name__}:eager", task, plain=True), Side("ours", f"{__name__}:ours", task)]
            if library:
                wanted.append(Side("library", f"{__name__}:library", task, plain=True, may_fail=True))
            yield row(key, sides.alternate(wanted, repeats))


def row(key: str, found: Sequence[sides.Timing]) -> Row:
    """Compare the timings of eager, ours and, where there is one, the library."""
    eager, ours, *others = found
    times = ours.median_ms / eager.median_ms
    library, missing, difference = None, "grad-cam isn't installed", None
    if others:
        missing = others[0].error.splitlines()[0] if others[0].error else None  # type: ignore[assignment]
    if not missing:
        library = others[0]
        difference = float(np.abs(_array(ours) - _array(library)).max())
    return Row(
        key,
        zoo.get(key).cam_layers[0],
        engines.trained(key),
        round(eager.median_ms, 2),
        round(ours.median_ms, 2),
        round(times, 3),
        round(library.median_ms, 2) if library else None,
        round(library.median_ms / eager.median_ms, 3) if library else None,
        difference,
        False if times > WANTED else None if difference is None else difference <= TOLERANCE,
        missing,
    )


def eager(task: dict[str, Any]) -> Run:
    """Set up the forward pass alone."""
    import torch

    net, x = _net(task), _input(task)

    def run() -> np.ndarray:
        with torch.no_grad():
            return net(x).numpy()

    return run


def ours(task: dict[str, Any]) -> Run:
    """Set up `explain`."""
    from seglab import runtime
    from seglab.explain.run import explain
    from seglab.explain.targets import Predicted

    spec = zoo.get(task["model"])
    net = _net(task)
    k = _commonest(net, _input(task))
    loaded = runtime.ready(spec.key, net, spec.palette, spec.preprocess, "0", spec)
    picture = np.load(task["picture"])

    def run() -> Callable[[], np.ndarray]:
        found = explain(picture, loaded, Predicted(k), short_side=0)
        return lambda: as_library(found.raw, found.size)

    return run


def library(task: dict[str, Any]) -> Run:
    """Set up pytorch-grad-cam's GradCAM."""
    from seglab.explain.score import Score, weights
    from seglab.explain.targets import Predicted

    grad_cam = import_module(PACKAGE).GradCAM
    spec = zoo.get(task["model"])
    net, x = _net(task), _input(task)
    k = _commonest(net, x)
    score = Score(net, Predicted(k), spec.palette, (x.shape[2], x.shape[3]))
    score(x)  # finds the region
    layer, region = net.get_submodule(spec.cam_layers[0]), score.region
    assert region is not None

    def target(logits: Tensor) -> Tensor:
        return (weights(region, (logits.shape[1], logits.shape[2])) * logits[k]).sum()

    def run() -> np.ndarray:
        with grad_cam(net, [layer]) as cam:
            return cam(x, [target])[0]  # type: ignore[no-any-return]

    return run


def as_library(raw: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return the map as the library scales it: ReLU, spread over 0..1, enlarged, spread again.

    >>> as_library(np.float32([[-1, 2]]), (1, 2)).round(4).tolist()
    [[0.0, 1.0]]
    """
    from seglab.explain.report import enlarge

    return _spread(enlarge(_spread(np.maximum(raw, 0)), size))


def _spread(a: np.ndarray) -> np.ndarray:
    a = a - a.min()
    return a / (1e-7 + a.max())


def _array(timing: sides.Timing) -> np.ndarray:
    assert isinstance(timing.output, np.ndarray)
    return timing.output


def _net(task: dict[str, Any]) -> nn.Module:
    from safetensors.torch import load_file

    net = engines.build(task["model"])
    net.load_state_dict(load_file(task["weights"]))
    return net


def _input(task: dict[str, Any]) -> Tensor:
    import torch

    from seglab.preprocess import normalize, prepared

    how = zoo.get(task["model"]).preprocess
    pixels = torch.from_numpy(prepared(np.load(task["picture"]), how)).permute(2, 0, 1)[None].float().div_(255)
    return normalize(pixels, how.mean, how.std).contiguous()


def _commonest(net: nn.Module, x: Tensor) -> int:
    """Return the class that is predicted most often."""
    import torch

    with torch.no_grad():
        return int(net(x).argmax(1).flatten().bincount().argmax())


def table(rows: Sequence[Row], head: bool = True) -> str:
    """Return the rows as text."""
    lines = [
        f"{'model':22}{'layer':18}{'eager ms':>10}{'ours ms':>10}{'ours':>8}{'library':>9}{'largest diff.':>15}"
    ] * head
    for r in rows:
        theirs = "–" if r.library_times is None else f"{r.library_times:.2f}×"
        difference = r.missing or f"{r.largest_difference:.1g}"
        lines.append(
            f"{r.model:22}{r.layer:18}{r.eager_ms:10.1f}{r.ours_ms:10.1f}{r.ours_times:7.2f}×{theirs:>9}{difference:>15}"
            + ("  falls short" if r.met is False else "")
        )
    return "\n".join(lines)


def add(parsers: Any) -> None:
    """Add the arguments of `bench explain`."""
    from seglab.cli.common import positive

    keys = zoo.offered("semantic")
    parser = parsers.add_parser("explain", help="Grad-CAM against the model's forward pass")
    parser.add_argument("--json", action="store_true", help="print figures as JSON, not as a table")
    parser.add_argument("--repeats", type=positive, default=9, metavar="N", help="timed runs (default: %(default)s)")
    parser.add_argument("--models", nargs="+", choices=keys, default=keys, metavar="KEY", help=", ".join(keys))
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure and print; return the exit status, 1 if a model falls short."""
    from seglab.cli.common import Failure, prepare, say

    prepare()
    rows: list[Row] = []
    if not args.json:
        print(f"{where()}; {SIZE[1]}×{SIZE[0]}; multiples of the eager pass, wanted {WANTED}× at most", flush=True)
    try:
        for found in measure(args.models, args.repeats, say):
            rows.append(found)
            if not args.json:
                print(table([found], head=len(rows) == 1), flush=True)
    except (sides.SideError, OSError) as error:
        raise Failure(str(error)) from error
    if args.json:
        print(json.dumps({"machine": where(), "wanted": WANTED, "rows": [asdict(r) for r in rows]}, indent=1))
    return int(any(r.met is False for r in rows))
