"""A large photo's memory: how much more than idle it takes while it is segmented, and that it is given back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage

from scripts import serve

ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux's /proc")

# malloc as it is without us, as scripts/serve.py starts the pages, and as the library sets it for itself.
ALLOCATORS = {"system": {"SEGLAB_ALLOCATOR": "system"}, "served": serve.MALLOC, "own": {}}

# Idle: the model is there and has segmented a small picture. All figures in MB over that.
MEASURE = """
import gc, json, sys
from pathlib import Path
import numpy as np
from seglab import export, images, inference, machine, runtime
from seglab.options import Options

path, model, options = sys.argv[1], sys.argv[2], Options(**json.loads(sys.argv[3]))

def step(name):
    resident, peak = (size / 1e6 - idle for size in machine.memory())
    found[name] = {"peak": peak, "after": resident}
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew

found = {}
loaded = runtime.model(model)
inference.segment(np.zeros((360, 480, 3), np.uint8), loaded, Options(precision=options.precision))
gc.collect()
idle = machine.memory()[0] / 1e6
Path("/proc/self/clear_refs").write_text("5")
image = images.decode(path)
step("decode")
result = inference.segment(image, loaded, options)
step("segment")
found["own"] = (image.nbytes + result.labels.nbytes + result.logits.nbytes) / 1e6
for form in export.FORMATS:
    if form.key in ("png", "overlay", "coco", "labelme"):
        form.function(export.Source(image, result, "photo.jpg"))
        step(form.key)
del result
step("result dropped")
del image
step("all dropped")
print(json.dumps(found))
"""


def photo(folder: Path, width: int, height: int) -> Path:
    """Save a smooth random picture as JPEG."""
    small = np.random.default_rng(0).integers(0, 256, (height // 50, width // 50, 3), np.uint8)
    path = folder / "photo.jpg"
    PILImage.fromarray(small).resize((width, height), PILImage.Resampling.BILINEAR).save(path, quality=90)
    return path


def measure(path: Path, model: str, allocator: str, **options: object) -> dict[str, dict[str, float]]:
    names = {"SEGLAB_ALLOCATOR", *serve.MALLOC}
    environment = {k: v for k, v in os.environ.items() if k not in names} | ALLOCATORS[allocator]
    command = [sys.executable, "-c", MEASURE, str(path), model, json.dumps(options)]
    child = subprocess.run(
        command, cwd=ROOT, env=environment | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    assert child.returncode == 0, child.stderr
    found: dict[str, dict[str, float]] = json.loads(child.stdout)
    print(json.dumps(found))  # shown if a bound doesn't hold
    return found


def check(found: dict[str, dict[str, float]], peak: float, slack: float) -> None:
    """All steps stay below `peak`; what stays afterwards is the result's own size, up to `slack`, all in MB."""
    own = float(found.pop("own"))  # type: ignore[arg-type]
    assert max(step["peak"] for step in found.values()) <= peak
    for name, step in found.items():
        assert step["after"] <= (0 if name == "all dropped" else own) + slack, name


@pytest.mark.parametrize("allocator", ["system", "served"])
def test_six_megapixels(tmp_path: Path, allocator: str) -> None:
    """A quarter of the pixels, in tiles of a quarter of the size: a quarter of the memory."""
    found = measure(photo(tmp_path, 3000, 2000), "street-fast", allocator, short_side=0, tile=512)
    check(found, 1500 / 4, 40)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("model", ["street", "street-fast"])
@pytest.mark.parametrize("allocator", ALLOCATORS)
def test_twenty_four_megapixels(tmp_path: Path, allocator: str, model: str, precision: str) -> None:
    from seglab import runtime

    if precision not in runtime.precisions():
        pytest.skip(f"this device has no {precision}")
    path = photo(tmp_path, 6000, 4000)
    check(measure(path, model, allocator, short_side=0, tile=1024, precision=precision), 1500, 120)


@pytest.mark.slow
def test_twenty_four_megapixels_six_times(tmp_path: Path) -> None:
    """With flips and scales, of which the largest is 7500×5000."""
    options = {"short_side": 0, "tile": 1024, "flip": True, "scales": (1.0, 0.75, 1.25)}
    check(measure(photo(tmp_path, 6000, 4000), "street-fast", "served", **options), 1500, 120)
