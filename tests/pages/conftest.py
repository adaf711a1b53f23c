"""Small networks with random weights in the place of the embedded ones: these tests are about the page."""

from __future__ import annotations

from pathlib import Path

import pytest

from seglab import zoo

OURS = ("scenes", "scenes-instances", "street-instances", "nuclei-unet", "nuclei-unet-30", "nuclei-instances")
CARD = """
key = "{key}"
title = "{key}"
data = "none: random weights, for tests"
licence = "none"
recipe = "none"
command = "none"
trained_on = ["train"]
failures = ["It is random."]
{more}
"""
SEMANTIC = "confidence_p05 = 0.01\n[scores.val]\nmean_iou = 0.1\npixel_accuracy = 0.2"
INSTANCE = "[scores.val]\nmask_ap = 0.1"


@pytest.fixture(scope="session")
def random_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with random weights and a card for each embedded model, made once."""
    import torch
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("weights")
    for key in ("street", "street-fast", *OURS):
        torch.manual_seed(1)
        net = zoo.get(key).build()
        if zoo.get(key).task == "semantic":
            net.classify.weight.data *= 8  # so that classes differ from pixel to pixel
        tensors = {name: tensor.half().contiguous() for name, tensor in net.state_dict().items()}
        save_file(tensors, folder / f"{key}.safetensors")
        (folder / f"{key}.toml").write_text(
            CARD.format(key=key, more=INSTANCE if zoo.get(key).task == "instance" else SEMANTIC)
        )
    return folder


@pytest.fixture
def random_weights(random_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the embedded models have random weights for one test, with nothing to download; no result outlives it."""
    from ui import cache, warm

    monkeypatch.setattr(zoo, "WEIGHTS", random_folder)
    monkeypatch.setattr(warm, "start", lambda: None)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("SEGLAB_WEIGHTS_URL", (tmp_path / "nowhere").as_uri())
    for store in (cache.LOGITS, cache.MAPS, cache.NUMBERS):
        store.clear()
    return random_folder
