"""A picture that is only looked at, without the viewer: while a network runs, a finished edit, a difference."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil

LONGEST = 1400  # px of the longer side; st.image itself resizes what is wider than about 1460


def still(picture: NDArray[np.uint8]) -> bytes:
    """Return RGB or RGBA (H, W, 3 or 4) as the bytes of a JPEG or PNG, at most `LONGEST` px long, for `st.image`.

    It would encode an array slowly, and it fails on a wide picture one pixel high.

    >>> Pil.open(io.BytesIO(still(np.zeros((1, 5000, 3), np.uint8)))).size
    (1400, 1)
    """
    out, small = io.BytesIO(), Pil.fromarray(picture)
    small.thumbnail((LONGEST, LONGEST))
    if small.mode == "RGBA":
        small.save(out, "PNG", compress_level=1)
    else:
        small.save(out, "JPEG", quality=92, subsampling=0)
    return out.getvalue()
