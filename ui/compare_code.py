"""The three answers as a script of torch, torchvision and numpy: the networks, the masks pasted, the fusion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from seglab import zoo
from seglab.options import Options, input_size
from ui import code, compare_state
from ui.compare_run import Run, panoptic_joined, seeded
from ui.compare_source import SIZE
from ui.compare_state import COMPONENTS
from ui.gallery import GALLERY
from ui.texts import compare as text
from ui.texts import shared

if TYPE_CHECKING:
    from seglab.runtime import Loaded


def show(run: Run) -> None:
    """Show the script of the current experiment, with its downloads."""
    own = run.source.sample is None and run.source.photo.key not in GALLERY
    note = shared.CODE_NOTE_FILE.format(file=run.source.photo.name) if own else ""
    code.show_code(write(run), f"{run.source.photo.stem.replace(' ', '_')}_panoptic", note, text.CODE_NOTE)


def write(run: Run) -> str:
    """Return a script of at most `code.MAX_LINES` lines that computes the same fused map, and saves it."""
    parts = [
        _head(run),
        _network(),
        _semantic(run),
        *(_detected(run) if run.detector else _read_off(run)),
        _fusion(run),
    ]
    script = "\n\n".join(parts) + "\n"
    if script.count("\n") > code.MAX_LINES:
        script = "\n".join(line for line in script.splitlines() if line) + "\n"
    return script


def _head(run: Run) -> str:
    photo, now = run.source.photo, st.session_state
    title = zoo.get(run.semantic.key).title
    lines = [f"# {photo.name}: {title}, objects, and both fused, as in SegLab (needed for the weights)"]
    if run.source.sample is not None:
        if photo.key == "scene":
            made = f"scenes.render({now['seed']}, 0, scenes.{compare_state.scene_parameters(now)}, {SIZE})"
        else:
            made = f"cells.draw({now['seed']}, 0, cells.{compare_state.cell_parameters(now)})"
        name = made.partition(".")[0]
        lines += ["import numpy as np, torch, torch.nn.functional as F, torchvision", "from seglab import zoo",
                  f"from seglab.datasets import {name}", "",
                  f"image = {made}{'.sample' if name == 'scenes' else ''}.image"]  # fmt: skip
    else:
        gallery = photo.key in GALLERY
        file = 'files("{0.package}") / "{0.file}"'.format(GALLERY[photo.key]) if gallery else repr(photo.name)
        lines += ["from importlib.resources import files"] if gallery else []
        lines += ["import numpy as np, torch, torch.nn.functional as F, torchvision", "from PIL import Image, ImageOps",
                  "from seglab import zoo", "",
                  f'image = np.array(ImageOps.exif_transpose(Image.open({file})).convert("RGB"))']  # fmt: skip
    return "\n".join(lines)


def _network() -> str:
    return """\
def network(key, size, pixels):  # the net, and the picture as it learnt to see it: (1, 3, h, w)
    net, how = zoo.get(key).build(), zoo.get(key).preprocess
    net.load_state_dict(zoo.state_dict(key))
    x = F.interpolate(torch.tensor(pixels).permute(2, 0, 1)[None], size, mode="bilinear", antialias=True)
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (how.mean, how.std))
    torch.set_grad_enabled(False)
    return net.eval(), ((x.float() / 255 - mean) / std).contiguous(memory_format=torch.channels_last)"""


def _pixels(loaded: Loaded) -> tuple[str, str]:
    """Return the line that stretches the picture, if the network learnt it so, and the name of what it is given."""
    if loaded.preprocess.stretch is None:
        return "", "image"
    return (
        f"low, high = np.percentile(image, {loaded.preprocess.stretch})\n"
        "stretched = (255 * ((image - low) / (high - low)).clip(0, 1) ** 0.5).astype(np.uint8)\n"
    ), "stretched"


def _semantic(run: Run) -> str:
    line, pixels = _pixels(run.semantic)
    size = input_size(run.source.photo.size, run.semantic.preprocess, Options())
    return f"""\
{line}net, x = network("{run.semantic.key}", {size}, {pixels})
z = net(x)
z = (z - z.amax(1, keepdim=True)).half().float()
z = F.interpolate(z, image.shape[:2], mode="bilinear", align_corners=False)[0]
labels = z.argmax(0).numpy()"""


def _detected(run: Run) -> list[str]:
    from seglab.nets.mask_rcnn import Detector

    assert run.detector is not None
    net = run.detector.net
    assert isinstance(net, Detector)
    s, (h, w) = run.settings, run.source.photo.size
    size = input_size((h, w), run.detector.preprocess, Options())
    line, pixels = _pixels(run.detector)
    line = "" if run.semantic.preprocess.stretch else line  # it is there already
    spec = zoo.get(run.detector.key)
    paste = """\
def paste(mask, box):  # each pixel's probability, read off the 28×28 at the pixel's middle; 0 outside the box
    (x0, y0, x1, y1), (h, w) = box, image.shape[:2]
    xs, ys = (2 * (torch.arange(n) + 0.5 - a) / (b - a) - 1 for n, a, b in ((w, x0, x1), (h, y0, y1)))
    grid = torch.stack(torch.meshgrid(xs, ys, indexing="xy"), -1)[None]
    return F.grid_sample(mask.half().float()[None], grid, align_corners=False)[0, 0].numpy()"""
    if isinstance(spec.source, zoo.Torchvision):
        paste = """\
def paste(mask, box):  # as torchvision does it
    from torchvision.models.detection.roi_heads import paste_masks_in_image as whole
    return whole(mask.half().float()[None], box[None], image.shape[:2])[0, 0].numpy()"""
    things = spec.palette.things
    part = run.part()[1]
    labels = [net.labels[n] for n, k in enumerate(things) if k in part]
    to, joined = panoptic_joined(run.semantic.palette, spec.palette)[1], run.fused().palette.things
    as_things = [net.labels[n] for n, k in enumerate(things) if to[k] in joined]
    stay = f" if kinds[i] in {as_things}" if len(as_things) < len(things) else ""
    only = f' & torch.isin(out["labels"], torch.tensor({labels}))' if not set(things) <= set(part) else ""
    find = f"""\
{line}net, x = network("{run.detector.key}", {size}, {pixels})
out = net(x)[0]  # boxes, labels, scores, masks of 28×28, best score first
chosen = (out["scores"] > {s.score:g}){only}
boxes, masks, scores, kinds = (out[name][chosen] for name in ("boxes", "masks", "scores", "labels"))
boxes = boxes * torch.tensor([{w} / {size[1]}, {h} / {size[0]}] * 2)
kept = torchvision.ops.batched_nms(boxes, scores, kinds, {s.nms:g})[:{s.limit}]
found = [paste(masks[i], boxes[i]) > {s.mask:g} for i in kept{stay}]"""
    return [paste, find]


def _read_off(run: Run) -> list[str]:
    s, k = run.settings, run.semantic.palette.things[0]
    counts = k in run.part()[1] and k in run.fused().palette.things  # they take part, as things
    if run.objects == COMPONENTS:
        grown = f"ids, n = ndimage.label(p > {s.mask:g}, np.ones((3, 3)))"
        head = "from scipy import ndimage"
    else:
        from seglab.watershed import MIN_SEED

        low, high = seeded(s.mask)
        head = "from scipy import ndimage\nfrom skimage.segmentation import watershed"
        grown = (
            f"seeds, _ = ndimage.label(p > {high:g}, np.ones((3, 3)))  # where the net is sure\n"
            f"seeds[np.bincount(seeds.ravel())[seeds] < {MIN_SEED}] = 0\n"
            f"ids = watershed(-p, seeds, np.ones((3, 3)), mask=p > {low:g})"
        )
    return [
        f"""\
{head}
p = z.softmax(0)[{k}].numpy()
{grown}
found = [ids == i for i in np.unique(ids)[1:] if (ids == i).sum() >= 10 and p[ids == i].mean() > {s.score:g}]
found = sorted(found, key=lambda mask: -p[mask].mean())[:{s.limit if counts else 0}]"""
    ]


def _fusion(run: Run) -> str:
    s, result = run.settings, run.fused()
    stuff = [k for k in run.part()[0] if k not in result.palette.things]
    order = "found" if s.first == "score" else "sorted(found, key=np.count_nonzero)"
    return f"""\
panoptic = np.zeros(image.shape[:2], np.int32)  # 0 = void
for mask in {order}:  # first the objects, one after the other
    free = mask & (panoptic == 0)
    if free.any() and free.sum() >= {s.visible:g} * mask.sum():
        panoptic[free] = panoptic.max() + 1
for k in {stuff}:  # then the stuff, where nothing lies
    free = (labels == k) & (panoptic == 0)
    if free.any() and free.sum() >= {s.stuff}:
        panoptic[free] = panoptic.max() + 1
np.save("panoptic.npy", panoptic)"""
