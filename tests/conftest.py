"""Shared by all tests: where the real images are, if they are here."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real images (CamVid, nuclei, photos), which is never part of the project."""
    root = Path(os.environ.get("SEGLAB_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not root.is_dir():
        pytest.skip(f"real images are not here: {root} (set SEGLAB_DATA)")
    return root
