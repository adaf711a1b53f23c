"""kill -9 in the middle of a download, a segmentation, a training and a serving app: nothing half-written counts."""

from __future__ import annotations

import hashlib
import http.server
import json
import os
import random
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as PILImage
from websockets.exceptions import ConnectionClosed

from scripts import serve, visitor
from seglab import checkpoints, images, parts, runtime, training_state, zoo
from seglab.palettes import CAMVID

LOST = ConnectionClosed, ConnectionError  # what a visitor sees of a server that is gone
ROOT = Path(__file__).resolve().parents[1]
SEGLAB = [sys.executable, "-m", "seglab"]
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")


def start(command: list[str], **environment: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, "no_proxy": "127.0.0.1", "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def kill_when(process: subprocess.Popen[bytes], ready: Callable[[], bool], after: float = 0.0) -> None:
    """Kill -9 `after` seconds after `ready` first says so; the process must still be at work then."""
    try:
        wait_for(process, ready)
        time.sleep(after)
        assert process.poll() is None, "it was too fast to be killed"
    finally:
        process.kill()
        process.wait()


def wait_for(process: subprocess.Popen[bytes], ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not ready():
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.002)


class Visit(threading.Thread):
    """Something that goes on until the server is killed, and what it raised then."""

    def __init__(self, visit: Callable[[], object]) -> None:
        super().__init__(daemon=True)
        self.visit, self.error = visit, None

    def run(self) -> None:
        try:
            self.visit()
        except Exception as error:
            self.error = error


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def left_over(folder: Path) -> list[str]:
    return [name for name in names(folder) if name.endswith(parts.SUFFIX)]


# --- download ----------------------------------------------------------------------------------------------------

BODY = random.Random(0).randbytes(2_000_000)
SHA = hashlib.sha256(BODY).hexdigest()
FETCH = """
import sys
from pathlib import Path
from seglab.download import fetch
print(fetch(sys.argv[1], Path(sys.argv[2]), sha256_prefix=sys.argv[3]).stat().st_size)
"""


class SlowHandler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.requests += 1
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        for start in range(0, len(BODY), 100_000):
            self.wfile.write(BODY[start : start + 100_000])
            time.sleep(self.server.pause)

    def log_message(self, *args: object) -> None:
        pass


class SlowServer(http.server.ThreadingHTTPServer):
    daemon_threads = True
    requests = 0
    pause = 0.05

    def handle_error(self, *args: object) -> None:
        pass  # clients of these tests are killed on purpose


@pytest.fixture
def server() -> Iterator[SlowServer]:
    server = SlowServer(("127.0.0.1", 0), SlowHandler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_download(server: SlowServer, tmp_path: Path) -> None:
    """Killed at five moments, one after the other, and then let through."""
    path = tmp_path / "hub" / "checkpoints" / "net.pth"
    command = [sys.executable, "-c", FETCH, f"http://127.0.0.1:{server.server_port}/net.pth", str(path), SHA[:16]]
    moments = random.Random(1)
    for kill in range(5):
        seen = server.requests
        process = start(command)
        kill_when(process, lambda seen=seen: server.requests > seen and bool(left_over(path.parent)), moments.random())
        assert not path.exists()
        # The one just killed; those before it were tidied up by it.
        assert len(left_over(path.parent)) == 1, f"after kill {kill}"
    server.pause = 0
    assert start(command).wait(timeout=60) == 0
    assert path.read_bytes() == BODY
    assert names(path.parent) == ["net.pth"]
    seen = server.requests
    assert start(command).wait(timeout=60) == 0
    assert server.requests == seen  # whole and right: not fetched again


def test_a_model_whose_download_was_killed(server: SlowServer, tmp_path: Path) -> None:
    """As the command line uses it: what isn't whole is no model that is here."""
    key = "lraspp-mobilenet"
    environment = {"TORCH_HOME": str(tmp_path), "SEGLAB_WEIGHTS_URL": f"http://127.0.0.1:{server.server_port}"}
    PILImage.new("RGB", (96, 72)).save(tmp_path / "a.png")
    command = [*SEGLAB, "segment", str(tmp_path / "a.png"), "--model", key, "--output", str(tmp_path / "out")]
    folder = tmp_path / "hub" / "checkpoints"
    server.pause = 0.5
    kill_when(start(command, **environment), lambda: bool(left_over(folder)), 0.2)
    listed = subprocess.run(
        [*SEGLAB, "models", "--json"], cwd=ROOT, capture_output=True, env={**os.environ, **environment}, check=True
    )
    here = {row["key"]: row["weights_here"] for row in json.loads(listed.stdout)}
    assert (here[key], here["street-fast"]) == (False, True)
    assert [name for name in names(folder) if not name.endswith(parts.SUFFIX)] == []


# --- segmentation ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    paths = [folder / f"{i:02}.png" for i in range(40)]
    for path in paths:
        pixels = rng.integers(0, 256, (500, 700, 3), np.uint8)  # noise: large files, which take long to write
        PILImage.fromarray(pixels).save(path, compress_level=1)
    return paths


def complete(folder: Path) -> int:
    """Check that every file that has its name is whole; return how many there are."""
    found = [folder / name for name in names(folder) if not name.endswith(parts.SUFFIX)]
    for path in found:
        assert images.decode(path).shape == (500, 700, 3)
        if path.suffix == ".png":
            images.decode_labels(path, CAMVID)
    return len(found)


@pytest.mark.slow
def test_segmentation(photos: list[Path], tmp_path: Path) -> None:
    """Killed at random moments, run after run into one folder; the last run is let through."""
    out = tmp_path / "out"
    command = [*SEGLAB, "segment", *map(str, photos), "--model", "street-fast", "--short-side", "64"]
    command += ["--output", str(out)]
    moments = random.Random(2)
    for _ in range(4):
        before = {path: path.stat().st_mtime_ns for path in out.iterdir()} if out.exists() else {}

        def at_work(before: dict[Path, int] = before) -> bool:
            return (
                any(before.get(path) != path.stat().st_mtime_ns for path in out.glob("0*")) if out.exists() else False
            )

        kill_when(start(command), at_work, 0.4 * moments.random())
        assert complete(out) >= 1
        assert len(left_over(out)) <= 1
    assert start(command).wait(timeout=120) == 0
    assert complete(out) == 2 * len(photos)
    assert left_over(out) == []


# A writer that does nothing but write: every kill finds it in the middle of a file.
WRITE = """
import sys
from pathlib import Path
from seglab import parts
folder = Path(sys.argv[1])
parts.remove_leftovers(folder)
n = 0
while True:
    n += 1
    parts.write(folder / f"{n % 5}", n.to_bytes(4, "little") * 1_000_000)
"""


def test_files_are_whole_at_every_moment(tmp_path: Path) -> None:
    moments, torn, kills = random.Random(3), 0, 0
    while kills < 8 or (not torn and kills < 100):  # at least one must hit a file that is being written
        kills += 1
        begun = time.time()

        def at_work(begun: float = begun) -> bool:
            return any(path.stat().st_mtime > begun for path in tmp_path.glob("?"))

        kill_when(start([sys.executable, "-c", WRITE, str(tmp_path)]), at_work, 0.2 * moments.random())
        whole = [tmp_path / name for name in names(tmp_path) if not name.endswith(parts.SUFFIX)]
        for path in whole:
            data = path.read_bytes()
            assert len(data) == 4_000_000, "half a file under its final name"
            assert data == data[:4] * 1_000_000, "two files in one"
        torn += len(left_over(tmp_path))
        assert len(left_over(tmp_path)) <= 1
    assert torn, "no kill hit a file that was being written: the test proves nothing"
    parts.remove_leftovers(tmp_path)
    assert left_over(tmp_path) == []


# --- training ----------------------------------------------------------------------------------------------------

# Saves as a training does, again and again, for as long as it lives.
SAVE = """
import sys
from pathlib import Path
import torch
from seglab import training_state, zoo
net = zoo.get("street-fast").build()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
n = 0
while True:
    n += 1
    for p in net.parameters():
        p.data.fill_(n)
    training_state.save(Path(sys.argv[1]) / "last.pt", {"a": 1}, n, net, net, optimizer)
    training_state.save_weights(net, Path(sys.argv[1]) / "model.safetensors", {"model": "street-fast"})
"""


def values(net: torch.nn.Module) -> set[float]:
    return {v for p in net.parameters() for v in p.detach().unique().tolist()}


@pytest.mark.slow
def test_training_state(tmp_path: Path) -> None:
    """Every state and every file of weights that a killed training leaves can be gone on from."""
    moments = random.Random(4)
    net = zoo.get("street-fast").build()
    for _ in range(5):
        begun = time.time()
        process = start([sys.executable, "-c", SAVE, str(tmp_path)])
        kill_when(
            process,
            lambda begun=begun: (
                (tmp_path / "model.safetensors").exists() and (tmp_path / "model.safetensors").stat().st_mtime > begun
            ),
            0.3 * moments.random(),
        )
        state = checkpoints.unpickle(tmp_path / "last.pt")
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        epoch = training_state.restore(tmp_path / "last.pt", {"a": 1}, net, net, optimizer)
        assert state["epoch"] == epoch >= 1
        assert values(net) == {float(epoch)}
        weights = runtime.checkpoint(tmp_path / "model.safetensors").net
        assert len(values(weights)) == 1  # all of one moment


# --- the app -----------------------------------------------------------------------------------------------------


def healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/_stcore/health", timeout=5) as answer:
            return bool(answer.read() == b"ok")
    except OSError:
        return False


@pytest.mark.slow
def test_server(tmp_path: Path) -> None:
    """The app, killed while a picture runs through a network, starts again on the same port and shows the mask."""
    port = serve.free_port(8700, "127.0.0.1")
    url = f"http://127.0.0.1:{port}"
    environment = {"PORT": str(port), "ADDRESS": "127.0.0.1", "HOME": str(tmp_path), "TORCH_HOME": str(tmp_path / "t")}
    moments = random.Random(5)

    def visit(query: str) -> visitor.Shown:
        with visitor.Visitor(url, "Segment", query) as someone:
            someone.run()
            return someone.shown()

    for _ in range(3):
        process = start([sys.executable, "scripts/serve.py"], **environment)
        wait_for(process, lambda: healthy(url))
        # Hundreds of small tiles: nearly all of the time goes into forward passes.
        first = Visit(lambda: visit("model=street&short=1080&tile=128&overlap=0.5"))
        first.start()
        kill_when(process, first.is_alive, 4 + 4 * moments.random())
        first.join(timeout=60)
        assert isinstance(first.error, LOST), f"it didn't end by the kill: {first.error!r}"
        assert left_over(tmp_path / "t" / "hub" / "checkpoints") == []
    process = start([sys.executable, "scripts/serve.py"], **environment)
    try:
        wait_for(process, lambda: healthy(url))
        shown = visit("model=street-fast")
        assert shown.labels[0].size > 0
        assert len(np.unique(shown.labels[0])) > 1
    finally:
        process.kill()
        process.wait()
