"""The cost strip of the labs with a trace: how long it took, and how much is multiplied and kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ui.cost_strip import amount, cost_strip
from ui.texts import upsampling as text

if TYPE_CHECKING:
    from seglab.upsampling.trace import Trace


def strip(seconds: float, trace: Trace, numbers: int) -> None:
    """Show the cost: `seconds` it took just now, a multiply-add for each tap of the trace, `numbers` of a kernel."""
    m = trace.matrix
    size = m.data.nbytes + m.indices.nbytes + m.indptr.nbytes
    cost_strip([
        (text.COST_TIME, f"{1000 * seconds:.1f} ms"), (text.COST_PRODUCTS, amount(m.nnz, "")),
        (text.COST_NUMBERS, str(numbers)), (text.COST_TRACE, amount(size, "B")), (text.COST_DEVICE, text.COST_CPU),
    ])  # fmt: skip
