"""Make the virtual environment .venv and install a requirements file into it; do nothing when that has been done.

`python scripts/setup.py requirements.txt`. A stamp in .venv holds the hash of the requirements that were installed
last, so the second call takes no time and runs no pip. Needs the standard library only.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"


def python(venv: Path = VENV) -> Path:
    """Return the path of the environment's interpreter, on Windows too."""
    return venv / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def key(requirements: Path) -> str:
    """Return the hash of a requirements file and of those it includes with -r.

    A comment counts as a change: installing once too often does no harm.
    """
    digest = hashlib.sha256()
    for line in requirements.read_text(encoding="utf-8").splitlines():
        digest.update(line.encode() + b"\n")
        if line.startswith("-r "):
            digest.update(key(requirements.parent / line[3:].strip()).encode())
    return digest.hexdigest()


def is_installed(requirements: Path, venv: Path = VENV) -> bool:
    """Return whether `venv` was last brought up to date with these requirements, as the stamp says."""
    stamp = venv / f".seglab-{requirements.name}"
    return python(venv).exists() and stamp.is_file() and stamp.read_text(encoding="utf-8") == key(requirements)


def make_venv(venv: Path = VENV) -> None:
    """Make the environment unless there is one whose pip runs; exit with what to do where Python can't make one."""
    if python(venv).exists() and _quiet([str(python(venv)), "-m", "pip", "--version"]):
        return
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    print(f"Making the virtual environment {venv.name} with Python {version} …", flush=True)
    if subprocess.run([sys.executable, "-m", "venv", "--clear", str(venv)], check=False).returncode != 0:
        sys.exit(
            f"Python {version} could not make a virtual environment. On Debian and Ubuntu its venv module is "
            f"a package of its own: apt-get install python{version}-venv. Then run make again."
        )


def _quiet(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:  # an interpreter that was moved or removed
        return False


def install(requirements: Path, venv: Path = VENV) -> None:
    """Install `requirements` into `venv` and leave the stamp; exit with a sentence if pip fails."""
    print(f"Installing {requirements.name}: some minutes the first time (PyTorch is large) …", flush=True)
    command = [str(python(venv)), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if subprocess.run([*command, "-r", str(requirements)], check=False).returncode != 0:
        sys.exit("Installing failed; the lines above say why. Nothing is lost: run make again to go on.")
    (venv / f".seglab-{requirements.name}").write_text(key(requirements), encoding="utf-8")


def main(name: str) -> None:
    """Bring .venv up to date with the requirements file `name`."""
    if sys.version_info < (3, 11):  # noqa: UP036 — who starts this by hand may have an older one
        sys.exit(f"SegLab needs Python 3.11 or newer; this is {sys.version.split()[0]}.")
    requirements = ROOT / name
    if not is_installed(requirements):
        make_venv()
        install(requirements)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "requirements.txt")
