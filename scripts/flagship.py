"""Train the best architectures of the course on CamVid, at sizes of their own, beside StreetNet; print what they score.

    python scripts/flagship.py --data CamVid --output runs/flagship                # all, one after the other
    python scripts/flagship.py --data CamVid --output runs/flagship --only hrnet   # this one; prints all that are there

The five families that score best on drawn scenes (`bench zoo`; but for the sliding window, whose view of 39 px is no
street), at half to twice the parameters and multiply-adds of `fpn`, which ships as `street`, and the StreetNet that
was `street` until then: all by one recipe, which was chosen on StreetNet, with fewer epochs, one seed, on `train`; but
StreetNet's loss is at its stride of 2, the others' at full size. Scored on `val` in full size by the weights as they
would ship. A short training tells which is worth a long one, no more: differences of some
hundredths may turn. What is finished is skipped, what was begun goes on. OMP_NUM_THREADS=1 lets two processes,
each with an --only of its own, share two cores.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from torch import nn

if __name__ == "__main__":  # started as a file: the repository's root comes first
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from seglab import cost, evaluate, parts, runtime, train
from seglab.checkpoints import read
from seglab.cli.common import positive
from seglab.datasets import camvid
from seglab.machine import line
from seglab.nets import fpn
from seglab.nets.deeplab_v3plus import DeepLabV3Plus
from seglab.nets.hrnet import HRNet
from seglab.nets.street import StreetNet
from seglab.nets.unet import UNet
from seglab.nets.unet_encoder import EncoderUNet
from seglab.objectives import Classes
from seglab.palettes import CAMVID
from seglab.zoo import Preprocess

EPOCHS = 8
SIZE = 360, 480  # of CamVid's pictures
RESULT = "result.json"
THIN = "Pole", "Sign"
K = len(CAMVID)


WIDE = partial(fpn.residual, (32, 64, 96, 160, 224), (2, 2, 2, 1))  # that of `street`
CANDIDATES: dict[str, Callable[[], nn.Module]] = {
    "streetnet": lambda: StreetNet(K, 32, (2, 3, 3)),
    "unet": lambda: UNet(K, base=20),
    "unet-encoder": lambda: EncoderUNet(WIDE(), K, (160, 96, 64, 32, 16)),
    "deeplab-v3plus": lambda: DeepLabV3Plus(WIDE(stride=16), K, width=128, low=48),
    "fpn": fpn.street,
    "hrnet": lambda: HRNet(K, 24, plan=(1, 2, 1, 3, 32)),
}


def recipe(name: str) -> train.Recipe:
    """Return the recipe for a candidate; the truth is compared at its output's size."""
    build = CANDIDATES[name]

    def named() -> nn.Module:
        return build()

    named.__name__ = name
    return replace(train.RECIPES["street"], build=named, objective=Classes(stride=2 if name == "streetnet" else 1))


def train_one(name: str, samples: Sequence[Any], check: Sequence[Any], folder: Path, epochs: int) -> None:
    """Train and score a candidate, and write `folder`/name-epochs/result.json."""
    output = folder / f"{name}-{epochs}"
    for now in train.train(name, samples, output, recipe=recipe(name), epochs=epochs, resume=True,
                           device=runtime.device(), note={"trained_on": "train"}):  # fmt: skip
        print(f"{name}: epoch {now.epoch}/{epochs}, loss {now.loss:.4f}, {now.seconds_left:.0f} s left", flush=True)
    net = CANDIDATES[name]()
    net.load_state_dict(read(output / train.WEIGHTS)[0])
    loaded = runtime.ready(name, net, CAMVID, Preprocess(SIZE[0]), "")
    found = evaluate.evaluate(loaded, check).as_dict()
    spent = cost.of_net(net, (1, 3, *SIZE))
    result = {"epochs": epochs, "parameters": spent.parameters, "macs": spent.macs, "machine": line(), **found}
    parts.write(output / RESULT, json.dumps(result, indent=1).encode())


def table(folder: Path, epochs: int) -> str:
    """Return what trainings of so many epochs have given so far as a Markdown table, the best on top."""
    files = {name: folder / f"{name}-{epochs}" / RESULT for name in CANDIDATES}
    found = {name: json.loads(file.read_text()) for name, file in files.items() if file.is_file()}
    lines = [
        "| | parameters | MACs | epochs | mean IoU on `val` | " + " | ".join(THIN) + " |",
        "|---" * (5 + len(THIN)) + "|",
    ]
    for name, one in sorted(found.items(), key=lambda item: -item[1]["mean_iou"]):
        thin = " | ".join("n/a" if one["iou"][c] is None else f"{one['iou'][c]:.3f}" for c in THIN)
        lines.append(f"| `{name}` | {one['parameters'] / 1e6:.1f} M | {one['macs'] / 1e9:.1f} G | {one['epochs']} "
                     f"| {one['mean_iou']:.3f} | {thin} |")  # fmt: skip
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, score, print; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="CamVid's folder, or its parent")
    parser.add_argument("--output", type=Path, required=True, help="folder of all trainings")
    parser.add_argument("--only", nargs="+", choices=CANDIDATES, default=list(CANDIDATES), metavar="NAME")
    parser.add_argument("--epochs", type=positive, default=EPOCHS, help=f"default: {EPOCHS}")
    args = parser.parse_args(arguments)
    try:
        samples, check = (camvid.load(args.data, split)[0] for split in ("train", "val"))
    except ValueError as error:
        parser.error(str(error))
    for name in args.only:
        if not (args.output / f"{name}-{args.epochs}" / RESULT).is_file():
            train_one(name, samples, check, args.output, args.epochs)
    print(table(args.output, args.epochs))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
