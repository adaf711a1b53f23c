"""The grid lab as a script of torch and numpy: the same numbers, and the same once more by hand where that is short."""

from __future__ import annotations

import numpy as np

from ui import code
from ui.texts import upsampling as text
from ui.upsampling_choice import KERNELS, Chosen
from ui.upsampling_state import pack

LITERAL = 36  # numbers that are written as a list; more as text

READ = """\
def grids(text):  # "|" between channels, "/" between rows
    return torch.tensor([[[float(v) for v in row.split()] for row in one.split("/")] for one in text.split("|")],
                        dtype=torch.float64)"""


def show(c: Chosen) -> None:
    """Show the script of what is chosen, with its downloads."""
    code.show_code(write(c), "upsampling", what=text.CODE_NOTE)


def write(c: Chosen) -> str:
    """Return a script of at most `code.MAX_LINES` lines whose `out` is the output shown, (H, W) or (C, H, W)."""
    body = _BODIES[c.method](c)
    head = ["import torch", "import torch.nn.functional as F"]
    names = {"x": c.x} | ({"w": c.w} if c.method in KERNELS or c.filtered else {})
    if c.method == "unpool" and c.y is not None:
        names["y"] = c.y
    texts = [f"{name} = {_literal(values)}" for name, values in names.items()]
    reading = [READ] if any("grids(" in line for line in texts) else []
    parts = ["\n".join(head), *reading, "\n".join(texts), body, "torch.set_printoptions(sci_mode=False)\nprint(out)"]
    return "\n\n".join(parts) + "\n"


def _literal(values: np.ndarray) -> str:
    if values.size > LITERAL:
        return f'grids("{pack(values)}")  # {tuple(values.shape)}'
    listed = [[[int(v) if v == int(v) else v for v in row] for row in one] for one in values.tolist()]
    return f"torch.tensor({listed}, dtype=torch.float64)  # {tuple(values.shape)}"


def _interpolate(c: Chosen) -> str:
    corners = "" if c.method == "nearest" else f", align_corners={c.corners}"
    call = f'out = F.interpolate(x[None], size={c.size}, mode="{c.method}"{corners})[0, 0]'
    if c.method == "nearest":
        hand = """\
rows, columns = (torch.arange(m) * n // m for n, m in zip(x.shape[1:], out.shape))  # floor(i · n / m)
assert torch.equal(out, x[0][rows][:, columns])"""
        return f"{call}\n\n{hand}"
    if c.method == "bicubic":
        return call
    place = "i * (n - 1) / max(m - 1, 1)" if c.corners else "((i + 0.5) * n / m - 0.5)"
    return f"""\
{call}

# By hand: where output i of m lies among n inputs, and the share of the two beside it.
def weights(n, m):  # (m, n)
    i = torch.arange(m, dtype=torch.float64)
    at = ({place}).clamp(0, n - 1)
    return (1 - (at[:, None] - torch.arange(n)).abs()).clamp(min=0)
down, across = (weights(n, m) for n, m in zip(x.shape[1:], out.shape))
assert torch.allclose(out, down @ x[0] @ across.T)"""


def _nails(c: Chosen) -> str:
    return f"""\
f = {c.factor}  # n_out = f · n
out = torch.zeros(x.shape[1] * f, x.shape[2] * f, dtype=torch.float64)
out[::f, ::f] = x[0]"""


def _subpixel(c: Chosen) -> str:
    if c.filtered:
        return _filtered(c)
    return f"""\
r = {c.factor}  # out[0, h·r + i, w·r + j] = x[i·r + j, h, w]; n_out = r · n
out = F.pixel_shuffle(x[None], r)[0]

c, h, w = x.shape
assert torch.equal(out[0], x.reshape(r, r, h, w).permute(2, 0, 3, 1).reshape(h * r, w * r))"""


def _filtered(c: Chosen) -> str:
    made = "out = F.pixel_shuffle(F.conv2d(x[None], filters[:, None]), r)[0]"
    if c.start == "random":
        return f"""\
r, filters = {c.factor}, w  # a filter for each of the r² channels; n_out = r · (n - k + 1)
{made}
print(filters.sum((1, 2)).reshape(r, r))  # each block, on a flat input of 1"""
    return f"""\
r = {c.factor}  # n_out = r · (n - k + 1)
filters = w.repeat(r * r, 1, 1)  # ICNR: all r² filters begin equal
{made}

small = F.conv2d(x[None], w[None])
assert torch.allclose(out, F.interpolate(small, scale_factor=r, mode="nearest")[0])"""


def _unpool(c: Chosen) -> str:
    put = "y[None]" if c.y is not None else "pooled"
    given = f"{c.window}, stride={c.hop}, padding={c.rim}"
    return f"""\
# pool: n_out = floor((n + 2p - k) / s) + 1; an index is row · W + column of the pool's input
pooled, indices = F.max_pool2d(x[None], {given}, return_indices=True)
back = {put}
if back.shape != pooled.shape:  # as many numbers as maxima, or the maxima themselves
    back = pooled
out = F.max_unpool2d(back, indices, {given}, output_size=x.shape[1:])[0, 0]
print(pooled[0, 0], indices[0, 0], sep="\\n")"""


def _transposed(c: Chosen) -> str:
    call = f"""\
s, p, op, d = {c.stride}, {c.pad}, {c.outpad}, {c.dilation}  # n_out = (n-1)s - 2p + d(k-1) + op + 1
out = F.conv_transpose2d(x[None], {_kernel(c)}, None, s, p, op, {c.groups}, d)[0]"""
    if c.channels:
        return call
    return f"""\
{call}[0]

# By hand: each input stamps its number times the kernel, overlaps add up, padding crops.
(n, m), (k, l) = x.shape[1:], w.shape[1:]
canvas = torch.zeros((n - 1) * s + d * (k - 1) + op + 1, (m - 1) * s + d * (l - 1) + op + 1, dtype=torch.float64)
for i in range(n):
    for j in range(m):
        canvas[i * s : i * s + d * (k - 1) + 1 : d, j * s : j * s + d * (l - 1) + 1 : d] += x[0, i, j] * w[0]
assert torch.allclose(out, canvas[p : canvas.shape[0] - p, p : canvas.shape[1] - p])

# It is the gradient of the convolution with the same kernel, stride, padding and dilation.
z = torch.zeros_like(out, requires_grad=True)
ahead = F.conv2d(z[None, None], w[None], None, s, p, d)[0, 0, :n, :m]
assert torch.allclose(out, torch.autograd.grad((ahead * x[0]).sum(), z)[0])"""


def _conv(c: Chosen) -> str:
    end = "" if c.channels else "[0]"
    return f"""\
s, p, d = {c.stride}, {c.pad}, {c.dilation}  # n_out = floor((n + 2p - d(k-1) - 1) / s) + 1
out = F.conv2d(x[None], {_kernel(c)}, None, s, p, d, {c.groups})[0]{end}"""


def _resize(c: Chosen) -> str:
    corners = "" if c.mode == "nearest" else ", align_corners=False"
    return f"""\
f = {c.factor}  # n_out = f · n
large = F.interpolate(x[None], size=(x.shape[1] * f, x.shape[2] * f), mode="{c.mode}"{corners})
out = F.conv2d(large, w[None], padding=(w.shape[1] // 2, w.shape[2] // 2))[0, 0]"""


def _kernel(c: Chosen) -> str:
    return f"w.reshape(2, {2 // c.groups}, *w.shape[1:])" if c.channels else "w[None]"


_BODIES = {
    "nearest": _interpolate, "bilinear": _interpolate, "bicubic": _interpolate, "nails": _nails, "subpixel": _subpixel,
    "unpool": _unpool, "transposed": _transposed, "conv": _conv, "resize": _resize,
}  # fmt: skip
