"""The current experiment as a script: the same steps as `seglab.inference` and `seglab.maps`, in the open."""

from __future__ import annotations

import numpy as np
from PIL import Image

from seglab import zoo
from seglab.options import Options
from ui import code
from ui.gallery import GALLERY, UPLOAD
from ui.picker import Photo
from ui.segment_run import Run
from ui.texts import shared

PROFILE = """\
profile = ImageCms.getOpenProfile(BytesIO(photo.info["icc_profile"]))
photo = ImageCms.profileToProfile(photo, profile, ImageCms.createProfile("sRGB"))"""
DTYPES = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}


def show(run: Run) -> None:
    """Show the script of the current experiment, with its downloads."""
    from seglab.inference import input_size

    height, _ = input_size(run.photo.size, run.loaded.preprocess, run.options)
    stride = round(height / run.logits.shape[1])
    note = shared.CODE_NOTE_FILE.format(file=run.photo.name) if run.photo.key == UPLOAD else ""
    script = write(run.photo, run.loaded.key, run.options, run.temperature, run.threshold, stride)
    code.show_code(script, f"{run.photo.stem}_{run.loaded.key}", note)


def write(photo: Photo, key: str, options: Options, temperature: float, threshold: float, stride: int) -> str:
    """Return a script of at most `code.MAX_LINES` lines that computes the same labels and saves them as labels.png.

    `stride` is how many pixels of the network's input stand behind one logit; only tiles need it.
    """
    from seglab.inference import input_size
    from seglab.tiling import MAX_NUMBERS

    spec = zoo.get(key)
    sizes = [input_size(photo.size, spec.preprocess, options, scale) for scale in options.scales]
    largest = max(len(spec.palette) * h * w for h, w in sizes)
    pooled = stride if options.tile and largest > MAX_NUMBERS else 0
    parts = [_head(photo, spec), _network(spec, options), *_functions(spec, options, pooled)]
    if options.tile:
        parts.append(_tiles(options, len(spec.palette), stride))
    averaged = options.flip or len(sizes) > 1
    function = "tiled" if options.tile else "look"
    parts.append(_average(sizes, options.flip, function) if averaged else _once(sizes[0], function))
    parts.append(_labels(photo, temperature, threshold))
    script = "\n\n".join(parts) + "\n"
    if script.count("\n") > code.MAX_LINES:  # everything is on at once: do without the empty lines
        script = "\n".join(line for line in script.splitlines() if line) + "\n"
    return script


def _head(photo: Photo, spec: zoo.ModelSpec) -> str:
    embedded = isinstance(spec.source, zoo.Embedded)
    own = photo.key == UPLOAD
    file = repr(photo.name) if own else 'files("{0.package}") / "{0.file}"'.format(GALLERY[photo.key])
    height, width = photo.size
    convert = not own and _needs_profile(photo)
    lines = [
        f"# {spec.title} on {photo.name}, as in SegLab{' (needed for the weights)' if embedded else ''}",
        "" if own else "from importlib.resources import files",
        "from io import BytesIO" if convert else "",
        "import numpy as np, torch, torch.nn.functional as F",
        f"from PIL import Image, {'ImageCms, ' if convert else ''}ImageOps",
        "from seglab import zoo" if embedded else "from torchvision.models import segmentation",
        "\n" + f'photo = ImageOps.exif_transpose(Image.open({file})).convert("RGB")',
        PROFILE if convert else "",
        f"pixels = torch.from_numpy(np.array(photo)).permute(2, 0, 1)[None]  # (1, 3, {height}, {width})",
    ]
    return "\n".join(line for line in lines if line)


def _needs_profile(photo: Photo) -> bool:
    """Whether a gallery picture's colours are of a profile that isn't sRGB's, so that opening it isn't all."""
    with Image.open(GALLERY[photo.key].path) as file:
        return not np.array_equal(np.asarray(file.convert("RGB")), photo.image)


def _network(spec: zoo.ModelSpec, options: Options) -> str:
    if isinstance(spec.source, zoo.Torchvision):
        function = spec.key.replace("-", "_").replace("_mobilenet", "_mobilenet_v3_large")
        build = [f"net = segmentation.{function}(weights=segmentation.{spec.source.enum}.{spec.source.member})"]
    else:
        build = [f'net = zoo.get("{spec.key}").build()', f'net.load_state_dict(zoo.state_dict("{spec.key}"))']
    values = f"({spec.preprocess.mean}, {spec.preprocess.std})"
    return "\n".join([
        'device = "cuda" if torch.cuda.is_available() else "cpu"', *build,
        f"net = net.eval().to(device, torch.{DTYPES[options.precision]}, memory_format=torch.channels_last)",
        f"mean, std = (torch.tensor(v).view(3, 1, 1) for v in {values})",
    ])  # fmt: skip


def _functions(spec: zoo.ModelSpec, options: Options, pooled: int) -> list[str]:
    """`pooled`: pixels to a logit where more of them than `tiling.MAX_NUMBERS` are averaged; 0 where they aren't."""
    x = "x.to(device)" if options.precision == "fp32" else f"x.to(device, torch.{DTYPES[options.precision]})"
    forward = f"net({x})"
    if isinstance(spec.source, zoo.Torchvision):  # without torchvision's own last step, the up-sampling
        out = "" if spec.key.startswith("lraspp") else '["out"]'
        forward = f"net.classifier(net.backbone({x}){out})"
    size, ending = "at the network's resolution", f"return {forward}[0].float().cpu()"
    if pooled:
        ending = f"z = {forward}[0].float().cpu()"
        size = f"averaged down to {pooled} px each"
        ending += f"\n        return F.avg_pool2d(z[None], {pooled} * z.shape[1] // x.shape[2], ceil_mode=True)[0]"
    return [
        f"""\
def look(x):  # (1, 3, h, w) bytes → logits (K, h', w') {size}
    x = ((x.float() / 255 - mean) / std).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        {ending}""",
        """\
def keep(z):  # in 16 bits, less each pixel's largest: no probability changes by that
    return (z - z.amax(0)).clamp(min=-60000).half().float()""",
    ]


def _tiles(options: Options, classes: int, stride: int) -> str:
    """The function that cuts a picture into tiles and blends their logits, as `seglab.tiling` does."""
    side = -(-options.tile // 32) * 32
    step = max(32, int(side * (1 - options.overlap)) // 32 * 32)
    gaussian = "torch.exp(-0.5 * ((torch.arange(n) - (n - 1) / 2) / (n / 8)) ** 2)"
    window = "torch.ones(n)" if options.blend == "constant" else gaussian
    return f"""\
def tiled(x):  # tiles of {side} px, one every {step} px; where they overlap, their weighted mean
    total = torch.zeros({classes} + 1, -(-x.shape[2] // {stride}), -(-x.shape[3] // {stride}))  # {stride} px a logit
    ends = [-(-(n - {side}) // 32) * 32 for n in x.shape[2:]]
    ys, xs = ([*range(0, end, {step}), end] if end > 0 else [0] for end in ends)
    for y, i in ((y, i) for y in ys for i in xs):
        z = look(x[:, :, y : y + {side}, i : i + {side}])
        wy, wx = ({window} for n in z.shape[1:])
        z = torch.cat([z, torch.ones_like(z[:1])]) * wy[:, None] * wx
        total[:, y // {stride} :, i // {stride} :][:, : z.shape[1], : z.shape[2]] += z
    return total[:-1] / total[-1]"""


def _once(size: tuple[int, int], function: str) -> str:
    return f'z = keep({function}(F.interpolate(pixels, {size}, mode="bilinear", antialias=True)))'


def _average(sizes: list[tuple[int, int]], flip: bool, function: str) -> str:
    turns = "(lambda t: t, lambda t: t.flip(-1))" if flip else "(lambda t: t,)"
    return f"""\
zs = []  # test-time augmentation: the mean of the logits over sizes and mirror images
for size in {sizes}:
    x = F.interpolate(pixels, size, mode="bilinear", antialias=True)
    zs += [turn(keep({function}(turn(x)))) for turn in {turns}]
z = keep(sum(F.interpolate(z[None], zs[0].shape[1:], mode="bilinear")[0] for z in zs) / len(zs))"""


def _labels(photo: Photo, temperature: float, threshold: float) -> str:
    up = f'F.interpolate(z[None], {photo.size}, mode="bilinear", align_corners=False)[0]'
    lines = [f"z = {up} / {temperature:g}  # z / T", "labels = z.argmax(0).byte()  # softmax keeps the order"]
    if threshold > 0:
        # Of the best class, exp(z) / Σ exp(z_j) is 1 / Σ exp(z_j − z).
        lines.append(f"labels[1 / (z - z.amax(0)).exp().sum(0) < {threshold:g}] = 255  # softmax of the best: unsure")
    lines.append('Image.fromarray(labels.numpy()).save("labels.png")')
    return "\n".join(lines)
