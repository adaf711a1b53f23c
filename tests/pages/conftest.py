"""Small networks with random weights in the place of the embedded ones: these tests are about the page."""

from __future__ import annotations

from pathlib import Path

import pytest

from seglab import zoo

CARD = """
key = "{key}"
title = "{key}"
data = "none: random weights, for tests"
licence = "none"
recipe = "none"
command = "none"
trained_on = ["train"]
failures = ["It is random."]
confidence_p05 = {p05}
[scores.val]
mean_iou = 0.1
pixel_accuracy = 0.2
"""


@pytest.fixture
def random_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the embedded models have random weights, in a folder of their own, for one test; no cache outlives it."""
    import torch
    from safetensors.torch import save_file

    from seglab import runtime
    from ui import cache, warm

    for key in ("street", "street-fast"):
        torch.manual_seed(1)
        net = zoo.get(key).build()
        net.classify.weight.data *= 8  # so that classes differ from pixel to pixel
        save_file({name: t.half().contiguous() for name, t in net.state_dict().items()}, tmp_path / f"{key}.safetensors")
        (tmp_path / f"{key}.toml").write_text(CARD.format(key=key, p05=0.01))
    monkeypatch.setattr(zoo, "WEIGHTS", tmp_path)
    monkeypatch.setattr(warm, "start", lambda: None)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("SEGLAB_WEIGHTS_URL", (tmp_path / "nowhere").as_uri())
    for store in (cache.LOGITS, cache.MAPS):
        store.clear()
    runtime.free()
    return tmp_path
