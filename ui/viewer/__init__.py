"""The picture viewer: `viewer(image, layers, key=…)` shows a photo with layers and tells what the person did there.

`segment_table(rows, key=…, link=…, columns=…)` beside it lists segments, and lights them in the linked viewers.
"""

from ui.viewer.layers import Entry, HeatLayer, IdLayer, LabelLayer, Lights
from ui.viewer.strokes import ERASE, Stroke, apply_strokes
from ui.viewer.table import Row, segment_table
from ui.viewer.viewer import Sent, ViewerEvent, send, viewer

__all__ = ["ERASE", "Entry", "HeatLayer", "IdLayer", "LabelLayer", "Lights", "Row", "Sent", "Stroke", "ViewerEvent",
           "apply_strokes", "segment_table", "send", "viewer"]  # fmt: skip
