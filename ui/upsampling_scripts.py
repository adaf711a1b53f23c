"""Scripts of the labs other than the grid lab: a few lines of torch that make what is shown as `out`."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from ui.upsampling_code import READ
from ui.upsampling_state import pack

TORCH = "import torch\nimport torch.nn.functional as F"

CHECKER = """\
n, k, s = {n}, {k}, {s}  # inputs along a side, kernel, stride
line = F.conv_transpose1d(torch.ones(1, 1, n), torch.ones(1, 1, k), stride=s)[0, 0]  # stamps on each cell
out = F.conv_transpose2d(torch.ones(1, 1, n, n), torch.ones(1, 1, k, k), stride=s)[0, 0]
assert torch.equal(out, torch.outer(line, line))  # rows and columns multiply

least, most, mean = k // s, -(-k // s), k / s  # away from the borders
print("along a line", (most - least) / mean, "in a picture", (most**2 - least**2) / mean**2)
print(out.int())
"""

ATROUS = """\
k, r = {k}, {r}  # kernel size and rate: the taps lie r apart
w = torch.arange(1.0, k * k + 1, dtype=torch.float64).reshape(1, 1, k, k)
out = F.conv2d(x[None], w, dilation=r)[0, 0]
print(out)

rates, k = {rates}, {stacked}  # the stack's rates and kernel size
paths = torch.ones(1, 1, 1, 1, dtype=torch.float64)  # from each input cell to the output in the middle
for rate in rates:
    paths = F.conv_transpose2d(paths, torch.ones(1, 1, k, k, dtype=torch.float64), dilation=rate)
paths = paths[0, 0]
print(f"field {{len(paths)}}×{{len(paths)}}, holes {{(paths == 0).double().mean():.1%}}")
"""

ROI = """\
box, bins, stride = {box}, {bins}, {stride}  # x1, y1, x2, y2 in pixels; a cell of the map is `stride` pixels
boxes = torch.tensor([[0.0, *box]], dtype=torch.float64)
pooled = ops.roi_pool(feature[None], boxes, bins, 1 / stride)[0, 0]
out = ops.roi_align(feature[None], boxes, bins, 1 / stride, {samples}, {aligned})[0, 0]
print("RoIPool", pooled, "RoIAlign", out, sep="\\n")

# RoIPool's first rounding, by hand: halves away from zero, and the last cell is within the box.
x1, y1, x2, y2 = (int(edge / stride + 0.5) for edge in box)
print("off by", [x1 * stride - box[0], y1 * stride - box[1], (x2 + 1) * stride - box[2], (y2 + 1) * stride - box[3]])
"""

REBUILD = """\
import numpy as np, torch, torch.nn.functional as F
from PIL import Image

f = {factor}
image = np.array(Image.open("original.png").convert("RGB"))  # saved under Download
x = torch.from_numpy(image).permute(2, 0, 1)[:, None].float()  # (3, 1, H, W)
height, width = x.shape[2:]
x = F.pad(x, (0, -width % f, 0, -height % f), "replicate")  # to multiples of f
small = F.avg_pool2d(x, f).round()

{body}

out = up[:, 0, :height, :width].permute(1, 2, 0).clamp(0, 255).round().byte().numpy()
luma = np.array([0.299, 0.587, 0.114], np.float32)
error = np.mean((out @ luma - image @ luma) ** 2)
print("exact" if error == 0 else f"PSNR {{10 * np.log10(255**2 / error):.2f}} dB")
Image.fromarray(out).save("brought_back.png")
"""

BLUR = "blur = torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]])[None, None] / 16"
DOWN = """\
up, places = x, []
while 2 ** len(places) < f:  # down by max-pools of 2 × 2
    up, place = F.max_pool2d(up, 2, return_indices=True)
    places.append(place)"""
BODIES = {
    "nearest": 'up = F.interpolate(small, scale_factor=f, mode="nearest")',
    "bilinear": 'up = F.interpolate(small, scale_factor=f, mode="bilinear", align_corners=False)',
    "bicubic": 'up = F.interpolate(small, scale_factor=f, mode="bicubic", align_corners=False)',
    "resize-convolution": f"""\
{BLUR}
large = F.interpolate(small, scale_factor=f, mode="nearest")
up = F.conv2d(F.pad(large, (1, 1, 1, 1), "replicate"), blur)""",
    "transposed convolution": """\
k = 2 * f  # a tent along each axis, which is bilinear
tent = 1 - (torch.arange(k) - (k - 1) / 2).abs() / f
up = F.conv_transpose2d(small, torch.outer(tent, tent)[None, None], stride=f, padding=f // 2)""",
    "bed of nails": """\
up = torch.zeros_like(x)
up[..., ::f, ::f] = small""",
    "unpool": f"""\
{BLUR}
{DOWN}
for place in reversed(places):  # each number to the top left of its block; the mean of those near a pixel
    nails, ones = torch.zeros(2, 3, 1, 2 * up.shape[2], 2 * up.shape[3])
    nails[..., ::2, ::2], ones[..., ::2, ::2] = up, 1
    up = F.conv2d(nails, blur, padding=1) / F.conv2d(ones, blur, padding=1)""",
    "max-unpool": f"""\
{BLUR}
{DOWN}
for place in reversed(places):  # each number back to where it was; the mean of those near a pixel
    nails, ones = (F.max_unpool2d(one, place, 2) for one in (up, torch.ones_like(up)))
    up = F.conv2d(nails, blur, padding=1) / F.conv2d(ones, blur, padding=1)""",
    "sub-pixel": "up = F.pixel_shuffle(F.pixel_unshuffle(x, f), f)  # all numbers, laid out as channels and back",
}


def checker(n: int, k: int, s: int) -> str:
    """Count the stamps on each cell."""
    return f"{TORCH}\n\n{CHECKER.format(n=n, k=k, s=s)}"


def atrous(values: NDArray[Any], k: int, r: int, rates: tuple[int, ...], stacked: int) -> str:
    """One layer of kernel size k and rate r on the small grid, and the paths through a stack of layers of `stacked`."""
    grid = f'x = grids("{pack(values[None])}")  # {values.shape}'
    return f"{TORCH}\n\n{READ}\n\n{grid}\n{ATROUS.format(k=k, r=r, rates=tuple(rates), stacked=stacked)}"


def roi(values: NDArray[Any], box: tuple[float, ...], bins: int, stride: int, samples: int, aligned: bool) -> str:
    """RoIPool and RoIAlign of a box on the map."""
    grid = f'feature = grids("{pack(values[None])}")  # {values.shape}'
    body = ROI.format(box=tuple(map(float, box)), bins=bins, stride=stride, samples=samples, aligned=aligned)
    return f"import torch\nfrom torchvision import ops\n\n{READ}\n\n{grid}\n{body}"


def rebuild(factor: int, method: str) -> str:
    """Make a picture small and bring it back by one way."""
    return REBUILD.format(factor=factor, body=BODIES[method])
