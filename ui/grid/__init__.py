"""Small grids of numbers: `grid(panels, key=…, links=…)` shows which make which, takes edits and plays steps."""

from ui.grid.grid import GridEvent, grid
from ui.grid.parts import LIMIT, SPEEDS, Links, Panel, Points, Step

__all__ = ["LIMIT", "SPEEDS", "GridEvent", "Links", "Panel", "Points", "Step", "grid"]
