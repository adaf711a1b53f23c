"""Find Chromium for the browser tests, or install it: by the system's package manager, else Playwright's own download.

`python scripts/chromium.py` prints the path it found or installed and exits with 0; else it prints a loud line and
exits with 0 on a developer's machine (the browser tests are skipped) and with 1 where the variable CI is set.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
BUNDLES = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
# no-sandbox: containers and CI run as root; the rest keeps the browser from talking to anyone but the app.
ARGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip
LOUD = "!!! BROWSER TESTS SKIPPED: no Chromium here. Install chromium, or set SEGLAB_CHROMIUM to its path. !!!"


def find() -> str | None:
    """Return the path of a Chromium that starts: SEGLAB_CHROMIUM, then the PATH, then Playwright's own; else None."""
    chosen = os.environ.get("SEGLAB_CHROMIUM")
    found = [chosen] if chosen else [path for name in NAMES if (path := shutil.which(name))]
    found += [path for path in BUNDLES if Path(path).is_file()]
    return next((path for path in found if _starts(path)), None) or _playwrights()


def install() -> str | None:
    """Install Chromium and return its path, or None. Never asks for a password."""
    for command in _package_managers():
        print("+", " ".join(command), flush=True)
        if subprocess.run(command, check=False).returncode != 0:
            break
    if found := find():
        return found
    subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False)
    return find()


def _package_managers() -> list[list[str]]:
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    sudo = [] if root else ["sudo", "-n"]
    if shutil.which("apt-get") and (root or shutil.which("sudo")):
        return [
            [*sudo, "apt-get", "update", "-q"],
            [*sudo, "apt-get", "install", "-y", "-q", "--no-install-recommends", "chromium"],
        ]
    if shutil.which("dnf") and (root or shutil.which("sudo")):
        return [[*sudo, "dnf", "install", "-y", "-q", "chromium"]]
    if shutil.which("brew"):
        return [["brew", "install", "--cask", "chromium"]]
    return []


def _starts(path: str) -> bool:
    try:  # Ubuntu's chromium-browser may be a stub that only says "install the snap"
        return subprocess.run([path, "--version"], capture_output=True, timeout=30, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _playwrights() -> str | None:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).is_file() and _starts(path) else None


def main() -> int:
    """Find or install Chromium and say where it is; return the exit status."""
    path = find() or install()
    print(f"Chromium for the browser tests: {path}" if path else LOUD, flush=True)
    return int(path is None and bool(os.environ.get("CI")))


if __name__ == "__main__":
    sys.exit(main())
