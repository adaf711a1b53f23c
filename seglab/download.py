"""Fetch a checkpoint over the network, once, and be sure that it is the right one.

A file is written beside its place under another name, checked by SHA-256 as it arrives, and moved into place only when
it is whole and right: whoever finds it there can use it. The standard library only; torch isn't needed.

The place is torch.hub's own (`TORCH_HOME/hub/checkpoints`), so files that torch has fetched before are found. The
environment variable SEGLAB_WEIGHTS_URL names another address to fetch from (the folder that holds the files, http,
https or file), for a school with a mirror of its own.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from typing import BinaryIO

from seglab import parts

Progress = Callable[[int, int], None]  # (bytes so far, bytes in all; 0 = not known)

MIRROR = "SEGLAB_WEIGHTS_URL"
TIMEOUT = 30.0  # seconds without a byte
MAX_BYTES = 1 << 30  # four times the largest checkpoint: a server that never stops can't fill the disk
_CHUNK = 1 << 18

_locks: dict[Path, threading.Lock] = {}
_digests: dict[tuple[Path, int, int], str] = {}


class WeightsError(RuntimeError):
    """Weights can't be had or can't be trusted; the text is for the person and says what to do."""


class DownloadError(WeightsError):
    """A file could not be fetched."""


class _Damaged(Exception):
    """What arrived isn't the file: worth a second try."""


def checkpoints_dir() -> Path:
    """Folder of downloaded checkpoints, as torch.hub computes it, without importing torch."""
    cache = os.getenv("XDG_CACHE_HOME", "~/.cache")
    return Path(os.path.expanduser(os.getenv("TORCH_HOME", os.path.join(cache, "torch")))) / "hub" / "checkpoints"


def sha256(path: Path) -> str:
    """SHA-256 of a file in hex; remembered in this process by path, time of change and size."""
    stat = path.stat()
    key = (path.absolute(), stat.st_mtime_ns, stat.st_size)
    if key not in _digests:
        with path.open("rb") as file:
            _digests[key] = hashlib.file_digest(file, "sha256").hexdigest()
    return _digests[key]


def fetch(url: str, path: Path, *, sha256_prefix: str, progress: Progress | None = None) -> Path:
    """Return `path`, after fetching it from `url` unless a right copy is there already.

    Args:
        url: http, https or file address.
        path: where the file goes; the folder is made.
        sha256_prefix: first hex digits (8 or more) of the file's SHA-256. A file at `path` with another hash is
            deleted and fetched anew; a download with another hash or too few bytes is thrown away and tried once more.
        progress: called with (bytes so far, bytes in all) as they arrive; an exception from it cancels the download.
            Not called when the file is there. Threads that ask for one file at once download it once: the others wait.

    Raises:
        DownloadError: its text says what went wrong and what the person can do.

    """
    if len(sha256_prefix) < 8:
        raise ValueError(f"sha256_prefix must have 8 hex digits or more to prove anything; got {sha256_prefix!r}.")
    path = Path(path).absolute()
    with _locks.setdefault(path, threading.Lock()):
        try:
            return _fetch(url, path, sha256_prefix.lower(), progress)
        except DownloadError as error:
            raise DownloadError(f"{error} {_what_to_do(url, path)}") from error.__cause__


def _fetch(url: str, path: Path, prefix: str, progress: Progress | None) -> Path:
    try:
        parts.remove_leftovers(path.parent)
        if path.exists():
            if sha256(path).startswith(prefix):
                return path
            path.unlink()
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DownloadError(f"{path.parent} can't be used ({error}); TORCH_HOME names another folder.") from error
    try:
        return _stream(url, path, prefix, progress)
    except _Damaged:
        pass
    try:
        return _stream(url, path, prefix, progress)
    except _Damaged as error:
        raise DownloadError(
            f"{path.name} arrived damaged twice: {error}. Often a log-in page or a filter answered instead."
        ) from error


def _stream(url: str, path: Path, prefix: str, progress: Progress | None) -> Path:
    """Download beside `path`, and move the file there if it is whole and its hash is right."""
    digest, done = hashlib.sha256(), 0
    try:
        response, total = _open(url, path)
        with response:
            if total > shutil.disk_usage(path.parent).free:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            with parts.writing(path) as file:
                if progress:
                    progress(0, total)
                while chunk := response.read(_CHUNK):
                    file.write(chunk)
                    digest.update(chunk)
                    done += len(chunk)
                    if done > MAX_BYTES:
                        raise _Damaged(f"more than {MAX_BYTES:,} bytes")
                    if progress:
                        progress(done, total)
                if done < total:
                    raise _Damaged(f"{done:,} of {total:,} bytes")
                if not digest.hexdigest().startswith(prefix):
                    raise _Damaged(f"{done:,} bytes with SHA-256 {digest.hexdigest()[:16]}…, wanted {prefix}…")
        return path
    except (HTTPException, ConnectionError) as error:
        raise _Damaged(f"the connection broke after {done:,} bytes ({error!r})") from error
    except OSError as error:
        raise DownloadError(_reason(error, path)) from error


def _open(url: str, path: Path) -> tuple[BinaryIO, int]:
    """Ask the server for the file; return what it answers and the number of bytes it announces (0 = not known)."""
    try:
        response = urllib.request.urlopen(
            urllib.request.Request(url, headers={"User-Agent": "seglab"}), timeout=TIMEOUT
        )
        return response, max(0, int(response.headers.get("Content-Length") or 0))
    except urllib.error.HTTPError as error:
        raise DownloadError(f"The server refused {path.name} (HTTP {error.code} {error.msg}).") from error
    except urllib.error.URLError as error:
        if isinstance(error.reason, TimeoutError):
            raise error.reason from error
        if isinstance(error.reason, socket.gaierror):
            raise DownloadError(f"No network, or no such server: {path.name} could not be fetched.") from error
        raise DownloadError(f"{path.name} could not be fetched ({error.reason}).") from error
    except ValueError as error:  # http.client.InvalidURL is one too
        raise DownloadError(f"{url!r} isn't an address that a file can be fetched from ({error}).") from error


def _reason(error: OSError, path: Path) -> str:
    """One sentence for the person on what stopped the download of `path`."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"No room for {path.name} on the disk of {path.parent}: free some, or let TORCH_HOME name another."
    if isinstance(error, PermissionError):
        return f"{path.parent} can't be written to ({error}); TORCH_HOME names another folder."
    if isinstance(error, TimeoutError):
        return f"The server sent nothing of {path.name} for {TIMEOUT:.0f} s."
    return f"{path.name} could not be fetched ({error})."


def _what_to_do(url: str, path: Path) -> str:
    return (
        "Check the network and try again; or use the embedded model “street”, which needs none; or copy the file "
        f"{path.name} into {path.parent} by hand (its address: {url}; {MIRROR} names a mirror)."
    )
