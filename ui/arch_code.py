"""Show the code: the network's own file, and a script that gives the stage's numbers and strongest channels."""

from __future__ import annotations

import inspect
import sys
from functools import partial
from pathlib import PurePath
from typing import Any

import streamlit as st

from seglab import zoo
from ui import arch_controls, arch_net, arch_stage, files
from ui.arch_lab import Shown
from ui.code import show_code
from ui.texts import architectures as text

LISTED = 5  # channels that the script prints


def sources(shown: Shown) -> dict[str, str]:
    """Return the source files that a network is written in, by their names: its own, its head's and its encoder's.

    Of a network that is another one's altered, also the function that alters it.
    """
    spec = shown.given.spec
    net = arch_net.net(spec)
    whole = (net, getattr(net, "head", None), getattr(net, "encoder", None))
    modules = dict.fromkeys(type(part).__module__ for part in whole if part is not None)
    ours = [name for name in modules if name.startswith("seglab.nets.")]
    found = {_file(name): inspect.getsource(sys.modules[name]) for name in ours}
    make: Any = spec.row and (spec.row.paper_size if spec.build == "paper" else spec.row.small)
    make = getattr(make, "func", make)  # of a partial
    if make is not None and make.__module__ == "seglab.builders" and not make.__name__.startswith("_"):
        found[f"{_file(make.__module__)}, {make.__name__}"] = inspect.getsource(make)
    return found


def _file(module: str) -> str:
    return f"{module.replace('.', '/')}.py"


def script(shown: Shown) -> str:
    """Return a script that prints what the page shows of the stage, for picture.png; of a volume for a drawn one."""
    spec, place, shape = shown.given.spec, shown.spot.place, shown.given.shape
    assert place is not None
    built = _built(shown)
    if spec.volumes:
        reading = [
            "from seglab.datasets import volumes",
            f"x = torch.tensor(volumes.draw(7, 0, {shape[-3:]}).voxels)[None, None]  # (1, 1, D, H, W)",
        ]
    else:
        reading = [
            "import numpy as np",
            "from PIL import Image",
            'pixels = torch.tensor(np.array(Image.open("picture.png").convert("RGB"))).permute(2, 0, 1)[None]',
            f'x = torch.nn.functional.interpolate(pixels, {shape[-2:]}, mode="bilinear", antialias=True) / 255',
            "mean, std = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])[:, :, None, None]",
            "x = (x - mean) / std  # (1, 3, H, W), ImageNet's mean and deviation",
        ]
    lines = [
        f"# Stage {shown.spot.id} of {arch_controls.full_title(spec)}: its size, weights and strongest channels.",
        "import torch",
        *built,
        "",
        *reading,
        "",
        "given = []",
        f'part = net.get_submodule("{place.name}")',
        "part.register_forward_hook(lambda module, inputs, output: given.append(output))",
        "with torch.no_grad():",
        "    net(x)",
        f"out = given[{place.call}]",
        "while not torch.is_tensor(out):  # some parts give several maps",
        "    out = next(iter(out.values() if isinstance(out, dict) else out))",
        "",
        'print("output", tuple(out.shape))',
        'print("parameters", sum(weight.numel() for weight in part.parameters()))',
        "spread = out[0].flatten(1).std(1, correction=0)",
        f"for k in spread.argsort(descending=True)[:{LISTED}].tolist():",
        '    print(f"channel {k} spread {spread[k]:.4f}")',
    ]
    return "\n".join(lines) + "\n"


def _built(shown: Shown) -> list[str]:
    """Return the lines that build the network, with its weights."""
    spec = shown.given.spec
    row = spec.row
    if spec.model is not None:
        return ["from seglab import runtime", f'net = runtime.model("{spec.model}").net.cpu()  # in eval mode']
    if row is None or (row.small is None and spec.build == "small"):
        build = f'zoo.get("{spec.build if row is None else row.stands_for_it}").build()'
        return ["from seglab import zoo", f"torch.manual_seed({arch_net.SEED})", f"net = {build}.eval()"]
    build = f"small({arch_net.CLASSES})" if spec.build == "small" else "paper_size()"
    return ["from seglab import architectures", f"torch.manual_seed({arch_net.SEED})",
            f'net = architectures.get("{spec.key}").{build}.eval()']  # fmt: skip


def show(shown: Shown) -> None:
    """Show the tab: the network's own files first, which are what the course is about, then the script."""
    for n, (name, source) in enumerate(sources(shown).items()):
        with st.expander(name, expanded=n == 0):
            st.caption((text.CODE_MORE if n else text.CODE_NOTE).format(module=name, lines=source.count("\n")))
            if name.endswith(".py"):  # a whole file
                files.offer(text.CODE_PY, partial(str, source), PurePath(name).name, "text/x-python",
                            key=f"arch.source.{n}")  # fmt: skip
            st.code(source, language="python", height=520)
    spec, place = shown.given.spec, shown.spot.place
    stretched = spec.model is not None and zoo.get(spec.model).preprocess.stretch is not None
    simple = place is not None and not place.also and arch_stage.has_maps(shown.given, shown.spot)
    if spec.has_numbers and simple and not stretched:
        show_code(script(shown), f"{spec.key}_stage", "" if spec.volumes else text.CODE_PICTURE)
