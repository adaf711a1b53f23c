"""The current explanation as a script of torch alone: the hook, the gradient, α, the sum; seglab only for weights.

It has Grad-CAM and the three methods that differ from it in one line; of the others it says so and computes Grad-CAM.
"""

from __future__ import annotations

import numpy as np
import streamlit as st
from PIL import Image

from seglab import zoo
from ui import code, gradcam_run, gradcam_state
from ui.gallery import GALLERY
from ui.gradcam_run import Asked
from ui.picker import Photo
from ui.texts import gradcam as text
from ui.texts import gradcam_more as more

PICTURE_FILE, REGION_FILE = "picture.png", "region.png"  # as the tab "Download" names them
# Of each method the lines from A and G = ∂y/∂A, (1, C, h, w), to the map before its ReLU, (1, h, w).
LINES = {
    "grad-cam": "alpha = G.mean((2, 3))  # α_k = (1/Z) Σ_ij ∂y/∂A_ij, (1, C)\n"
    "    return (alpha[:, :, None, None] * A).sum(1)  # Σ_k α_k A^k",
    "xgrad-cam": "alpha = (A * G).sum((2, 3)) / (A.sum((2, 3)) + 1e-7)  # (1, C)\n"
    "    return (alpha[:, :, None, None] * A).sum(1)  # Σ_k α_k A^k",
    "hirescam": "return (G * A).sum(1)  # Σ_k ∂y/∂A^k ⊙ A^k",
    "layer-cam": "return (G.relu() * A).sum(1)  # Σ_k ReLU(∂y/∂A^k) ⊙ A^k",
}


def show(asked: Asked) -> None:
    """Show the script of the explanation as it is, with its downloads."""
    if asked.loaded.preprocess.stretch:
        st.info(more.CODE_STRETCH)
        return
    script = write(asked)
    files = [f"`{name}`" for name in (PICTURE_FILE, REGION_FILE) if f'"{name}"' in script]
    notes = [text.CODE_FILES.format(files=text.CODE_AND.join(files))] if files else []
    same = asked.method in LINES
    if not same:
        notes.append(text.CODE_OTHER.format(method=gradcam_run.how(asked.method).title))
    code.show_code(script, "grad_cam", " ".join(notes), text.CODE_NOTE if same else text.CODE_NOTE_OTHER)


def write(asked: Asked) -> str:
    """Return a script of at most `code.MAX_LINES` lines that computes the map.

    It leaves y, raw (h, w), heat (H, W) and outside, and saves raw as map.npy.
    """
    parts = [_head(asked), _input(asked), _network(asked), _cam(asked), _region(asked), _rest(asked)]
    script = "\n\n".join(parts) + "\n"
    if script.count("\n") > code.MAX_LINES:
        script = "\n".join(line for line in script.splitlines() if line) + "\n"
    return script


def _ours(asked: Asked) -> bool:
    return isinstance(asked.run.spec.source, zoo.Embedded)


def _head(asked: Asked) -> str:
    photo = asked.source.photo
    lines = [
        f"# Why {asked.name}? {asked.run.spec.title} on {photo.name}, as in SegLab"
        + (" (needed for the weights)" if _ours(asked) else ""),
        "from importlib.resources import files" if _in_package(photo) else "",
        "import numpy as np, torch, torch.nn.functional as F",
        "from PIL import Image",
        "from seglab import zoo" if _ours(asked) else "from torchvision.models import segmentation",
    ]
    return "\n".join(line for line in lines if line)


def _in_package(photo: Photo) -> bool:
    """Whether opening the gallery's file gives the picture as it was explained: without profile or turning."""
    if photo.key not in GALLERY:
        return False
    with Image.open(GALLERY[photo.key].path) as file:
        return np.array_equal(np.asarray(file.convert("RGB")), photo.image)


def _input(asked: Asked) -> str:
    photo, how = asked.source.photo, asked.loaded.preprocess
    method = asked.method if asked.method in LINES else "grad-cam"
    size = gradcam_run.explained_size(asked.loaded, photo.size, asked.short, method)
    file = f'"{PICTURE_FILE}"'
    if _in_package(photo):
        file = 'files("{0.package}") / "{0.file}"'.format(GALLERY[photo.key])
    return (
        f'pixels = torch.from_numpy(np.array(Image.open({file}).convert("RGB"))).permute(2, 0, 1)[None]\n'
        f'x = F.interpolate(pixels, {size}, mode="bilinear", antialias=True).float() / 255\n'
        f"mean, std = (torch.tensor(v).view(3, 1, 1) for v in ({how.mean}, {how.std}))\n"
        "x = (x - mean) / std  # (1, 3, h, w)"
    )


def _network(asked: Asked) -> str:
    spec = asked.run.spec
    if isinstance(spec.source, zoo.Torchvision):
        function = spec.key.replace("-", "_").replace("_mobilenet", "_mobilenet_v3_large")
        out = "" if spec.key.startswith("lraspp") else '["out"]'
        weights = f"weights = segmentation.{spec.source.enum}.{spec.source.member}"
        build = f"{weights}\nnet = segmentation.{function}(weights=weights)"
        forward = f"net.classifier(net.backbone(x){out})"
    else:
        build = f'net = zoo.get("{spec.key}").build()\nnet.load_state_dict(zoo.state_dict("{spec.key}"))'
        forward = "net(x)"
    soft = ".softmax(1)" if asked.of == "probability" else ""
    return f"""\
{build}
net.eval().requires_grad_(False)
seen = {{}}
def cut(module, inputs, output):  # what comes after the layer sees a new beginning of the graph
    seen["A"] = output.detach().requires_grad_()
    return seen["A"].clone()
net.get_submodule("{asked.layer}").register_forward_hook(cut)
def scores(x):  # (K, H, W), at the picture's size
    return F.interpolate({forward}{soft}, pixels.shape[2:], mode="bilinear")[0]"""


def _cam(asked: Asked) -> str:
    return f"""\
def cam(x, region):
    y = scores(x)[{asked.k}][region].sum()  # {asked.name}, summed over the region
    A, G = seen["A"], torch.autograd.grad(y, seen["A"])[0]  # both (1, C, h, w)
    seen["y"] = y.item()
    {LINES.get(asked.method, LINES["grad-cam"])}"""


def _region(asked: Asked) -> str:
    where, place = asked.region
    lines = [f"predicted = scores(x).argmax(0) == {asked.k}"]
    if where == "predicted":
        lines.append("region = predicted")
    elif where == "painted":
        lines.append(f'region = torch.from_numpy(np.array(Image.open("{REGION_FILE}")) > 0)')
    else:
        lines.append("region = torch.zeros_like(predicted)")
        part = "[:]"
        if where == "pixel" and place:
            column, row = gradcam_state.place(place, 2)
            part = f"[{row}, {column}]"
        elif where == "box" and place:
            x0, y0, x1, y1 = gradcam_state.place(place, 4)
            part = f"[{y0}:{y1}, {x0}:{x1}]"
        lines.append(f"region{part} = True")
    return "\n".join(lines)


def _rest(asked: Asked) -> str:
    mirrored = ["raw = (raw + cam(x.flip(-1), region.flip(-1)).detach()[0].flip(-1)) / 2"] if asked.mirror else []
    return "\n".join([
        "raw = cam(x, region).detach()[0]", "y = seen[\"y\"]", *mirrored,
        'heat = F.interpolate((raw.relu() / raw.max())[None, None], pixels.shape[2:], mode="bilinear")[0, 0]',
        "outside = 1 - (heat[predicted].sum() / heat.sum()).item()",
        'print(f"y = {y:.6g}, largest value {raw.max():.4g}, outside the prediction {outside:.1%}")',
        'np.save("map.npy", raw.numpy())',
    ])  # fmt: skip
