"""Live runs: trainings of a minute that a visitor watches, many visitors on a few cores.

`runs` takes turns with any generator that yields `snapshots`; `race` is such a generator, for up to three networks
that differ in one thing; `rare` races losses on rare objects. Only the last two need torch, and are imported by name.
"""

from seglab.live.run import Make, Run
from seglab.live.runs import Runs
from seglab.live.snapshots import History, Line, Snapshot

__all__ = ["History", "Line", "Make", "Run", "Runs", "Snapshot"]
