"""The lab's server and a browser for benches and load tests: both started fresh, both gone at the end.

The pages aren't part of the library, so this works in a checkout only: the server is the repository's own
`scripts/serve.py` (with its allocator settings), and Chromium is found as `scripts/chromium.py` does.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
STATUS = "/proc/{pid}/status"


class Missing(RuntimeError):
    """Something that the measurement needs isn't here; the text says what to do."""


@dataclass(frozen=True)
class Server:
    """A running server: its address and its process."""

    url: str
    process: subprocess.Popen[bytes]

    def memory(self) -> int:
        """Return its resident memory in bytes (0 where the system doesn't tell)."""
        try:
            lines = Path(STATUS.format(pid=self.process.pid)).read_text().splitlines()
        except OSError:
            return 0
        return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS")), 0)


def script(name: str) -> ModuleType:
    """Return the repository's scripts/`name`.py as a module; Missing outside a checkout."""
    path = ROOT / "scripts" / f"{name}.py"
    if not path.is_file() or not (ROOT / "app.py").is_file():
        raise Missing(f"The pages aren't here ({path} is missing): run this in a checkout of the repository.")
    spec = importlib.util.spec_from_file_location(f"seglab_scripts_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def free_port() -> int:
    """Return a port of 127.0.0.1 on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def served(seconds: float = 60, **environment: str) -> Iterator[Server]:
    """Start `scripts/serve.py` at a free port of 127.0.0.1, yield it once it is healthy, and stop it."""
    script("serve")  # says what is missing, if anything is
    port = free_port()
    env = os.environ | {"PORT": str(port), "ADDRESS": "127.0.0.1"} | environment
    command = [sys.executable, str(ROOT / "scripts" / "serve.py")]
    process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL)
    try:
        server = Server(f"http://127.0.0.1:{port}", process)
        _wait_until_healthy(server, seconds)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_healthy(server: Server, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if server.process.poll() is not None:
            raise Missing(f"The server ended with status {server.process.returncode} before it answered.")
        try:
            with urllib.request.urlopen(server.url + "/_stcore/health", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise Missing(f"No answer from {server.url} within {seconds:g} s.")


@contextmanager
def chromium() -> Iterator[Any]:
    """Start a Chromium and yield it as Playwright's Browser; Missing says how to get what isn't here."""
    try:
        playwright = importlib.import_module("playwright.sync_api")
    except ImportError as error:
        raise Missing("This needs Playwright: pip install -r requirements-dev.txt") from error
    found = script("chromium")
    path = found.find()
    if path is None:
        raise Missing("There is no Chromium here: python scripts/chromium.py installs it, SEGLAB_CHROMIUM names one.")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=path, args=list(found.ARGS))
        try:
            yield browser
        finally:
            browser.close()
