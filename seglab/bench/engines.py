"""The sides of `bench inference`: one network, run by plain torch, by this library, by ONNX Runtime, by OpenVINO.

Each function sets up what its argument says and returns what is timed: from an input (N, 3, H, W) float32 in main
memory to logits there, at the network's resolution. (torchvision's own `forward` also up-samples them, and runs an
auxiliary head where its weights have one: left out on every side.) The labels are found after the clock has stopped.

The argument: {"model": a key, "weights": a file of `write`, "input": a .npy file, "precision": …, "threads": …,
"device": …}.
"""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seglab import images, zoo
from seglab.bench.sides import Run

if TYPE_CHECKING:
    from torch import Tensor, nn

UNET = "unet-32"  # not in the zoo: U-Net, base 32, random weights
CLASSES = 21  # of the U-Net, as of torchvision's networks
WEAK = 0.2  # share of a residual branch beside its shortcut, in random networks
PHOTOS = ("china.jpg", "flower.jpg")  # in scikit-learn's datasets/images


def build(key: str) -> nn.Module:
    """Return the network, in eval mode, with its first weights."""
    if key != UNET:
        return zoo.get(key).build().eval()
    from seglab.nets.unet import UNet

    return UNet(CLASSES, base=32).eval()


def classes(key: str) -> int:
    """Return its number of classes."""
    return CLASSES if key == UNET else len(zoo.get(key).palette)


def trained(key: str) -> bool:
    """Whether the weights are real ones, from the package; the others are random, and nothing is downloaded."""
    return key != UNET and isinstance(zoo.get(key).source, zoo.Embedded)


def photo(name: str | Path = PHOTOS[0]) -> images.Image:
    """Return a file's picture, or by name one that comes with scikit-learn; FileNotFoundError where it isn't here."""
    if isinstance(name, Path):
        return images.decode(name)
    spec = find_spec("sklearn")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("The photographs for this come with scikit-learn: pip install scikit-learn.")
    return images.decode(Path(spec.submodule_search_locations[0]) / "datasets" / "images" / name)


def picture(size: tuple[int, int], batch: int, name: str | Path = PHOTOS[0]) -> Tensor:
    """Return a photograph as networks' input (batch, 3, *size) float32; each of the batch shifted by 16 pixels more."""
    import torch

    from seglab.preprocess import normalize, resize

    one = normalize(resize(photo(name), size)[None].float().div_(255))
    return torch.cat([one.roll(16 * n, -1) for n in range(batch)]).contiguous()


def write(key: str, path: Path) -> None:
    """Write the network's weights: the embedded ones, or random ones made sane."""
    import torch
    from safetensors.torch import save_file

    if trained(key):
        state = zoo.state_dict(key)
    else:
        torch.manual_seed(0)
        state = sane(build(key), classes(key)).state_dict()
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)


def sane(net: nn.Module, n_classes: int, side: int = 256) -> nn.Module:
    """Give a random network BatchNorm statistics of real pictures, and classes that all win somewhere.

    Without, its logits would explode or be nearly equal everywhere, and comparing labels would mean nothing: so the
    last convolution is scaled until each class's logits have mean 0 and deviation 1 over photographs, `side` pixels
    a side. A channel that hardly varies there gets a larger variance: divided by its own, rounding would explode. So it
    would through a hundred layers of random residual blocks: their branches are made weak beside the shortcut, as in
    trained networks (torchvision's `zero_init_residual` makes them nothing at first).
    """
    import torch
    from torchvision.models.mobilenetv3 import InvertedResidual
    from torchvision.models.resnet import Bottleneck

    for module in net.modules():
        if isinstance(module, Bottleneck):
            torch.nn.init.constant_(module.bn3.weight, WEAK)
        elif isinstance(module, InvertedResidual) and module.use_res_connect:
            torch.nn.init.constant_(module.block[-1][1].weight, WEAK)
    views = torch.cat([picture((side, side), 2, name) for name in PHOTOS])
    net.train()
    norms = [module for module in net.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None  # the mean over all batches
            module.reset_running_stats()
        elif isinstance(module, torch.nn.Dropout):
            module.eval()
    with torch.no_grad():
        net(views)
        for norm in norms:
            assert norm.running_mean is not None
            assert norm.running_var is not None
            norm.running_var.clamp_min_(norm.running_var.mean() / 10).clamp_min_(norm.running_mean.square() / 10)
        net.eval()
        logits = net(views).transpose(0, 1).flatten(1)
        mean, deviation = logits.mean(1), logits.std(1).clamp_min(1e-6)
        # Where there are two such convolutions, as in LR-ASPP, the logits are their sum.
        last = [m for m in net.modules() if isinstance(m, torch.nn.Conv2d) and m.out_channels == n_classes]
        for number, conv in enumerate(last):
            assert conv.bias is not None
            conv.weight /= deviation[:, None, None, None]
            conv.bias -= mean if number == 0 else 0
            conv.bias /= deviation
    return net


def eager(task: dict[str, Any]) -> Run:
    """Set up plain torch, as people write it: float32, contiguous, no_grad."""
    import torch

    device = torch.device(task["device"])
    net, x = _net(task).to(device), _input(task)

    def run() -> Any:
        with torch.no_grad():
            return labels(net(x.to(device)).cpu().numpy())

    return run


def ours(task: dict[str, Any]) -> Run:
    """Set up this library: `runtime.forward` in the precision asked for."""
    from seglab import halves, runtime
    from seglab.palettes import VOC

    if not trained(task["model"]):
        halves.LEAST = 0.0  # random networks may lose more labels than are let through; here it is about their time
    palette = VOC if task["model"] == UNET else zoo.get(task["model"]).palette
    loaded = runtime.ready(task["model"], _net(task), palette, zoo.Preprocess(short_side=512), "0")
    x, precision = _input(task), task["precision"]
    return lambda: labels(runtime.forward(loaded, x, precision=precision).numpy())


def onnx_runtime(task: dict[str, Any]) -> Run:
    """Set up ONNX Runtime on the CPU, float32, all graph optimisations (its default)."""
    import torch

    ort: Any = importlib.import_module("onnxruntime")
    x = _input(task)
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "net.onnx")
        torch.onnx.export(_net(task), (x,), file, input_names=["x"], output_names=["y"], dynamo=True, verbose=False)
        settings = ort.SessionOptions()
        settings.intra_op_num_threads = task["threads"]
        session = ort.InferenceSession(file, settings, providers=["CPUExecutionProvider"])
    feed = {"x": x.numpy()}
    return lambda: labels(session.run(None, feed)[0])


def openvino(task: dict[str, Any]) -> Run:
    """Set up OpenVINO on the CPU, in the precision asked for (bf16, or f32 where the CPU lacks it)."""
    ov: Any = importlib.import_module("openvino")
    x = _input(task)
    converted = ov.convert_model(_net(task), example_input=x, input=[tuple(x.shape)])
    settings = {
        "INFERENCE_PRECISION_HINT": {"bf16": "bf16", "fp16": "f16"}.get(task["precision"], "f32"),
        "INFERENCE_NUM_THREADS": task["threads"],
        "PERFORMANCE_HINT": "LATENCY",
    }
    request = ov.Core().compile_model(converted, "CPU", settings).create_infer_request()
    array = x.numpy()
    return lambda: labels(request.infer([array])[0])


def labels(logits: np.ndarray) -> Callable[[], np.ndarray]:
    """Return what gives the labels (N, h, w) uint8 of logits (N, K, h, w), once the clock has stopped."""
    return lambda: logits.argmax(1).astype(np.uint8)


def _net(task: dict[str, Any]) -> nn.Module:
    from safetensors.torch import load_file

    net = build(task["model"])
    net.load_state_dict(load_file(task["weights"]))
    return net


def _input(task: dict[str, Any]) -> Tensor:
    import torch

    return torch.from_numpy(np.load(task["input"]))
