"""A mask's regions as polygons without holes, for tools that know nothing else (LabelMe, VIA).

Conventions: points are (x, y) in pixels with the middle of the first pixel at (0, 0). The outline runs `REACH` = 0.4 px
outside the middles of the region's border pixels, so the region is exactly the pixels whose middle is inside. Pixels
that touch by a corner belong to one region.

Holes. Neither format has them, and painting a filled polygon over what lies in the hole would need an order that
readers don't keep. So every hole is joined to the outline by a cut of no width along a row of pixels (a "keyhole"): one
closed polygon, walked along the cut there and back, which every filling rule rasterises to the region with its holes.
Regions and holes of a single pixel (outlines of less than `MIN_AREA`) are left out.

Outlines are thinned with a tolerance of `TOLERANCE` px (Douglas and Peucker, 1973, here for all segments of a level at
once); the tests ask for an IoU of at least 0.98 for each class after rasterising.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from skimage.measure import find_contours

Points = NDArray[np.float64]  # (n, 2), x and y
Mask = NDArray[np.bool_]

REACH = 0.4
TOLERANCE = 0.35
MIN_AREA = 1.0


def polygons(mask: Mask, tolerance: float = TOLERANCE) -> list[Points]:
    """Return a polygon (n, 2) for each region of `mask` (H, W) bool, largest first; its first point isn't repeated.

    >>> outline = polygons(np.ones((2, 3), bool))[0]
    >>> len(outline), outline.min(0).tolist(), outline.max(0).tolist()
    (5, [-0.4, -0.4], [2.4, 1.4])
    """
    if mask.ndim != 2 or mask.dtype != bool:
        raise ValueError(f"A mask is a bool array (H, W); got {mask.dtype} {mask.shape}.")
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return []
    top, left = rows[0] - 1, columns[0] - 1
    box = np.pad(mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], 1)
    # On a 0/1 mask the level decides how far outside the middles of the border pixels the contour runs.
    found = find_contours(box.astype(float), 1 - REACH, fully_connected="high")
    rings = [ring[:-1, ::-1] for ring in found]
    rings = [ring for ring in rings if abs(_area(ring)) >= MIN_AREA]
    if not rings:
        return []
    joined = _join_holes(box, rings, tolerance)
    return [points + np.array([left, top]) for points in sorted(joined, key=lambda points: -_area(points))]


def _area(ring: Points) -> float:
    """Signed area (shoelace formula): positive for the outline of a region, negative for that of a hole."""
    x, y = ring[:, 0], ring[:, 1]
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


def _join_holes(box: Mask, rings: list[Points], tolerance: float) -> list[Points]:
    """Thin the rings and join every hole to the ring at its left, along the row of its leftmost point."""
    rings = [np.roll(r, -int(r[:, 0].argmin()), axis=0) if _area(r) < 0 else r for r in rings]  # holes start leftmost
    holes = sorted((i for i, r in enumerate(rings) if _area(r) < 0), key=lambda i: -rings[i][0, 0])
    starts = np.cumsum([0] + [len(r) for r in rings])
    points = np.concatenate(rings)
    # Where the outlines cross a row going into the region: pixel (y, x) is outside, (y, x + 1) inside.
    enters = np.flatnonzero((points[:, 1] % 1 == 0) & (np.abs(points[:, 0] % 1 - (1 - REACH)) < 0.1))
    keys = points[enters, 1].astype(int) * box.shape[1] + points[enters, 0].astype(int)
    order = np.argsort(keys)
    enters, keys = enters[order], keys[order]
    cuts: dict[int, list[tuple[int, int]]] = {i: [] for i in range(len(rings))}  # ring → (point, hole joined there)
    for hole in holes:
        x, y = rings[hole][0].astype(int)
        while True:
            x = int(np.flatnonzero(~box[y, :x])[-1])  # first pixel outside, to the left
            at = int(np.searchsorted(keys, y * box.shape[1] + x))
            if at < len(keys) and keys[at] == y * box.shape[1] + x:
                break
            x = int(np.flatnonzero(box[y, :x])[-1])  # that was a speck left out: pass over it
        point = int(enters[at])
        ring = int(np.searchsorted(starts, point, side="right")) - 1
        cuts[ring].append((point, hole))
    kept = starts[:-1].tolist() + [point for joined in cuts.values() for point, _ in joined]
    keep = _thin(rings, np.unique(kept), tolerance)
    done: dict[int, Points] = {}
    outlines = sorted(set(cuts) - set(holes))
    for i in [*holes, *outlines]:  # a hole's ring hangs on one further left, so it is complete before that is used
        parts, last = [], int(starts[i])
        for point, hole in sorted(cuts[i]):
            parts += [points[last : point + 1][keep[last : point + 1]], done.pop(hole), rings[hole][:1]]
            last = point
        end = int(starts[i + 1])
        parts.append(points[last:end][keep[last:end]])
        done[i] = np.concatenate(parts)
    return [done[i] for i in outlines if len(done[i]) >= 3]


def _thin(rings: list[Points], fixed: NDArray[np.intp], tolerance: float) -> Mask:
    """Choose the points of the concatenated rings to keep: `fixed` and what the tolerance needs (Douglas–Peucker)."""
    closed = np.concatenate([np.concatenate([ring, ring[:1]]) for ring in rings])
    lengths = np.array([len(ring) for ring in rings])
    ends = np.cumsum(lengths + 1) - 1  # the repeated first points
    original = np.delete(np.arange(len(closed)), ends)
    keep = np.zeros(len(closed), bool)
    keep[original[fixed]] = True
    keep[ends] = True
    while True:
        corners = np.flatnonzero(keep)
        segment = np.cumsum(keep) - 1
        a = closed[corners[segment]]
        b = closed[corners[np.minimum(segment + 1, len(corners) - 1)]]
        along, off = b - a, closed - a
        square = (along**2).sum(1)
        t = np.clip((off * along).sum(1) / np.maximum(square, 1e-12), 0, 1)
        distance = np.hypot(*(off - t[:, None] * along).T)
        distance[keep] = 0
        worst = np.maximum.reduceat(distance, corners)[segment]
        split = np.flatnonzero((distance == worst) & (distance > tolerance))
        if not len(split):
            return keep[original]
        keep[split[np.unique(segment[split], return_index=True)[1]]] = True
