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
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from seglab import machine

ROOT = Path(__file__).resolve().parents[2]
NO_CHROMIUM = "No Chromium can be used here: python scripts/chromium.py installs one, SEGLAB_CHROMIUM names one."
TOO_LONG = "Let nothing else run on this machine and try again; if it happens again, open the page yourself: make app."


class Missing(RuntimeError):
    """Something that the measurement needs isn't here, or didn't answer; the text says what to do."""


@dataclass(frozen=True)
class Server:
    """A running server: its address and its process."""

    url: str
    process: subprocess.Popen[bytes]

    def memory(self) -> int:
        """Return its resident memory in bytes (0 where the system doesn't tell)."""
        return machine.memory(self.process.pid)[0]


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
    command = [sys.executable, str(ROOT / "scripts" / "serve.py")]
    with running(command, port, {"PORT": str(port), "ADDRESS": "127.0.0.1"} | environment, seconds) as server:
        yield server


@contextmanager
def running(command: list[str], port: int, environment: Mapping[str, str], seconds: float = 60) -> Iterator[Server]:
    """Run a command that serves Streamlit at 127.0.0.1:`port`, in the repository's root; as `served` in all else.

    Missing if it ends, or isn't healthy within `seconds`.
    """
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | environment, stdout=subprocess.DEVNULL)
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


def playwright(kind: str) -> tuple[Any, dict[str, Any]]:
    """Return Playwright's module, "sync_api" or "async_api", and how to launch Chromium; Missing if one isn't here."""
    try:
        module = importlib.import_module(f"playwright.{kind}")
    except ImportError as error:
        raise Missing("This needs Playwright: pip install -r requirements-dev.txt") from error
    found = script("chromium")
    path = found.find()
    if path is None:
        raise Missing(NO_CHROMIUM)
    return module, {"executable_path": path, "args": list(found.ARGS)}


@contextmanager
def chromium() -> Iterator[Any]:
    """Start a Chromium and yield it as Playwright's Browser; Missing says how to get what isn't here.

    Whatever goes wrong in the browser while it is in use becomes Missing as well, in a sentence.
    """
    module, options = playwright("sync_api")
    with module.sync_playwright() as engines:
        try:
            browser = engines.chromium.launch(**options)
        except module.Error as error:
            raise Missing(no_start(error)) from error
        try:
            yield browser
        except module.Error as error:  # a step that took too long, a page or a browser that is gone
            raise Missing(f"The browser didn't get there ({first_line(error)}). {TOO_LONG}") from error
        finally:
            with suppress(module.Error):  # it may be gone already
                browser.close()


def no_start(error: Exception) -> str:
    """Say that Chromium was found and doesn't start."""
    return f"Chromium doesn't start ({first_line(error)}). {NO_CHROMIUM}"


def first_line(error: Exception) -> str:
    """Return what Playwright says of an error, without the log of its calls."""
    return str(error).strip().partition("\n")[0].rstrip(".")
