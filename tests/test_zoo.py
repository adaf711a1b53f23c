"""The registry agrees with torchvision, the networks with torchvision's, and weights load or are refused clearly."""

import hashlib
import os
import pickle
import shutil
import subprocess
import sys
import threading
from dataclasses import FrozenInstanceError, replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torchvision.models import detection, segmentation
from torchvision.transforms import InterpolationMode

from seglab import cards, checkpoints, download, zoo
from seglab.download import DownloadError, WeightsError
from seglab.palettes import CAMVID

DOWNLOADED = [k for k, spec in zoo.MODELS.items() if isinstance(spec.source, zoo.Torchvision) and spec.shelf == "main"]
COCO = [key for key in DOWNLOADED if zoo.get(key).task == "semantic"]
STREET = ["street", "street-fast"]
OURS = ["scenes", "scenes-instances", "street-instances", "nuclei-unet", "nuclei-unet-30", "nuclei-instances"]
DETECTORS = ["maskrcnn-resnet50-fpn", "maskrcnn-resnet50-fpn-v2"]
MODEL = "lraspp-mobilenet"
MAIN = [key for key, spec in zoo.MODELS.items() if spec.shelf == "main"]  # the others: tests/test_architectures.py


def whole(key):
    """Build torchvision's own model, with the auxiliary head that its checkpoints hold."""
    name = key.replace("-", "_") + ("_v3_large" if key.endswith("mobilenet") else "")
    if key in DETECTORS:
        return getattr(detection, name)(weights=None, weights_backbone=None)
    aux = {} if key.startswith("lraspp") else {"aux_loss": True}
    return getattr(segmentation, name)(weights=None, weights_backbone=None, **aux)


def randomised(net, seed=0):
    """Give the net weights that keep a signal alive, and BatchNorm statistics that matter."""
    generator = torch.Generator().manual_seed(seed)
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1, generator=generator)
            module.running_var.uniform_(0.5, 1.5, generator=generator)
    return net.eval()


# ---- the table


def test_importing_the_table_costs_nothing():
    code = "import sys, seglab.zoo as z; [z.weights_bytes(k) + z.weights_here(k) for k in z.MODELS]; "
    code += "[z.card(k) for k in z.offered()]; print({'torch', 'torchvision'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"


def test_keys():
    assert [*STREET, *COCO, *OURS, *DETECTORS] == MAIN
    assert set(zoo.offered("semantic")) | set(zoo.offered("instance")) == set(zoo.offered()) <= set(MAIN)
    assert all(spec.key == key for key, spec in zoo.MODELS.items())
    assert zoo.DEFAULT in STREET
    assert len(COCO) == 6
    with pytest.raises(ValueError, match=r"No model 'unet'; there are street, street-fast, fcn-resnet50"):
        zoo.get("unet")
    with pytest.raises(FrozenInstanceError):
        zoo.get("street").title = "x"


def published(score):
    """A score as torchvision's metadata have it, in per cent."""
    if isinstance(score, cards.Score):
        return {"miou": 100 * score.mean_iou, "pixel_acc": 100 * score.pixel_accuracy}
    return {"box_map": 100 * score.box_ap, "mask_map": 100 * score.mask_ap}


@pytest.mark.parametrize("key", DOWNLOADED)
def test_literals_equal_torchvisions_metadata(key):
    spec = zoo.get(key)
    enum = getattr(detection if key in DETECTORS else segmentation, spec.source.enum)
    weights = enum[spec.source.member]
    assert weights is enum.DEFAULT
    assert spec.source.file == weights.url.rsplit("/", 1)[1]
    assert spec.source.mib == weights.meta["_file_size"]
    assert zoo.weights_url(key) == weights.url
    assert {split: published(s) for split, s in spec.scores} == {
        split: pytest.approx(metrics) for split, metrics in weights.meta["_metrics"].items()
    }
    if (
        key in DETECTORS
    ):  # torchvision's own transform, in the network, resizes and normalises; names: see test_palettes
        whole_net = whole(key).transform
        assert (whole_net.min_size, whole_net.max_size) == ((spec.preprocess.short_side,), spec.preprocess.long_side)
        assert (whole_net.image_mean, whole_net.image_std) == ([*spec.preprocess.mean], [*spec.preprocess.std])
        return
    shown = ["".join(c for c in name if c.isalpha()) for name in spec.palette.names]
    assert shown == [name.strip("_") for name in weights.meta["categories"]]
    transforms = weights.transforms()
    assert [spec.preprocess.short_side] == transforms.resize_size
    assert [*spec.preprocess.mean] == transforms.mean
    assert [*spec.preprocess.std] == transforms.std
    assert transforms.interpolation == InterpolationMode.BILINEAR


@pytest.mark.parametrize("key", DOWNLOADED)
def test_size_and_hash_before_a_download(key, monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    assert not zoo.weights_here(key)
    tensors = sum(t.numel() * t.element_size() for t in whole(key).state_dict().values())
    assert zoo.weights_bytes(key) == pytest.approx(tensors, rel=0.02)
    assert zoo.get(key).source.file.endswith(f"-{zoo.weights_hash(key)}.pth")


@pytest.mark.parametrize("key", MAIN)
def test_cam_layers_are_layers_with_maps(key):
    spec, maps = zoo.get(key), []
    net = spec.build().eval()
    for name in spec.cam_layers:
        net.get_submodule(name).register_forward_hook(lambda module, args, out: maps.append(out.shape))
    with torch.inference_mode():
        logits = net(torch.zeros(1, 3, 65, 97))
    assert len(maps) == len(spec.cam_layers)
    assert all(len(shape) == 4 and shape[2] > 1 and shape[3] > shape[2] for shape in maps)
    if spec.task == "instance":
        return
    assert logits.shape[1] == len(spec.palette)


# ---- the networks


@pytest.mark.parametrize("key", COCO)
def test_logits_upsampled_are_torchvisions_output(key):
    reference = randomised(whole(key))
    net = zoo.get(key).build().eval()
    report = net.load_state_dict(reference.state_dict())  # strict, the auxiliary head's weights among them
    assert report.missing_keys == report.unexpected_keys == []
    assert not any("aux" in name for name in net.state_dict())
    stride = 16 if key == "deeplabv3-mobilenet" else 8
    for height, width in ((33, 33), (64, 97), (130, 47)):
        x = torch.randn(1, 3, height, width, generator=torch.Generator().manual_seed(height))
        with torch.inference_mode():
            logits, wanted = net(x), reference(x)["out"]
        assert logits.shape == (1, 21, -(-height // stride), -(-width // stride))
        assert wanted.std() > 1e-3  # the comparison means something
        got = F.interpolate(logits, (height, width), mode="bilinear", align_corners=False)
        assert (got - wanted).abs().max() < 1e-5


@pytest.mark.parametrize("key", STREET)
@pytest.mark.parametrize("size", [(33, 33), (34, 97)])
def test_street_takes_any_size(key, size):
    with torch.inference_mode():
        logits = zoo.get(key).build().eval()(torch.randn(1, 3, *size))
    stride = {"street": 1, "street-fast": 2}[key]
    assert logits.shape == (1, len(CAMVID), -(-size[0] // stride), -(-size[1] // stride))
    assert logits.isfinite().all()


def test_loading_stays_strict():
    net = zoo.get(MODEL).build()
    tensors = net.state_dict()
    with pytest.raises(RuntimeError, match=r"Unexpected key.*backbone\.extra"):
        net.load_state_dict({**tensors, "backbone.extra": torch.zeros(1)})
    tensors.pop("classifier.high_classifier.bias")
    with pytest.raises(RuntimeError, match=r"Missing key.*high_classifier\.bias"):
        net.load_state_dict(tensors)


# ---- embedded weights and cards

CARD = """
key = "street"
title = "Street"
data = "CamVid"
licence = "CC BY-NC"
recipe = "weighted CE + Dice"
command = "python -m seglab train street"
trained_on = ["train"]
failures = ["night", "rain"]
confidence_p05 = 0.81
[scores.val]
mean_iou = 0.61
pixel_accuracy = 0.9
[scores.val.iou]
Sky = 0.9
Pole = nan
[scores.hold_out]
"0001TP" = 0.51
"""


@pytest.fixture
def embedded(monkeypatch, tmp_path):
    """Pretend that the package's folder of weights holds a random `street` in half precision."""
    torch.manual_seed(0)
    net = zoo.get("street").build().eval()
    half = {name: t.half() if t.is_floating_point() else t for name, t in net.state_dict().items()}
    save_file(half, tmp_path / "street.safetensors")
    (tmp_path / "street.toml").write_text(CARD)
    monkeypatch.setattr(zoo, "WEIGHTS", tmp_path)
    return tmp_path


def test_embedded_weights_load_as_float32(embedded):
    assert zoo.weights_here("street")
    assert zoo.weights_bytes("street") == (embedded / "street.safetensors").stat().st_size < 12e6
    tensors = zoo.state_dict("street")
    assert {t.dtype for t in tensors.values()} == {torch.float32, torch.int64}
    net = zoo.get("street").build()
    net.load_state_dict(tensors)
    assert torch.equal(net.classify.weight.half(), tensors["classify.weight"].half())
    before = zoo.weights_hash("street")
    assert before == hashlib.sha256((embedded / "street.safetensors").read_bytes()).hexdigest()[:16]
    save_file({"x": torch.zeros(1)}, embedded / "street.safetensors")
    assert zoo.weights_hash("street") != before


def test_embedded_weights_that_are_missing_or_damaged(embedded):
    assert not zoo.weights_here("street-fast")
    assert zoo.weights_bytes("street-fast") == 0
    for ask in (zoo.state_dict, zoo.weights_hash, zoo.card):
        with pytest.raises(WeightsError, match="street-fast"):
            ask("street-fast")
    file = embedded / "street.safetensors"
    file.write_bytes(file.read_bytes()[:5000])
    with pytest.raises(WeightsError, match="no readable safetensors"):
        zoo.state_dict("street")


def test_the_card_of_an_embedded_model(embedded):
    card = zoo.card("street")
    assert (card.key, card.trained_on, card.failures) == ("street", ("train",), ("night", "rain"))
    assert (card.scores["val"].mean_iou, card.scores["val"].iou["Sky"]) == (0.61, 0.9)
    assert card.hold_out == {"0001TP": 0.51}
    assert "hold_out" not in card.scores
    assert card.confidence_p05 == 0.81
    assert repr(pickle.loads(pickle.dumps(card))) == repr(card)  # goes through a page's cache


@pytest.mark.parametrize(
    ("line", "instead", "said"),
    [
        ("mean_iou = 0.61", "mean_iou = 61", "fractions between 0 and 1, got 61"),
        ("mean_iou = 0.61", "", "the field 'mean_iou' is missing"),
        ('data = "CamVid"', "data = 3", "data must be a text"),
        ('trained_on = ["train"]', "trained_on = [1]", "trained_on must be a list of texts"),
        ("confidence_p05 = 0.81", "confidence_p05 = ", "can't be read"),
    ],
)
def test_a_wrong_card_says_what_is_wrong(embedded, line, instead, said):
    (embedded / "street.toml").write_text(CARD.replace(line, instead, 1))
    with pytest.raises(WeightsError, match=said):
        zoo.card("street")


@pytest.mark.parametrize("key", STREET)
def test_the_cards_and_weights_in_the_package(key):
    card, spec = zoo.card(key), zoo.get(key)
    assert card.key == key
    assert set(card.trained_on) in ({"train"}, {"train", "val"})
    assert "NC" in card.licence or "non-commercial" in card.licence.lower()
    assert set(card.scores["val"].iou) == set(CAMVID.names)
    assert card.scores["val"].mean_iou >= {"street": 0.74, "street-fast": 0.54}[key]
    assert card.hold_out
    assert zoo.weights_bytes(key) <= {"street": 6.6e6, "street-fast": 2e6}[key]
    spec.build().load_state_dict(zoo.state_dict(key))


def test_the_card_of_a_downloaded_model():
    card = zoo.card(MODEL)
    assert card.scores == dict(zoo.get(MODEL).scores)
    assert "COCO" in card.data
    assert card.trained_on
    assert card.confidence_p05 is None


# ---- downloaded weights, from a server on this machine


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """Serve a folder as a school's mirror would; give the folder."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), lambda *args: Quiet(*args, directory=str(folder)))
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("SEGLAB_WEIGHTS_URL", f"http://127.0.0.1:{server.server_port}/")
    yield folder
    server.shutdown()
    server.server_close()


def publish(folder, monkeypatch, write):
    """Put what `write` writes on the mirror under its hash, as `MODEL`'s checkpoint."""
    write(folder / "new")
    prefix = hashlib.sha256((folder / "new").read_bytes()).hexdigest()[:8]
    file = (folder / "new").rename(folder / f"lraspp_mobilenet_v3_large-{prefix}.pth")
    spec = zoo.get(MODEL)
    monkeypatch.setitem(zoo.MODELS, MODEL, replace(spec, source=replace(spec.source, file=file.name)))
    return file


def test_a_checkpoint_from_a_mirror_runs(mirror, monkeypatch):
    reference = randomised(whole(MODEL))
    file = publish(mirror, monkeypatch, lambda path: torch.save(reference.state_dict(), path))
    assert not zoo.weights_here(MODEL)
    seen = []
    tensors = zoo.state_dict(MODEL, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (file.stat().st_size, file.stat().st_size)
    assert zoo.weights_here(MODEL)
    assert zoo.weights_path(MODEL).parent == download.checkpoints_dir()
    assert zoo.weights_bytes(MODEL) == file.stat().st_size
    net = zoo.get(MODEL).build().eval()
    net.load_state_dict(tensors)
    x = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        got = F.interpolate(net(x), (64, 64), mode="bilinear", align_corners=False)
        assert torch.allclose(got, reference(x)["out"], atol=1e-5)

    # Damaged on disk: refused and fetched again. Then the mirror goes away: the copy here still works.
    cached = zoo.weights_path(MODEL)
    cached.write_bytes(cached.read_bytes()[:-10])
    seen.clear()
    assert torch.equal(
        zoo.state_dict(MODEL, lambda *p: seen.append(p))["backbone.0.0.weight"], net.backbone["0"][0].weight
    )
    assert seen
    monkeypatch.setenv("SEGLAB_WEIGHTS_URL", "http://127.0.0.1:1")
    zoo.state_dict(MODEL)
    cached.unlink()
    with pytest.raises(DownloadError, match="embedded model “street”"):
        zoo.state_dict(MODEL)

    # By hand, as the message says.
    shutil.copy(file, cached)
    zoo.state_dict(MODEL)


class Evil:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_malicious_checkpoint_is_refused(mirror, monkeypatch, tmp_path, zipped):
    def write(path):
        content = {"weight": torch.zeros(1), "evil": Evil(tmp_path / "ran")}
        if zipped:
            torch.save(content, path)
        else:
            path.write_bytes(pickle.dumps(content, protocol=2))

    publish(mirror, monkeypatch, write)
    with pytest.raises(WeightsError, match="was refused: it holds more than tensors"):
        zoo.state_dict(MODEL)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [({"model": {"w": torch.zeros(1)}, "epoch": 3}, "a dict with model, epoch"), ([torch.zeros(1)], "list")],
)
def test_a_checkpoint_of_another_kind(tmp_path, content, said):
    torch.save(content, tmp_path / "x.pt")
    with pytest.raises(WeightsError, match=said):
        checkpoints.read(tmp_path / "x.pt")


@pytest.mark.parametrize("name", ["x.pt", "x.pth", "x.safetensors"])
@pytest.mark.parametrize("content", [b"", b"<html>log in</html>", bytes(1000), b"\xff" * 64])
def test_no_checkpoint_at_all(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(WeightsError, match=name):
        checkpoints.read(tmp_path / name)


def test_metadata_of_a_checkpoint(tmp_path):
    save_file({"w": torch.ones(2, dtype=torch.bfloat16)}, tmp_path / "x.safetensors", {"model": "street"})
    tensors, metadata = checkpoints.read(tmp_path / "x.safetensors")
    assert (tensors["w"].dtype, metadata) == (torch.float32, {"model": "street"})
    with pytest.raises(WeightsError, match="no weights file"):
        checkpoints.read(tmp_path / "absent.pt")


def test_mirror_may_be_a_folder(tmp_path, monkeypatch):
    folder = tmp_path / "shared folder"
    folder.mkdir()
    publish(folder, monkeypatch, lambda path: torch.save({"w": torch.ones(1)}, path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("SEGLAB_WEIGHTS_URL", folder.as_uri())
    assert zoo.state_dict(MODEL)["w"] == 1


def test_nothing_to_fetch_for_an_embedded_model():
    with pytest.raises(ValueError, match="embedded"):
        zoo.weights_url("street")
