"""Start the app on ADDRESS (localhost) at PORT (8501), or the next free one, and print where it is."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TRIES = 20
# Without these glibc hands the networks' large buffers back to the system after each layer and faults them in again:
# a U-Net of 512² takes 323 instead of 604 ms. One arena, because Streamlit runs pages in threads.
MALLOC = {
    "MALLOC_MMAP_THRESHOLD_": "1073741824",
    "MALLOC_TRIM_THRESHOLD_": "2147483647",
    "MALLOC_ARENA_MAX": "1",
}


def free_port(wanted: int, host: str = "localhost") -> int:
    """Return `wanted` or the next port on which nobody listens; ValueError after 20 taken ones."""
    for port in range(wanted, min(wanted + TRIES, 65536)):
        if not _listens(port, host):
            return port
    raise ValueError(f"Ports {wanted} to {wanted + TRIES - 1} are all taken; choose one with PORT=….")


def command(port: int, host: str) -> list[str]:
    """Return the command line that serves the app at `host`:`port`."""
    streamlit = [sys.executable, "-m", "streamlit", "run", str(ROOT / "app.py")]
    return [*streamlit, "--server.port", str(port), "--server.address", host]


def _listens(port: int, host: str) -> bool:
    with socket.socket() as probe:
        if sys.platform != "win32":  # there, this option would let two servers share the port
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return True
    return False


def main() -> int:
    """Serve until Ctrl+C; return the exit status where it can't."""
    wanted, host = os.environ.get("PORT") or "8501", os.environ.get("ADDRESS") or "localhost"
    if not wanted.isdigit() or not 1024 <= int(wanted) <= 65535:
        print(f"PORT must be a number from 1024 to 65535; got {wanted!r}.", file=sys.stderr)
        return 2
    try:
        port = free_port(int(wanted), host)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    if port != int(wanted):
        print(f"Port {wanted} is taken, so this is another one.")
    shown = "localhost" if host in ("0.0.0.0", "::") else host
    print(f"SegLab: http://{shown}:{port} (Ctrl+C stops it)", flush=True)
    os.chdir(ROOT)
    if sys.platform != "win32":  # become Streamlit, so that whoever stops this process stops the app
        os.execve(sys.executable, command(port, host), MALLOC | os.environ)
    return subprocess.run(command(port, host), check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
