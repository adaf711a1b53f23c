"""The script of the page "Grad-CAM" gives the numbers that the page shows, and needs little else than torch."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from seglab import runtime, zoo
from seglab.bench import engines
from tests.pages.test_gradcam import asked
from ui import code, gradcam_code, gradcam_run, picker, segment_run
from ui.compare_source import Source
from ui.gradcam_run import Asked
from ui.losses_state import pack
from ui.viewer import Stroke

INK = pack([Stroke(1, 12.0, ((150, 200), (300, 260)))])


def outcome(question: Asked, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Run the question's script in an empty folder, with the files it says it needs; return its variables."""
    region = gradcam_run.explain(question).region()
    assert region is not None
    Image.fromarray(question.source.photo.image).save(folder / gradcam_code.PICTURE_FILE)
    Image.fromarray(region.astype(np.uint8) * 255).save(folder / gradcam_code.REGION_FILE)
    script = gradcam_code.write(question)
    assert script.count("\n") <= code.MAX_LINES
    assert max(map(len, script.splitlines())) <= 120
    modules = {
        name.split(".")[0] for node in ast.walk(ast.parse(script)) if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names])
    }  # fmt: skip
    assert modules <= {"numpy", "torch", "torchvision", "PIL", "seglab", "importlib"}
    monkeypatch.chdir(folder)
    names: dict[str, Any] = {}
    exec(compile(script, "script.py", "exec"), names)
    return names


@pytest.mark.parametrize(
    "choices",
    [
        {}, {"layer": "stage8", "cam": "hirescam", "where": "pixel", "spot": "250,220"},
        {"cam": "layer-cam", "where": "box", "frame": "10,20,300,330"}, {"cam": "xgrad-cam", "where": "all"},
        {"where": "painted", "inkg": INK, "y": "probability"}, {"mirror": "1", "short": "192"}, {"net": "street-fast",
        "cls": "Car"},
    ],
    ids=str,
)  # fmt: skip
def test_the_script_gives_the_same_map(
    choices: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    question = asked(**choices)
    names = outcome(question, tmp_path, monkeypatch)
    found = gradcam_run.explain(question).found
    assert found is not None
    raw = np.load(tmp_path / "map.npy")
    assert np.abs(raw - found.raw).max() < 1e-3 * found.magnitude
    assert names["y"] == pytest.approx(found.score, rel=1e-3)
    outside = gradcam_run.outside(found.heat(), question.predicted())
    assert outside is not None
    assert names["outside"] == pytest.approx(outside.share, abs=2e-3)


def test_a_gallery_picture_comes_from_its_package() -> None:
    photo = picker.from_gallery("china")
    question = gradcam_run.by(asked(net="street", cls="Car"), source=Source(photo))
    script = gradcam_code.write(question)
    assert 'files("sklearn")' in script
    assert "picture.png" not in script


@pytest.mark.parametrize("key", ["lraspp-mobilenet", "deeplabv3-mobilenet"])
def test_torchvisions_networks_are_built_by_torchvision(
    key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from torchvision.models import segmentation

    spec = zoo.get(key)
    torch.manual_seed(0)
    net = engines.sane(spec.build().eval(), len(spec.palette), side=96)
    loaded = runtime.ready(key, net, spec.palette, spec.preprocess, f"test-{key}", spec)
    function = key.replace("-", "_").replace("_mobilenet", "_mobilenet_v3_large")
    theirs = getattr(segmentation, function)(weights=None, weights_backbone=None, aux_loss=None)
    missing = theirs.load_state_dict(net.state_dict(), strict=False)
    assert not missing.missing_keys
    monkeypatch.setattr(segmentation, function, lambda weights: theirs)
    base = asked()
    from seglab import inference

    options = inference.Options(short_side=128)
    logits = inference.logits(base.source.photo.image, loaded, options)
    run = segment_run.Run(base.source.photo, loaded, options, logits, 0.0, 0, 1.0, 0.0)
    k = int(run.areas()[:-1].argmax())
    question = gradcam_run.by(base, run=run, k=k, layer=spec.cam_layers[0], short="128")
    outcome(question, tmp_path, monkeypatch)
    found = gradcam_run.explain(question).found
    assert found is not None
    assert np.abs(np.load(tmp_path / "map.npy") - found.raw).max() < 1e-3 * found.magnitude
