"""The picture viewer: `viewer(image, layers, key=…)` shows a photo with layers and tells what the person did there."""

from ui.viewer.strokes import ERASE, Stroke, apply_strokes
from ui.viewer.viewer import HeatLayer, LabelLayer, Sent, ViewerEvent, send, viewer

__all__ = ["ERASE", "HeatLayer", "LabelLayer", "Sent", "Stroke", "ViewerEvent", "apply_strokes", "send", "viewer"]
