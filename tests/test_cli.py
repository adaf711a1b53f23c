"""The command line as scripts outside the project see it: files, streams, exit status."""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as PILImage

from seglab import images, inference, parts, runtime, train, training_state, zoo
from seglab.__main__ import main
from seglab.cli import segment
from seglab.datasets import camvid
from seglab.palettes import CAMVID

ROOT = Path(__file__).resolve().parents[1]
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process: (exit status, stdout, stderr)."""

    def call(*arguments: object) -> tuple[int, str, str]:
        try:
            status = main([str(a) for a in arguments])
        except SystemExit as end:
            status = int(end.code or 0)
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return status, out, err

    return call


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return weights as `train` writes them, of a network that has learnt nothing."""
    torch.manual_seed(0)
    net = zoo.get("street-fast").build()
    path = tmp_path_factory.mktemp("weights") / "model.safetensors"
    training_state.save_weights(net, path, {"model": "street-fast", "trained_on": "train", "hold_out": "B"})
    return path


def photo(height: int = 72, width: int = 96, seed: int = 0) -> PILImage.Image:
    small = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    return PILImage.fromarray(small).resize((width, height), PILImage.Resampling.BICUBIC)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "a street.png"
    photo().save(path)
    return path


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# --- models ------------------------------------------------------------------------------------------------------


def test_models_as_json(run: Run) -> None:
    status, out, err = run("models", "--json")
    assert (status, err) == (0, "")
    rows = {row["key"]: row for row in json.loads(out)}
    assert list(rows) == [*zoo.offered(), *zoo.offered(shelf="classes")]
    assert (rows["scenes-crops"]["task"], rows["scenes-crops"]["metric"]) == ("category", "accuracy")
    lraspp = rows["lraspp-mobilenet"]
    assert lraspp["task"] == "semantic"
    assert lraspp["classes"][15] == "person"
    assert (lraspp["score"], lraspp["split"]) == (0.579, "COCO-val2017-VOC-labels")
    assert lraspp["bytes"] == pytest.approx(13.1e6, rel=0.01)
    assert "CC BY-NC" in rows["street"]["licence"]
    for key, row in rows.items():
        assert row["weights_here"] == zoo.weights_here(key)


def test_models_as_table(run: Run) -> None:
    status, out, _ = run("models")
    assert status == 0
    lines = out.splitlines()
    for key in (*zoo.offered(), *zoo.offered(shelf="classes")):
        assert sum(line.split()[:1] == [key] for line in lines) == 1
    assert "21 PASCAL VOC" in out
    assert "CC BY-NC" in out


def test_scores_of_models_that_have_seen_the_pictures(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    import dataclasses

    real = zoo.card
    seen = {key: dataclasses.replace(real(key), trained_on=("train", "val")) for key in ("street", "street-fast")}
    monkeypatch.setattr(zoo, "card", lambda key: seen.get(key) or real(key))
    out = run("models")[1]
    assert "street, street-fast: the score is that of the same recipe, trained without what it is measured on" in out
    rows = {row["key"]: row for row in json.loads(run("models", "--json")[1])}
    assert rows["street"]["trained_on"] == ["train", "val"]
    assert "val" not in rows["lraspp-mobilenet"]["trained_on"]


@pytest.mark.parametrize("arguments", [["models"], ["models", "--json"], ["--help"], ["segment", "--help"]])
def test_these_start_without_torch(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom seglab.__main__ import main\n"
        f"try: main({arguments!r})\nexcept SystemExit as end: assert not end.code\n"
        "sys.exit('torch' in sys.modules)"
    )
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}  # a terminal without dashes and umlauts
    child = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, env=environment)
    assert (child.returncode, child.stderr) == (0, "")


def test_reader_that_leaves_early_is_no_error() -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "seglab", "models", "--json"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert child.stdout is not None
    assert child.stderr is not None
    child.stdout.close()
    assert child.stderr.read() == b""
    child.wait()


@pytest.mark.skipif(sys.platform == "win32", reason="streams are closed otherwise on Windows")
@pytest.mark.parametrize(("closed", "arguments", "status"), [(1, ["models"], 0), (2, ["models", "extra"], 2)])
def test_streams_that_are_closed(closed: int, arguments: list[str], status: int) -> None:
    child = subprocess.run(
        [sys.executable, "-m", "seglab", *arguments],
        cwd=ROOT,
        capture_output=True,
        preexec_fn=lambda: os.close(closed),
    )
    assert (child.returncode, child.stdout, child.stderr) == (status, b"", b"")


def test_interrupt_while_modules_are_loaded(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("seglab.__main__.parser", interrupted)
    assert run("models") == (130, "", "seglab: stopped\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_output_on_a_full_disk_is_said_in_a_line() -> None:
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "seglab", "models"]
        child = subprocess.run(command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True)
    assert child.returncode == 1
    assert child.stderr == "seglab: [Errno 28] No space left on device\n"


# --- segment: what is written ------------------------------------------------------------------------------------


def test_labels_and_overlay(run: Run, checkpoint: Path, picture: Path, tmp_path: Path) -> None:
    out_dir = tmp_path / "deep" / "out"
    status, out, _ = run("segment", picture, "--checkpoint", checkpoint, "--output", out_dir)
    assert (status, out) == (0, "")
    assert files(out_dir) == ["a street.png", "a street_overlay.jpg"]
    with PILImage.open(out_dir / "a street.png") as file:
        assert (file.mode, file.size) == ("L", (96, 72))
        labels = np.asarray(file)
    with PILImage.open(out_dir / "a street_overlay.jpg") as file:
        assert (file.format, file.mode, file.size) == ("JPEG", "RGB", (96, 72))
    image = images.decode(picture)
    wanted = inference.segment(image, runtime.checkpoint(checkpoint))
    assert np.array_equal(labels, wanted.labels)
    assert np.array_equal(images.decode_labels(out_dir / "a street.png", CAMVID), wanted.labels)
    header = (out_dir / "a street.png").read_bytes()[24:26]
    assert header == b"\x08\x00"  # eight bits, grey: the same indices in every reader


@pytest.mark.parametrize(("flag", "written"), [("--labels", "a street.png"), ("--overlay", "a street_overlay.jpg")])
def test_only_what_is_asked(run: Run, checkpoint: Path, picture: Path, tmp_path: Path, flag: str, written: str) -> None:
    assert run("segment", picture, "--checkpoint", checkpoint, "--output", tmp_path / "out", flag)[0] == 0
    assert files(tmp_path / "out") == [written]


def test_size_is_that_of_the_upright_picture(run: Run, checkpoint: Path, tmp_path: Path) -> None:
    exif = PILImage.Exif()
    exif[0x112] = 6
    photo().save(tmp_path / "turned.jpg", exif=exif)
    assert run("segment", tmp_path / "turned.jpg", "--checkpoint", checkpoint, "--output", tmp_path / "o")[0] == 0
    for name in files(tmp_path / "o"):
        with PILImage.open(tmp_path / "o" / name) as file:
            assert file.size == (72, 96)


def test_short_side_and_tta_reach_the_network(
    run: Run, checkpoint: Path, picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    real = inference.segment

    def spy(image: object, model: object, options: inference.Options, **more: object) -> object:
        seen.append(options)
        return real(image, model, options, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(inference, "segment", spy)
    arguments = ("segment", picture, "--checkpoint", checkpoint, "--output", tmp_path / "o")
    assert run(*arguments)[0] == 0
    assert run(*arguments, "--short-side", 128, "--tta")[0] == 0
    assert seen[0] == inference.Options()
    assert seen[1] == inference.Options(short_side=128, flip=True, scales=(1.0, 0.75, 1.25))


def test_equal_stems_get_a_suffix(run: Run, checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    paths = [tmp_path / "x.png", tmp_path / "more" / "x.jpg", tmp_path / "x_2.bmp"]
    for seed, path in enumerate(paths):
        photo(64 + 8 * seed, 96).save(path)
    status, _, err = run("segment", *paths, "--checkpoint", checkpoint, "--output", tmp_path / "o", "--labels")
    assert status == 0
    assert "warning" in err
    assert "'x_3'" in err
    assert files(tmp_path / "o") == ["x.png", "x_2.png", "x_3.png"]
    for name, height in (("x", 64), ("x_3", 72), ("x_2", 80)):
        with PILImage.open(tmp_path / "o" / f"{name}.png") as file:
            assert file.size == (96, height)


def test_a_name_as_long_as_names_may_be(run: Run, checkpoint: Path, tmp_path: Path) -> None:
    path = tmp_path / f"{'n' * 251}.png"
    photo().save(path)
    assert run("segment", path, "--checkpoint", checkpoint, "--output", tmp_path / "o", "--labels")[0] == 0
    assert files(tmp_path / "o") == [path.name]


def test_stems_differ_even_without_capitals() -> None:
    names = ["a.jpg", "A.jpg", "a_2.png", "A_2.png", "b/a.jpg", "ä.x", "a"]
    stems = segment.unique_stems([Path(name) for name in names])
    assert len({stem.casefold() for stem in stems}) == len(names)
    assert stems[0] == "a"
    assert stems[2] == "a_2"


# --- segment: what goes wrong ------------------------------------------------------------------------------------


def test_a_bad_file_does_not_stop_the_rest(run: Run, checkpoint: Path, picture: Path, tmp_path: Path) -> None:
    broken, text = tmp_path / "broken.jpg", tmp_path / "text.png"
    broken.write_bytes(b"\xff\xd8\xff\xe0 not a jpeg")
    text.write_text("hello")
    last = tmp_path / "last.webp"
    photo(seed=1).save(last)
    status, out, err = run(
        *("segment", broken, tmp_path / "missing.png", picture, text, tmp_path, last),
        *("--checkpoint", checkpoint, "--output", tmp_path / "o", "--labels"),
    )
    assert (status, out) == (1, "")
    assert files(tmp_path / "o") == ["a street.png", "last.png"]
    for name in ("broken.jpg", "missing.png", "text.png", str(tmp_path)):
        assert f"error: {tmp_path / name}: " in err
    assert "6/6 last.webp" in err
    assert "4 of 6 pictures failed" in err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--model", "nope"], "street-fast, fcn-resnet50"),
        ([], "required"),
        (["--model", "street", "--checkpoint", "x.safetensors"], "not allowed with"),
        (["--checkpoint", "no-such-file.safetensors"], "no-such-file"),
        (["--model", "street", "--tile", "7"], "from 64"),
        (["--model", "street", "--tile", "-1"], "--tile"),
        (["--model", "street", "--short-side", "-5"], "short-side"),
        (["--model", "street", "--short-side", "many"], "'many'"),
        (["--model", "street", "--short-side", "7"], "from 64"),
        (["--model", "street", "--short-side", "9" * 30], "from 0"),
        (["--model", "street", "--colour"], "unrecognized"),
    ],
)
def test_wrong_arguments(run: Run, picture: Path, tmp_path: Path, arguments: list[str], says: str) -> None:
    status, out, err = run("segment", picture, "--output", tmp_path / "o", *arguments)
    assert (status, out) == (2, "")
    assert says in err


def test_no_command_and_unknown_command(run: Run) -> None:
    assert run()[0] == 2
    status, _, err = run("paint")
    assert status == 2
    assert "segment" in err


@pytest.mark.parametrize("content", [b"", b"nonsense" * 100, b"\x80\x04cos\nsystem\n"])
@pytest.mark.parametrize("suffix", [".safetensors", ".pt", ".txt"])
def test_unreadable_checkpoint(run: Run, picture: Path, tmp_path: Path, content: bytes, suffix: str) -> None:
    (tmp_path / f"weights{suffix}").write_bytes(content)
    status, _, err = run("segment", picture, "--checkpoint", tmp_path / f"weights{suffix}", "--output", tmp_path / "o")
    assert status == 2
    assert f"weights{suffix}" in err


def test_a_checkpoint_in_capitals_and_odd_ones(run: Run, checkpoint: Path, picture: Path, tmp_path: Path) -> None:
    (tmp_path / "M.SAFETENSORS").write_bytes(checkpoint.read_bytes())
    base = ("segment", picture, "--output", tmp_path / "o", "--checkpoint")
    assert run(*base, tmp_path / "M.SAFETENSORS")[0] == 0
    state = zoo.get("street-fast").build().state_dict()
    palette = {"title": "t", "names": list("abcdefghijk"), "colors": [[0, 0, 0]] * 11}
    for content in (
        {"identity": 5, "average": state},
        {"model": "street-fast", "state_dict": {5: torch.zeros(1)}},
        {"model": "street-fast", "state_dict": state, "palette": {**palette, "colors": [[999, 0, 0]] * 11}},
        {"model": "street-fast", "state_dict": state, "palette": {**palette, "background": 11}},
    ):
        torch.save(content, tmp_path / "odd.pt")
        status, _, err = run(*base, tmp_path / "odd.pt")
        assert status == 2
        assert "odd.pt" in err


def test_wrong_arguments_leave_no_folder(run: Run, picture: Path, tmp_path: Path) -> None:
    assert run("segment", picture, "--model", "street", "--short-side", 7, "--output", tmp_path / "o")[0] == 2
    assert run("train", "street", "--data", "/nowhere", "--output", tmp_path / "o")[0] == 2
    assert not (tmp_path / "o").exists()


def test_output_that_cannot_be_written(run: Run, checkpoint: Path, picture: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for output in (tmp_path / "file", tmp_path / "file" / "below", tmp_path / ("x" * 300)):
        status, _, err = run("segment", picture, "--checkpoint", checkpoint, "--output", output)
        assert status == 2
        assert "can't write to the output folder" in err


def test_a_folder_in_the_place_of_a_result(run: Run, checkpoint: Path, picture: Path, tmp_path: Path) -> None:
    (tmp_path / "o" / "a street.png").mkdir(parents=True)
    status, _, err = run("segment", picture, "--checkpoint", checkpoint, "--output", tmp_path / "o")
    assert status == 1
    assert err == f"error: {picture}: can't write {tmp_path / 'o' / 'a street.png'} (Is a directory)\n"
    assert files(tmp_path / "o") == ["a street.png"]


def test_a_picture_is_never_overwritten(run: Run, checkpoint: Path, picture: Path, tmp_path: Path) -> None:
    before = picture.read_bytes()
    status, _, err = run("segment", picture, "--checkpoint", checkpoint, "--output", tmp_path)
    assert status == 2
    assert "overwrite" in err
    assert picture.read_bytes() == before
    assert files(tmp_path) == ["a street.png"]
    assert run("segment", picture, "--checkpoint", checkpoint, "--output", tmp_path, "--overlay")[0] == 0


def test_a_full_disk_leaves_no_half_files(
    run: Run, checkpoint: Path, picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(source: object, target: Path) -> None:
        if Path(target).suffix == ".png":
            raise OSError(28, "No space left on device")
        os.rename(str(source), target)

    monkeypatch.setattr(os, "replace", full)
    status, _, err = run("segment", picture, picture, "--checkpoint", checkpoint, "--output", tmp_path / "o")
    assert status == 1
    assert err.count("No space left") == 1  # of no use to try the second picture
    assert files(tmp_path / "o") == []


def test_memory_that_runs_out_fails_one_picture(
    run: Run, checkpoint: Path, picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def out_of_memory(*_: object, **__: object) -> None:
        raise runtime.OutOfMemory("There isn't enough memory; choose a smaller short side.")

    monkeypatch.setattr(inference, "segment", out_of_memory)
    status, _, err = run("segment", picture, "--checkpoint", checkpoint, "--output", tmp_path / "o")
    assert status == 1
    assert "smaller short side" in err


def test_weights_that_cannot_be_fetched(
    run: Run, picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("SEGLAB_WEIGHTS_URL", (tmp_path / "nothing").as_uri())
    status, _, err = run("segment", picture, "--model", "lraspp-mobilenet", "--output", tmp_path / "o")
    assert status == 1
    assert "lraspp_mobilenet_v3_large-d234d4ea.pth" in err


def test_interrupt_in_process(
    run: Run, checkpoint: Path, picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(inference, "segment", interrupted)
    status, _, err = run("segment", picture, "--checkpoint", checkpoint, "--output", tmp_path / "o")
    assert (status, err) == (130, "seglab: stopped\n")


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT for one process on Windows")
def test_interrupt_by_signal(checkpoint: Path, tmp_path: Path) -> None:
    paths = [tmp_path / f"{i}.png" for i in range(300)]
    photo(360, 480).save(paths[0])
    for path in paths[1:]:
        path.write_bytes(paths[0].read_bytes())
    command = [sys.executable, "-m", "seglab", "segment", *map(str, paths), "--checkpoint", str(checkpoint)]
    child = subprocess.Popen(
        [*command, "--output", str(tmp_path / "o")], cwd=ROOT, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not (tmp_path / "o" / "1.png").exists() and child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=60)
    assert child.returncode == 130
    assert "Traceback" not in err
    assert err.endswith("seglab: stopped\n")
    written = files(tmp_path / "o")
    assert 2 <= len(written) < 600
    assert not [name for name in written if name.startswith(".")]
    for name in written:
        images.decode(tmp_path / "o" / name)


@pytest.mark.skipif(sys.platform == "win32", reason="no such limit on Windows")
def test_a_file_that_no_room_is_left_for_in_the_middle(checkpoint: Path, picture: Path, tmp_path: Path) -> None:
    photo(700, 900).save(tmp_path / "large.png")
    code = (
        "import resource, sys\nfrom seglab.__main__ import main\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (8000, 8000))\nsys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", code, "segment", str(tmp_path / "large.png"), str(picture), "--overlay"]
    command += ["--checkpoint", str(checkpoint), "--output", str(tmp_path / "o")]
    child = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert child.returncode == 1
    assert "File too large" in child.stderr
    assert "Traceback" not in child.stderr
    assert files(tmp_path / "o") == ["a street_overlay.jpg"]


def test_files_are_written_whole_or_not_at_all(tmp_path: Path) -> None:
    parts.write(tmp_path / "a", b"old")

    def stopped() -> None:
        with parts.writing(tmp_path / "a") as file:
            file.write(b"n")
            file.flush()
            assert len(files(tmp_path)) == 2
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert files(tmp_path) == ["a"]
    assert (tmp_path / "a").read_bytes() == b"old"
    parts.write(tmp_path / "a", b"new")
    assert files(tmp_path) == ["a"]
    assert (tmp_path / "a").read_bytes() == b"new"


def test_what_killed_runs_left_is_removed_but_nothing_else(tmp_path: Path) -> None:
    (tmp_path / f".0123{parts.SUFFIX}").write_bytes(b"half")
    (tmp_path / "mine.part").write_bytes(b"a person's own")
    with parts.writing(tmp_path / "a") as file:
        file.write(b"all")
        parts.remove_leftovers(tmp_path)  # as another process does that starts now
        assert len(files(tmp_path)) == 2  # what is being written stays
    assert files(tmp_path) == ["a", "mine.part"]
    parts.remove_leftovers(tmp_path / "missing")


def test_parts_where_files_cannot_be_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError(37, "No locks available")

    if parts.fcntl:
        monkeypatch.setattr(parts.fcntl, "flock", refused)
    new, old = (tmp_path / f".{name}{parts.SUFFIX}" for name in ("new", "old"))
    new.write_bytes(b"")
    old.write_bytes(b"")
    os.utime(old, (0, 0))
    parts.write(tmp_path / "a", b"1")
    parts.remove_leftovers(tmp_path)
    assert files(tmp_path) == [new.name, "a"]


def test_patterns_that_the_shell_left_alone(run: Run, checkpoint: Path, tmp_path: Path) -> None:
    for name in ("b.png", "a.png", "c [1].png", "d.txt"):
        photo().save(tmp_path / name, "PNG")
    patterns = (tmp_path / "*.png", tmp_path / "c [1]*", tmp_path / "?.txt", tmp_path / "none*")
    status, _, err = run("segment", *patterns, "--checkpoint", checkpoint, "--output", tmp_path / "o", "--labels")
    assert status == 1
    assert "none*" in err
    assert files(tmp_path / "o") == ["a.png", "b.png", "c [1].png", "c [1]_2.png", "d.png"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SEGLAB_MODEL_CACHE_MB", "many"), ("SEGLAB_MODEL_CACHE_MB", "-1"), ("SEGLAB_FORWARDS", "0"),
        ("SEGLAB_FORWARDS", "1.5"), ("SEGLAB_DEVICE", "gpu"), ("SEGLAB_DEVICE", "cuda:99"), ("SEGLAB_DEVICE", "meta"),
    ],
)  # fmt: skip
def test_settings_that_cannot_be(checkpoint: Path, picture: Path, tmp_path: Path, name: str, value: str) -> None:
    rest = ["segment", picture, "--checkpoint", checkpoint, "--output", tmp_path / "o"]
    _refused(name, value, *rest)
    assert files(tmp_path / "o") == []


@pytest.mark.parametrize(
    ("name", "value", "command"),
    [
        ("SEGLAB_MODEL_CACHE_MB", "many", ("train", "street-fast", "--output", "o")),
        ("SEGLAB_DEVICE", "meta", ("train", "street-fast", "--output", "o")),
        ("SEGLAB_MODEL_CACHE_MB", "many", ("evaluate", "street-fast", "--split", "val")),
        ("SEGLAB_DEVICE", "cuda:99", ("bench", "inference", "--models", "street-fast")),
    ],
)
def test_settings_that_cannot_be_elsewhere(
    street_scenes: Path, tmp_path: Path, name: str, value: str, command: tuple[str, ...]
) -> None:
    rest = [tmp_path / "o" if word == "o" else word for word in command]
    _refused(name, value, *rest, *(("--data", street_scenes) if command[0] != "bench" else ()))
    assert not (tmp_path / "o").exists()


def _refused(name: str, value: str, *command: object) -> None:
    child = subprocess.run(
        [sys.executable, "-m", "seglab", *map(str, command)], cwd=ROOT, capture_output=True, text=True,
        env={**os.environ, name: value},
    )  # fmt: skip
    assert child.returncode in (1, 2)
    assert name in child.stderr
    assert child.stderr.count("\n") == 1


# --- train and evaluate ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def street_scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder laid out like CamVid: two sequences of three pictures to train on, two pictures to check."""
    root = tmp_path_factory.mktemp("camvid")
    rng = np.random.default_rng(0)
    for split, names in {"train": ("A_0", "A_1", "A_2", "B_0", "B_1", "B_2"), "val": ("C_0", "C_1")}.items():
        (root / split).mkdir()
        (root / f"{split}annot").mkdir()
        for name in names:
            labels = np.kron(rng.integers(0, 12, (3, 4), np.uint8), np.ones((24, 24), np.uint8))
            PILImage.fromarray(labels).save(root / f"{split}annot" / f"{name}.png")
            lut = np.concatenate([CAMVID.lut()[:11], np.zeros((1, 3), np.uint8)])
            PILImage.fromarray(lut[labels]).save(root / split / f"{name}.png")
    return root


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give street-fast a recipe for one core and a second: a small network, small views."""
    import dataclasses

    from seglab.augment import Augment
    from seglab.nets.street import street_fast

    small = train.Recipe(street_fast, epochs=2, batch=2, augment=Augment(crop=(64, 96)))
    monkeypatch.setitem(train.RECIPES, "street-fast", dataclasses.replace(small))


@pytest.mark.usefixtures("quick")
def test_train_stop_resume_evaluate(
    run: Run, street_scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = ("train", "street-fast", "--data", street_scenes, "--seed", 3)
    status, out, err = run(*base, "--output", tmp_path / "a")
    assert (status, out.strip()) == (0, str(tmp_path / "a" / "model.safetensors"))
    assert "6 pictures to train on, 2 of val to score on" in err
    assert "epoch 1/2  loss " in err
    assert "mean IoU " in err.splitlines()[-1]
    assert err.splitlines()[-1].endswith(" left")

    real = training_state.save

    def stop_after_saving(*arguments: object) -> None:
        real(*arguments)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(training_state, "save", stop_after_saving)
        status, _, err = run(*base, "--output", tmp_path / "b")
    assert status == 130
    assert "--resume" in err
    assert not (tmp_path / "b" / "model.safetensors").exists()
    status, _, err = run(*base, "--output", tmp_path / "b", "--resume")
    assert status == 0
    assert "epoch 1/2" not in err
    a, b = ((tmp_path / name / "model.safetensors").read_bytes() for name in "ab")
    assert a == b
    assert json.loads(_about(tmp_path / "a" / "model.safetensors"))["trained_on"] == "train"

    status, _, err = run("train", "street-fast", "--data", street_scenes, "--output", tmp_path / "b", "--resume")
    assert status == 2  # another seed
    assert "another training" in err


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("content", [b"", b"nonsense" * 100, None])
def test_resume_from_a_damaged_state(run: Run, street_scenes: Path, tmp_path: Path, content: bytes | None) -> None:
    if content is None:
        torch.save({"epoch": 1}, tmp_path / "last.pt")
    else:
        (tmp_path / "last.pt").write_bytes(content)
    status, _, err = run("train", "street-fast", "--data", street_scenes, "--output", tmp_path, "--resume")
    assert status == 2
    assert "last.pt" in err
    assert "delete it, or choose another output folder" in err


def test_a_teacher_of_other_classes(
    run: Run, street_scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_command = importlib.import_module("seglab.cli.train")
    spec = zoo.get("lraspp-mobilenet")
    other = runtime.ready(spec.key, spec.build(), spec.palette, spec.preprocess, "0" * 16, spec)
    monkeypatch.setattr(train_command, "load", lambda key, path: other)
    base = ("train", "street-fast", "--data", street_scenes, "--output", tmp_path / "o")
    status, _, err = run(*base, "--teacher", spec.key)
    assert status == 2
    assert "PASCAL VOC" in err


def _about(path: Path) -> str:
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        return str(file.metadata()["seglab"])


@pytest.mark.usefixtures("quick")
def test_train_with_a_sequence_held_out(run: Run, street_scenes: Path, tmp_path: Path) -> None:
    base = ("train", "street-fast", "--data", street_scenes, "--output", tmp_path / "o", "--epochs", 1)
    status, _, err = run(*base, "--hold-out", "B")
    assert status == 0
    assert "3 pictures to train on, 3 of B to score on" in err
    assert json.loads(_about(tmp_path / "o" / "model.safetensors"))["hold_out"] == "B"
    status, _, err = run(*base, "--hold-out", "Z")
    assert status == 2
    assert "A, B" in err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nope"], "street, street-fast"),
        (["zoo-unet"], "python scripts/zoo.py --only unet"),
        (["street-fast", "--data", "/nowhere"], "no split 'train'"),
        (["street-fast", "--split", "night"], "train, val"),
        (["street-fast", "--seed", "-1"], "seed"),
        (["street-fast", "--seed", "x"], "'x'"),
        (["street-fast", "--epochs", "0"], "at least 1"),
        (["street-fast", "--teacher", "/nowhere.safetensors"], "/nowhere.safetensors"),
    ],
)
def test_train_with_wrong_arguments(
    run: Run, street_scenes: Path, tmp_path: Path, arguments: list[str], says: str
) -> None:
    status, out, err = run("train", "--data", street_scenes, "--output", tmp_path / "o", *arguments)
    assert (status, out) == (2, "")
    assert says in err


def test_evaluate(run: Run, checkpoint: Path, street_scenes: Path) -> None:
    from seglab.evaluate import evaluate

    base = ("evaluate", "--checkpoint", checkpoint, "--data", street_scenes)
    status, out, err = run(*base, "--split", "val", "--json")
    assert (status, err) == (0, "")
    report = json.loads(out)
    found = evaluate(runtime.checkpoint(checkpoint), camvid.load(street_scenes, "val")[0])
    assert report["mean_iou"] == pytest.approx(found.mean_iou, abs=1e-4)
    assert report["pixel_accuracy"] == pytest.approx(found.pixel_accuracy, abs=1e-4)
    assert list(report["iou"]) == list(CAMVID.names)
    assert (report["pictures"], report["split"], report["warning"]) == (2, "val", None)

    status, out, err = run(*base, "--split", "val")
    assert status == 0
    assert f"mean IoU        {report['mean_iou']:.4f}" in out
    assert "Bicyclist" in out


def test_evaluate_warns_of_training_data(run: Run, checkpoint: Path, street_scenes: Path) -> None:
    base = ("evaluate", "--checkpoint", checkpoint, "--data", street_scenes, "--split", "train", "--json")
    status, out, err = run(*base)
    assert status == 0
    assert "warning" in err
    assert "was trained on train" in json.loads(out)["warning"]
    _, out, _ = run(*base[:-2], "val + train", "--json")  # blanks count as little as for the pictures
    assert "was trained on train" in json.loads(out)["warning"]
    status, out, err = run(*base, "--hold-out", "A")
    assert "was trained on train" in json.loads(out)["warning"]
    status, out, err = run(*base, "--hold-out", "B")  # what its training left out
    assert (status, err, json.loads(out)["warning"], json.loads(out)["pictures"]) == (0, "", None, 3)


def test_evaluate_warns_by_the_card(monkeypatch: pytest.MonkeyPatch) -> None:
    evaluate = importlib.import_module("seglab.cli.evaluate")
    assert "trained on" in evaluate.seen_in_training("lraspp-mobilenet", None, "COCO-train2017-VOC-labels", None)
    assert evaluate.seen_in_training("lraspp-mobilenet", None, "val", None) is None


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--split", "val"], "required"),
        (["nope", "--split", "val"], "lraspp-mobilenet"),
        (["street", "--checkpoint", "x", "--split", "val"], "not allowed with"),
        (["--checkpoint", "/nowhere", "--split", "val"], "/nowhere"),
        (["street"], "--split"),
    ],
)
def test_evaluate_with_wrong_arguments(run: Run, street_scenes: Path, arguments: list[str], says: str) -> None:
    status, out, err = run("evaluate", "--data", street_scenes, *arguments)
    assert (status, out) == (2, "")
    assert says in err


def test_evaluate_where_nothing_is_labelled(run: Run, checkpoint: Path, tmp_path: Path) -> None:
    for folder, value in (("val", 0), ("valannot", 11)):
        (tmp_path / folder).mkdir()
        mode = "RGB" if value == 0 else "L"
        PILImage.new(mode, (96, 72), value).save(tmp_path / folder / "A_0.png")
    status, out, err = run("evaluate", "--checkpoint", checkpoint, "--data", tmp_path, "--split", "val", "--json")
    assert (status, out) == (2, "")
    assert "no pixel of the split is labelled" in err


def test_evaluate_without_the_split(run: Run, checkpoint: Path, street_scenes: Path) -> None:
    for data, split in ((street_scenes, "night"), (Path("/nowhere"), "val")):
        status, _, err = run("evaluate", "--checkpoint", checkpoint, "--data", data, "--split", split)
        assert status == 2
        assert f"no split '{split}'" in err
