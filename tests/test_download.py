"""The way weights come in, against a server on this machine that also misbehaves."""

import errno
import hashlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from seglab import download, parts
from seglab.download import DownloadError, fetch

BODY = bytes(range(256)) * 4000  # 1 MB
SHA = hashlib.sha256(BODY).hexdigest()
NAME = f"net-{SHA[:8]}.pth"


class Server(ThreadingHTTPServer):
    """Serves `files`; each request takes the next of `faults`, if any is left."""

    daemon_threads = True

    def __init__(self, files):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.faults, self.requests = dict(files), [], 0
        self.url = f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request, client_address):
        pass  # clients of these tests hang up on purpose


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        server.requests += 1
        fault = server.faults.pop(0) if server.faults else None
        body = server.files.get(self.path.lstrip("/"))
        if body is None or fault == "404":
            self.send_error(404)
            return
        if fault == "hang up":
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if fault == "corrupt":
            body = body[:-1] + bytes([body[-1] ^ 1])
        elif fault == "short":
            body = body[: len(body) // 2]
        elif fault in ("hang", "slow"):
            self.wfile.write(body[:300_000])
            self.wfile.flush()
            time.sleep(1.5 if fault == "hang" else 0.4)
            body = body[300_000:]
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def server():
    server = Server({NAME: BODY})
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "hub" / "checkpoints" / NAME


def get(server, path, **kwargs):
    return fetch(f"{server.url}/{NAME}", path, sha256_prefix=SHA[:8], **kwargs)


def test_downloads_with_progress_and_then_uses_the_copy(server, path):
    seen = []
    assert get(server, path, progress=lambda done, total: seen.append((done, total))) == path
    assert path.read_bytes() == BODY
    assert seen[0] == (0, len(BODY))
    assert seen[-1] == (len(BODY), len(BODY))
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})
    assert len(seen) > 3  # not in one piece
    seen.clear()
    get(server, path, progress=lambda done, total: seen.append((done, total)))
    assert server.requests == 1
    assert seen == []
    assert os.listdir(path.parent) == [NAME]


@pytest.mark.parametrize("fault", ["corrupt", "short", "hang up"])
def test_a_damaged_download_is_fetched_once_more(server, path, fault):
    server.faults = [fault]
    assert get(server, path).read_bytes() == BODY
    assert server.requests == 2


@pytest.mark.parametrize(
    ("fault", "said"), [("corrupt", "wanted"), ("short", "512,000 of"), ("hang up", "broke after 0")]
)
def test_damaged_twice_is_refused_and_nothing_stays(server, path, fault, said):
    server.faults = [fault] * 2
    with pytest.raises(DownloadError, match="damaged twice") as caught:
        get(server, path)
    assert said in str(caught.value)
    assert server.requests == 2
    assert os.listdir(path.parent) == []
    get(server, path)  # and once the server is well again, all is well


def test_a_damaged_file_on_disk_is_deleted_and_fetched_anew(server, path):
    path.parent.mkdir(parents=True)
    path.write_bytes(BODY[:-1])
    assert get(server, path).read_bytes() == BODY
    # Checked again in this process only when it has changed.
    path.write_bytes(bytes(len(BODY)))
    os.utime(path, (1, 1))
    assert get(server, path).read_bytes() == BODY
    assert server.requests == 2


def test_a_damaged_file_on_disk_is_not_used_offline_either(server, path):
    path.parent.mkdir(parents=True)
    path.write_bytes(b"half a file")
    server.faults = ["404"]
    with pytest.raises(DownloadError, match="HTTP 404"):
        get(server, path)
    assert not path.exists()


def test_the_hash_is_taken_once_per_file(server, path, monkeypatch):
    get(server, path)
    get(server, path)
    monkeypatch.setattr(download.hashlib, "file_digest", None)  # calling it would raise
    get(server, path)


def test_every_failure_tells_what_to_do(server, path, monkeypatch):
    monkeypatch.setattr(download, "TIMEOUT", 0.3)
    server.faults = ["404"]
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound, not listening: connections are refused
        addresses = {
            "HTTP 404": f"{server.url}/{NAME}",
            "refused": f"http://127.0.0.1:{unused.getsockname()[1]}/{NAME}",
            "no such server": f"http://server.invalid/{NAME}",
            "isn't an address": "no address at all",
        }
        for said, url in addresses.items():
            with pytest.raises(DownloadError) as caught:
                fetch(url, path, sha256_prefix=SHA[:8])
            for part in (said, "Check the network", "embedded model “street”", NAME, str(path.parent), url):
                assert part in str(caught.value), (said, part)
    server.faults = ["hang"]
    with pytest.raises(DownloadError, match="sent nothing"):
        get(server, path)
    assert os.listdir(path.parent) == []


def full(*args):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def none_free(folder):
    return SimpleNamespace(free=0)


@pytest.mark.parametrize(("module", "name", "stub"), [("os", "fsync", full), ("shutil", "disk_usage", none_free)])
def test_no_room_on_the_disk(server, path, monkeypatch, module, name, stub):
    monkeypatch.setattr(getattr(download, module), name, stub)
    with pytest.raises(DownloadError, match="No room for"):
        get(server, path)
    assert os.listdir(path.parent) == []


def test_a_folder_that_cannot_be_one(server, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DownloadError, match="TORCH_HOME"):
        get(server, tmp_path / "file" / NAME)


def test_a_server_that_never_stops(server, path, monkeypatch):
    monkeypatch.setattr(download, "MAX_BYTES", 400_000)
    with pytest.raises(DownloadError, match="more than 400,000 bytes"):
        get(server, path)
    assert os.listdir(path.parent) == []


def test_progress_can_cancel(server, path):
    def cancel(done, total):
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        get(server, path, progress=cancel)
    assert os.listdir(path.parent) == []
    get(server, path)


def test_threads_download_once(server, path):
    server.faults = ["slow"]
    results = []
    threads = [threading.Thread(target=lambda: results.append(get(server, path).read_bytes())) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert results == [BODY] * 6
    assert server.requests == 1


FETCH = """
import sys
from pathlib import Path
from seglab.download import fetch
fetch(sys.argv[1], Path(sys.argv[2]), sha256_prefix=sys.argv[3], progress=lambda *p: print(*p, flush=True))
"""


def test_a_killed_download_leaves_nothing_that_counts(server, path):
    server.faults = ["hang"]
    code = "import sys; from seglab.download import fetch; from pathlib import Path; "
    code += (
        "fetch(sys.argv[1], Path(sys.argv[2]), sha256_prefix=sys.argv[3], progress=lambda *p: print(*p, flush=True))"
    )
    command = [sys.executable, "-c", code, f"{server.url}/{NAME}", str(path), SHA[:8]]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while not process.stdout.readline().startswith("262144"):  # some bytes are there
            assert process.poll() is None
        left = os.listdir(path.parent)
        parts.remove_leftovers(path.parent)
        assert os.listdir(path.parent) == left  # of a living process: not ours to delete
        process.send_signal(signal.SIGKILL)
    assert len(left) == 1
    assert left[0].endswith(".seglab-part")
    assert os.listdir(path.parent) == left
    assert get(server, path).read_bytes() == BODY
    assert os.listdir(path.parent) == [NAME]


def test_a_short_hash_proves_nothing(server, path):
    with pytest.raises(ValueError, match="8 hex digits"):
        fetch(f"{server.url}/{NAME}", path, sha256_prefix="ab")


@pytest.mark.parametrize(
    "env",
    [{}, {"TORCH_HOME": "/some/where"}, {"TORCH_HOME": "~/t"}, {"XDG_CACHE_HOME": "/cache"}, {"XDG_CACHE_HOME": "~/c"}],
)
def test_the_folder_is_torch_hubs_own(env, monkeypatch):
    torch_hub = pytest.importorskip("torch.hub")
    for name in ("TORCH_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert str(download.checkpoints_dir()) == os.path.join(torch_hub.get_dir(), "checkpoints")
