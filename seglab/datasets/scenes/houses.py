"""Rows of houses along the street: gable ends, roofs, street fronts with windows, doors and shops."""

from __future__ import annotations

from dataclasses import dataclass

from seglab.datasets.scenes.canvas import Canvas
from seglab.datasets.scenes.dice import Dice
from seglab.datasets.scenes.space import RGB, Camera, Light, mix, scaled
from seglab.palettes import SCENES

BUILDING = SCENES.index("building") + 1  # indices on the canvas are classes plus one: 0, nothing drawn, is the sky
FAR = 90.0  # m: where the row of houses ends
NEAR = 1.2  # m: nearer than the lower edge of every picture
DEEP = 9.0  # m from the street front to the back

WALLS = (
    (178, 92, 70), (205, 180, 140), (222, 205, 175), (165, 150, 135), (196, 130, 95), (150, 95, 85), (225, 222, 214),
    (190, 165, 120), (140, 150, 160), (170, 185, 190), (214, 170, 150),
)  # fmt: skip
ROOFS = ((120, 62, 50), (92, 88, 92), (140, 84, 60), (78, 70, 72))
AWNINGS = ((170, 40, 40), (40, 90, 60), (40, 70, 130), (200, 150, 50))
GLASS: RGB = (72, 88, 106)
DOOR: RGB = (92, 60, 44)


@dataclass(frozen=True)
class House:
    """A house from depth z0 to z1 m; height to its eaves and of its roof above them in m (0: flat), colours, storeys.

    awning: of its shop, None where there is none; door: in which column of windows; bits: which panes shine.
    """

    z0: float
    z1: float
    height: float
    roof: float
    wall: RGB
    tiles: RGB
    storeys: int
    awning: RGB | None
    door: float
    bits: int

    @property
    def columns(self) -> int:
        """How many windows stand side by side in its street front."""
        return max(1, int((self.z1 - self.z0) / 2.3))

    def shines(self, column: int, floor: int) -> bool:
        """Whether a pane mirrors the sky: a quarter of them."""
        return (self.bits >> (5 * column + 2 * floor) % 29) & 3 == 0


def row(dice: Dice) -> tuple[House, ...]:
    """Return a row of houses from the camera to the far end, some with a gap between them."""
    houses, z = [], dice.between(-6.0, 0.5)
    tall = dice.whole(0, 1)
    while z < FAR:
        z1 = z + dice.between(6, 13)
        storeys = dice.whole(2, 4) + tall
        height = storeys * dice.between(2.8, 3.2) + 0.5
        roof = dice.between(1.8, 3.2) if dice.chance(0.6) else 0.0
        awning = dice.pick(AWNINGS) if dice.chance(0.35) else None
        houses.append(House(z, z1, height, roof, dice.pick(WALLS), dice.pick(ROOFS), storeys, awning, dice.unit(),
                            dice.whole(0, 2**31)))  # fmt: skip
        z = z1 + (dice.between(2, 5) if dice.chance(0.3) else 0.0)
    return tuple(houses)


def draw_house(canvas: Canvas, house: House, edge: float, side: int, camera: Camera, light: Light) -> None:
    """Draw a house at the street's edge (side −1 left, 1 right): gable end, roof, street front, windows, door."""
    canvas.index = BUILDING
    z0, z1 = max(NEAR, house.z0), house.z1
    if z1 <= NEAR:
        return
    eaves, back = house.height, edge + side * DEEP
    middle, z = (edge + back) / 2, (z0 + z1) / 2
    if house.z0 > NEAR:
        end = light.tone(house.wall, z0, light.on(0, 0, -1))
        ridge = ((middle, eaves + house.roof, z0),) if house.roof else ()
        canvas.polygon(camera.quad(((edge, 0, z0), (edge, eaves, z0), *ridge, (back, eaves, z0), (back, 0, z0))), end)
        _end_windows(canvas, house, edge, side, camera, light)
    if house.roof:
        tiles = light.tone(house.tiles, z, light.on(-side * 0.5, 0.85, 0))
        top = eaves + house.roof
        canvas.polygon(camera.quad(((edge, eaves, z0), (edge, eaves, z1), (middle, top, z1), (middle, top, z0))), tiles)
    front = _Front(canvas, camera, edge, light, z, light.on(-side, 0, 0))
    front.between(z0, z1)
    front.part(0, eaves, house.wall)
    front.part(eaves - 0.35, eaves, scaled(house.wall, 1.25))
    front.part(0, 0.7, scaled(house.wall, 0.7))
    _windows(front, house, z0, z1)


class _Front:
    """A street front, drawn in upright parts: `between` says from where to where, `part` fills from y0 to y1."""

    def __init__(self, canvas: Canvas, camera: Camera, edge: float, light: Light, z: float, brightness: float) -> None:
        self.canvas, self.camera, self.edge = canvas, camera, edge
        self.tone = light.at(z, brightness)

    def between(self, za: float, zb: float) -> float:
        """Go on between two depths in m; return how wide that is in the picture, in units."""
        camera = self.camera
        self.ka, self.kb = camera.focal / za, camera.focal / zb
        self.xa, self.xb = camera.vanish + self.edge * self.ka, camera.vanish + self.edge * self.kb
        return abs(self.xa - self.xb)

    def part(self, y0: float, y1: float, rgb: RGB) -> None:
        low, high, horizon = self.camera.height - y0, self.camera.height - y1, self.camera.horizon
        points = (self.xa, horizon + low * self.ka, self.xb, horizon + low * self.kb,
                  self.xb, horizon + high * self.kb, self.xa, horizon + high * self.ka)  # fmt: skip
        self.canvas.polygon(points, self.tone(rgb))


def _windows(front: _Front, house: House, z0: float, z1: float) -> None:
    """Draw the street front's windows: a band of panes for each storey, the wall between them, a door and a shop."""
    columns, storey = house.columns, (house.height - 0.5) / house.storeys
    pitch = (house.z1 - house.z0) / columns
    if front.between(z0, z1) < columns:
        return
    shine, frame = mix(GLASS, (185, 205, 225), 0.55), scaled(house.wall, 1.3)
    floors = [(n, n * storey + 0.95, (n + 0.8) * storey + 0.3) for n in range(house.storeys)]
    for _, low, high in floors:
        front.part(low - 0.15, high + 0.15, frame)
        front.part(low, high, GLASS)
    for column in range(columns + 1):
        za = max(z0, house.z0 + (column - 0.24) * pitch)
        zb = min(z1, house.z0 + (column + 0.24) * pitch)
        if za < zb:
            front.between(za, zb)
            front.part(0.7, house.height - 0.35, house.wall)
        za, zb = zb, house.z0 + (column + 0.76) * pitch
        if za < NEAR or column == columns:
            continue
        if front.between(za, zb) < 0.3:
            break
        for n, low, high in floors:
            if house.shines(column, n):
                front.part(low, high, shine)
        if column == int(house.door * columns):
            front.part(0, 2.2, DOOR)
            front.part(2.2, floors[0][2] + 0.15, house.wall)
        elif house.awning:
            front.part(0.5, 2.2, GLASS)
            front.part(2.2, 2.7, house.awning)


def _end_windows(canvas: Canvas, house: House, edge: float, side: int, camera: Camera, light: Light) -> None:
    k, storey = camera.focal / house.z0, (house.height - 0.5) / house.storeys
    if k < 2:
        return
    panes = light.tone(GLASS, house.z0, 0.5 + 0.5 * light.on(0, 0, -1))
    for floor in range(1, house.storeys):
        for u in (1.5, 4.0, 6.5):
            (x0, y0), (x1, y1) = (camera.point(edge + side * v, floor * storey + y, house.z0) for v, y in
                                  ((u, 0.95), (u + 1.1, 0.3 + 0.8 * storey)))  # fmt: skip
            canvas.rectangle(min(x0, x1), y1, max(x0, x1), y0, panes)
