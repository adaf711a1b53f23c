"""The cost strip of the grid lab: how long it took, and how much is multiplied and kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ui.cost_strip import amount, cost_strip
from ui.texts import upsampling as text
from ui.upsampling_choice import KERNELS, Chosen

if TYPE_CHECKING:
    from ui.upsampling_make import Made


def strip(c: Chosen, made: Made) -> None:
    """Show the cost of what is shown: time just now, multiply-adds, numbers of the kernel, bytes of the trace."""
    m = made.trace.matrix
    size = m.data.nbytes + m.indices.nbytes + m.indptr.nbytes
    cost_strip([
        (text.COST_TIME, f"{1000 * made.seconds:.1f} ms"), (text.COST_PRODUCTS, amount(made.products, "")),
        (text.COST_NUMBERS, str(parameters(c))), (text.COST_TRACE, amount(size, "B")),
        (text.COST_DEVICE, text.COST_CPU),
    ])  # fmt: skip


def parameters(c: Chosen) -> int:
    """Return how many numbers training could move: those of the kernels, of ICNR's equal filters all of them."""
    return c.kernel.size if c.method in KERNELS or c.filtered else 0
