"""The page "Losses & metrics" as a script of numpy and torch: the metrics, and the two losses with their gradients.

It needs nothing of ours. Masks that are drawn are drawn again by the same formula; what is painted, uploaded or a
network's comes from the page's own download, and so does a prediction whose changes would take too many lines.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from ui import code, losses_run
from ui.losses_masks import SHIPS, Pair
from ui.texts import losses as text

TRUTH_FILE, GUESS_FILE = "truth.png", "prediction.npy"  # as the tab "Download" names them
D = "D = (2 * (p * y).sum() + epsilon) / (p.sum() + y.sum() + epsilon)\n"
J = "J = ((p * y).sum() + epsilon) / (p.sum() + y.sum() - (p * y).sum() + epsilon)\n"
WRONG = (
    "wrong = alpha * (p * (1 - y)).sum() + beta * ((1 - p) * y).sum()\n"
    "miss = wrong / ((p * y).sum() + wrong + epsilon).clamp(min=1e-30)  # 1 - T\n"
)
BCE = "(y * log_p + (1 - y) * log_q).mean()"
# Of each loss the lines after its formula, in the formula's own letters; log_p and log_q are log p and log(1 - p).
# The last line's L becomes losses["key"]. z, p and y hold the counted pixels alone, so that means are over them.
LINES: Mapping[str, str] = {
    "bce": f"L = -{BCE}",
    "weighted_bce": "L = -(beta * y * log_p + (1 - y) * log_q).mean()",
    "balanced_bce": "beta = 1 - y.mean()\nL = -(beta * y * log_p + (1 - beta) * (1 - y) * log_q).mean()",
    "focal": "L = -(alpha * y * (1 - p) ** gamma * log_p + (1 - alpha) * (1 - y) * p**gamma * log_q).mean()",
    "dice": f"{D}L = 1 - D",
    "dice_squared": "L = 1 - (2 * (p * y).sum() + epsilon) / ((p**2).sum() + (y**2).sum() + epsilon)",
    "jaccard": f"{J}L = 1 - J",
    "log_jaccard": f"{J}L = -J.log()",
    "one_minus_log_jaccard": f"{J}L = 1 - J.log()",
    "bce_jaccard": f"{J}L = -alpha * {BCE} + (1 - alpha) * (1 - J)",
    "tversky": f"{WRONG}L = miss",
    "focal_tversky": f"{WRONG}L = miss.clamp(min=1e-30) ** (1 / gamma)  # at 0 itself the slope would be infinite",
    "log_cosh_dice": f"{D}L = (1 - D).cosh().log()",
    "combo": f"{D}cross = (beta * y * log_p + (1 - beta) * (1 - y) * log_q).mean()\n"
    "L = -alpha * cross - (1 - alpha) * D",
    # Equal errors share their steps, the object's first, as `seglab.losses.lovasz` has it.
    "lovasz_hinge": """\
error = (1 - (2 * y - 1) * z).relu()  # sorted below: the largest first, of equal ones the object's; equals share
step, n = torch.unique(torch.stack([-error.detach(), -y]), dim=1, return_inverse=True, return_counts=True)[1:]
F1, F0 = (torch.bincount(step, w).cumsum(0) for w in (y, 1 - y))  # wrong by then, of the object and of the background
grown = torch.diff((F1 + F0) / (y.sum() + F0).clamp(min=1), prepend=y.new_zeros(1))  # by so much does 1 - IoU
L = ((grown / n)[step] * error).sum()""",
    "boundary": """\
on = truth == 1
phi = np.where(on, 1 - ndimage.distance_transform_edt(on), ndimage.distance_transform_edt(~on))
L = (torch.tensor(phi * (on.any() and not on.all()))[counted] * p).mean()  # with one class there is no border""",
    "hausdorff": """\
def distance(mask):  # to the border of the mask; 0 where it has none
    border = ndimage.distance_transform_edt(mask) + ndimage.distance_transform_edt(~mask)
    return torch.tensor(border * (mask.any() and not mask.all()))[counted]
d, delta = distance(truth == 1), distance(logits.detach().numpy() > 0)
L = ((p - y) ** 2 * (d**alpha + delta**alpha)).mean()""",
    "sensitivity_specificity": """\
wrong = (y - p) ** 2
missed, raised = (wrong * y).sum() / y.sum().clamp(min=1), (wrong * (1 - y)).sum() / (1 - y).sum().clamp(min=1)
L = r * missed + (1 - r) * raised""",
}


def show(pair: Pair) -> None:
    """Show the script of the masks and losses as they are, with its downloads."""
    if not (pair.truth != 255).any():
        st.info(text.NOTHING_COUNTED)
        return
    script = write(pair, st.session_state)
    files = [f"`{name}`" for name in (TRUTH_FILE, GUESS_FILE) if f'"{name}"' in script]
    note = text.CODE_FILES.format(files=text.CODE_AND.join(files)) if files else ""
    code.show_code(script, "losses", note, text.CODE_NOTE)


def write(pair: Pair, now: Mapping[Any, Any]) -> str:
    """Return a script of at most `code.MAX_LINES` lines that computes the page's metrics, losses and gradients.

    They are left in `cm`, `accuracy`, `iou`, `dice`, `losses` and `gradients` (arrays (H, W), also in gradients.npz).
    """
    guess = _guess(now)
    for lines in (guess, _load_guess()):
        parts = [_truth(now), lines, _metrics(pair), _logits(now), *_losses(now), _gradients()]
        body = "\n\n".join(part for part in parts if part)
        script = f"{_head(body)}\n\n{body}\n"
        for short in (script, "".join(line for line in script.splitlines(keepends=True) if line.strip())):
            if short.count("\n") <= code.MAX_LINES:
                return short
    return short


def _head(body: str) -> str:
    """The imports that `body` needs."""
    imports = [
        "import numpy as np, torch" + (", torch.nn.functional as F" if " F." in body else ""),
        "from PIL import Image" if "Image." in body else "",
        "from scipy import ndimage" if "ndimage." in body else "",
    ]
    title = "# Two masks: what metrics say of them, and what two losses ask of each pixel"
    return "\n".join([title, *filter(None, imports)])


def _truth(now: Mapping[Any, Any]) -> str:
    """The true mask, uint8 (H, W): 0, 1, or 255 where nothing is counted."""
    kind, side, extent = now["truth"], now["side"], now["extent"]
    if now["inkt"] or kind in ("scene", "photo", "upload"):
        return f'truth = np.array(Image.open("{TRUTH_FILE}"))  # 0, 1, and 255 where nothing is counted'
    if kind == "ships":
        rows, columns = (list(ends) for ends in zip(*SHIPS, strict=True))
        return f"truth = np.zeros((10, 10), np.uint8)\ntruth[{rows}, {columns}] = 1  # five ships"
    empty = f"truth = np.zeros(({side}, {side}), np.uint8)"
    if kind == "full":
        return f"truth = np.ones(({side}, {side}), np.uint8)"
    if kind == "pixel":
        return f"{empty}\ntruth[{side // 2}, {side // 2}] = 1"
    if kind == "thin":
        return f"{empty}\n{_thin(side, extent)}"
    if kind in ("disc", "discs"):
        radius = max(0.5, extent * side / 2)
        discs = [(side / 2, radius)] if kind == "disc" else [(0.38 * side, radius), (0.82 * side, max(0.5, radius / 6))]
        within = " | ".join(f"(np.hypot(y - {at}, x - {at}) <= {r})" for at, r in discs)
        return f"y, x = np.mgrid[:{side}, :{side}] + 0.5\ntruth = ({within}).astype(np.uint8)"
    return empty


def _thin(side: int, extent: float) -> str:
    """A stem with two branches, as `ui.losses_masks.draw` makes it."""
    radius, column = max(0.5, extent * side / 2), side // 2
    top, bottom = int(side / 2 - radius), int(side / 2 + radius)
    long = max(1, (bottom - top) // 3)
    first, second = top + (bottom - top) // 3, top + 2 * (bottom - top) // 3
    return (
        f"truth[{top}:{bottom}, {column}] = 1\nk = np.arange({long})  # a pixel wide, with two branches\n"
        f"truth[{first} - k, {column} + k] = truth[{second} - k, {column} - k] = 1"
    )


def _load_guess() -> str:
    return f'guess = np.load("{GUESS_FILE}")  # the probability of object, of each pixel'


def _guess(now: Mapping[Any, Any]) -> str:
    """The predicted probabilities, float32 (H, W): what `ui.losses_masks.changed` does, in its order."""
    kind, down, right, grow = now["guess"], now["down"], now["right"], now["grow"]
    salt, sigma, sure = now["salt"], now["soften"], now["sure"]
    base = {
        "background": "np.zeros(truth.shape, np.float32)",
        "truth": "(truth == 1).astype(np.float32)",
        "full": "np.ones(truth.shape, np.float32)",
    }
    if now["inkp"] or now["punched"] or kind not in base:
        return _load_guess()
    lines = [f"guess = {base[kind]}  # the probability of object, of each pixel"]
    if down or right:
        lines.append(f"guess = ndimage.shift(guess, ({down}, {right}), order=0)  # down, right")
    if grow:
        extreme = "maximum" if grow > 0 else "minimum"
        lines.append(f'guess = ndimage.{extreme}_filter(guess, {2 * abs(grow) + 1}, mode="nearest")')
    if salt:
        lines.append("rng = np.random.default_rng(0)  # salt and pepper")
        lines.append(f"hit, coin = rng.random(guess.shape) < {salt}, rng.random(guess.shape) < 0.5")
        lines.append("guess = np.where(hit, coin, guess).astype(np.float32)")
    if sigma:
        lines.append(f'guess = ndimage.gaussian_filter(guess, {sigma}, mode="nearest").clip(0, 1)')
    if sure:
        goal = "0.5" if sure < 0 else "(np.sign(guess - 0.5) + 1) / 2"
        lines.append(f"guess += np.float32({abs(sure)}) * ({goal} - guess)  # {'less' if sure < 0 else 'more'} sure")
    return "\n".join(lines)


def _metrics(pair: Pair) -> str:
    return f"""\
np.seterr(divide="ignore", invalid="ignore")  # 0/0 is NaN: neither mask has the class, and means skip it
counted = truth != 255
cm = np.bincount(2 * truth[counted] + (guess >= {pair.cut})[counted], minlength=4).reshape(2, 2)  # rows: the truth
hits, both = np.diag(cm), cm.sum(0) + cm.sum(1)
accuracy, iou, dice = hits.sum() / cm.sum(), hits / (both - hits), 2 * hits / both  # of background and object
print(f"{{cm.tolist()}}: accuracy {{accuracy:.1%}}, IoU {{iou[1]:.1%}}, Dice {{dice[1]:.1%}}")
print(f"mean IoU {{np.nanmean(iou):.1%}}, mean Dice {{np.nanmean(dice):.1%}}")"""


def _chosen(now: Mapping[Any, Any]) -> list[str]:
    return list(dict.fromkeys((now["loss"], now["beside"])))


def _logits(now: Mapping[Any, Any]) -> str:
    lines = """\
guess = guess.astype(np.float64)
logits = torch.tensor(np.clip(np.log(guess) - np.log1p(-guess), -30, 30), requires_grad=True)  # (H, W)
counted = torch.tensor(counted)
z, y = logits[counted], torch.tensor(truth)[counted].double()  # (N,): the pixels that count
p = z.sigmoid()"""
    logs = any("log_p" in LINES[key] for key in _chosen(now))
    return lines + ("\nlog_p, log_q = F.logsigmoid(z), F.logsigmoid(-z)  # of p and 1 - p" if logs else "")


def _losses(now: Mapping[Any, Any]) -> list[str]:
    """Each chosen loss: its formula as a comment, its parameters, its lines."""
    parts = []
    for key in _chosen(now):
        loss, chosen = losses_run.loss(key), losses_run.settings(key, now)
        lines = [f"# {loss.title}: {loss.latex}"]
        if chosen:
            lines.append(f"{', '.join(chosen)} = {', '.join(str(value) for value in chosen.values())}")
        first, _, last = LINES[key].rpartition("L = ")
        parts.append("\n".join([*lines, f'{first}losses["{key}"] = {last}']))
    parts[0] = f"losses = {{}}\n{parts[0]}"
    return parts


def _gradients() -> str:
    return """\
gradients = {key: torch.autograd.grad(L, logits, retain_graph=True)[0].numpy() for key, L in losses.items()}
for key, slope in gradients.items():
    share = np.abs(slope[truth == 1]).sum() / np.abs(slope).sum()
    print(f"{key}: {losses[key].item():.4g}; {share:.0%} of its gradient is the object's")
np.savez("gradients.npz", **gradients)"""
