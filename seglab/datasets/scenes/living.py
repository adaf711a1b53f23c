"""Persons and dogs, drawn from their joints.

A body is a table of joints, name → (x, y, z) in metres: x to its right, y up, z ahead. It is posed,
turned about the vertical and then drawn, what is farther away first. The tables are kept apart from the drawing so
that joints can be handed out as key points.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from seglab.datasets.scenes.dice import Dice
from seglab.datasets.scenes.figure import Figure
from seglab.datasets.scenes.space import RGB, mix, scaled

Joints = dict[str, tuple[float, float, float]]

SKIN = ((244, 208, 177), (224, 172, 125), (183, 127, 84), (125, 82, 53), (88, 57, 38))
HAIR = ((40, 28, 20), (85, 55, 30), (25, 25, 28), (165, 120, 60), (190, 190, 190))
CLOTH = (
    (200, 45, 45), (230, 140, 40), (240, 205, 70), (70, 140, 70), (50, 110, 190), (40, 60, 120), (130, 70, 150),
    (235, 235, 230), (60, 60, 68), (205, 110, 140), (90, 170, 180),
)  # fmt: skip
TROUSERS = ((45, 60, 110), (40, 40, 46), (110, 95, 75), (85, 88, 95), (70, 85, 140), (150, 135, 110))
COAT = ((150, 100, 55), (60, 45, 35), (225, 215, 195), (40, 40, 42), (185, 140, 90), (120, 120, 125))


def turn(joints: Joints, yaw: float) -> Joints:
    """Turn a body by yaw (radians; 0 looks away from the camera, π at it, π/2 to the right of the picture)."""
    cos, sin = math.cos(yaw), math.sin(yaw)
    return {name: (x * cos + z * sin, y, z * cos - x * sin) for name, (x, y, z) in joints.items()}


def person_joints(dice: Dice) -> Joints:
    """Pose a person of 1.75 m: the joints of COCO's key points (less eyes and ears), neck and head."""
    action = dice.pick(("walk", "walk", "stand", "run", "wave"))
    swing = {"walk": dice.between(0.3, 0.6), "run": dice.between(0.7, 0.95)}.get(action, dice.between(0, 0.15))
    swing *= dice.pick((-1, 1))
    lean = 0.12 if action == "run" else 0.02
    joints: Joints = {
        "neck": (0, 1.47, lean), "head": (0, 1.62, lean * 1.2), "nose": (0, 1.61, lean * 1.2 + 0.13),
    }  # fmt: skip
    for side, sign in (("left", -1), ("right", 1)):
        thigh = swing * sign
        knee_bend = (0.9 if action == "run" else 0.45) * max(0.0, -thigh) + 0.05
        hip = (0.09 * sign, 0.92, 0.0)
        knee = _hang(hip, 0.44, thigh)
        joints |= {f"{side}_hip": hip, f"{side}_knee": knee, f"{side}_ankle": _hang(knee, 0.42, thigh - knee_bend)}
        shoulder = (0.19 * sign, 1.42, lean)
        arm, bend = -thigh * 0.9, 1.4 if action == "run" else 0.25
        if action == "wave" and side == "right":
            elbow = (shoulder[0] + 0.2, 1.50, lean)
            wrist = (elbow[0] + 0.02, 1.76, lean + 0.02)
        else:
            elbow = _hang((shoulder[0] + 0.03 * sign, 1.42, lean), 0.29, arm)
            wrist = _hang(elbow, 0.26, arm + bend)
        joints |= {f"{side}_shoulder": shoulder, f"{side}_elbow": elbow, f"{side}_wrist": wrist}
    low = min(joints["left_ankle"][1], joints["right_ankle"][1]) - 0.07  # the lower foot stands on the ground
    return {name: (x, y - low, z) for name, (x, y, z) in joints.items()}


def _hang(top: tuple[float, float, float], length: float, angle: float) -> tuple[float, float, float]:
    return top[0], top[1] - length * math.cos(angle), top[2] + length * math.sin(angle)


@dataclass(frozen=True)
class _Clothes:
    skin: RGB
    hair: RGB
    top: RGB
    legs: RGB
    shoes: RGB


def person(dice: Dice) -> Figure:
    """Draw a person 1.0 to 1.9 m tall, in any pose, seen from anywhere."""
    yaw = dice.pick((0.0, math.pi, math.pi / 2, -math.pi / 2)) + dice.between(-0.6, 0.6)
    j = turn(person_joints(dice), yaw)
    wear = _Clothes(
        dice.pick(SKIN), dice.pick(HAIR), dice.pick(CLOTH), dice.pick(TROUSERS),
        dice.pick(((35, 30, 30), (235, 235, 235), (150, 40, 40))),
    )  # fmt: skip
    skirt, bag, hat = dice.chance(0.25), dice.chance(0.25), dice.chance(0.2)
    legs = wear.skin if skirt else wear.legs
    figure = Figure()
    far, near = sorted(("left", "right"), key=lambda side: -j[f"{side}_shoulder"][2])
    back = math.cos(yaw) > 0  # we see its back
    _arm(figure, j, far, scaled(wear.top, 0.72), scaled(wear.skin, 0.8))
    for side, shade in sorted((("left", 0.82), ("right", 1.0)), key=lambda s: -j[f"{s[0]}_knee"][2]):
        _leg(figure, j, side, scaled(legs, shade), scaled(wear.shoes, shade), yaw)
    if bag and not back:
        figure.limb(_at(j["neck"], 0, -0.12), _at(j["neck"], 0, -0.45), 0.15, 0.15, scaled(wear.legs, 0.7))
    _torso(figure, j, wear.top)
    if skirt:
        left, right = sorted((j["left_hip"], j["right_hip"]))
        y = left[1]
        points = (left[0] - 0.07, y + 0.12, right[0] + 0.07, y + 0.12, right[0] + 0.16, y - 0.38, left[0] - 0.16,
                  y - 0.38)  # fmt: skip
        figure.polygon(points, mix(wear.legs, wear.top, 0.35))
    if bag and back:
        figure.limb(_at(j["neck"], 0, -0.14), _at(j["neck"], 0, -0.42), 0.13, 0.14, scaled(wear.legs, 0.8))
    _head(figure, j, wear, yaw, hat)
    _arm(figure, j, near, scaled(wear.top, 0.88), wear.skin)
    x, y = j["neck"][0], j["left_hip"][1]
    figure.cores = [(x - 0.12, y, x + 0.12, y + 0.75), (x - 0.07, y - 0.35, x + 0.07, y)]
    return figure


def _at(joint: tuple[float, float, float], dx: float, dy: float) -> tuple[float, float]:
    return joint[0] + dx, joint[1] + dy


def _arm(figure: Figure, j: Joints, side: str, sleeve: RGB, skin: RGB) -> None:
    shoulder, elbow, wrist = (j[f"{side}_{name}"] for name in ("shoulder", "elbow", "wrist"))
    figure.limb(shoulder, elbow, 0.065, 0.05, sleeve)
    figure.limb(elbow, wrist, 0.048, 0.04, sleeve)
    figure.ellipse(wrist[0], wrist[1] - 0.02, 0.05, 0.055, skin)


def _leg(figure: Figure, j: Joints, side: str, cloth: RGB, shoe: RGB, yaw: float) -> None:
    hip, knee, ankle = (j[f"{side}_{name}"] for name in ("hip", "knee", "ankle"))
    figure.limb(hip, knee, 0.095, 0.07, cloth)
    figure.limb(knee, ankle, 0.068, 0.05, cloth)
    toe = (ankle[0] + 0.13 * math.sin(yaw), ankle[1] - 0.03)
    figure.limb(_at(ankle, 0, -0.02), toe, 0.05, 0.04, shoe)


def _torso(figure: Figure, j: Joints, top: RGB) -> None:
    left, right = sorted((j["left_shoulder"], j["right_shoulder"]))
    hip_left, hip_right = sorted((j["left_hip"], j["right_hip"]))
    neck = j["neck"]
    points = (
        neck[0] - 0.05, neck[1] + 0.01, neck[0] + 0.05, neck[1] + 0.01, right[0] + 0.06, right[1] + 0.02,
        right[0] + 0.06, right[1] - 0.12, hip_right[0] + 0.07, hip_right[1] + 0.2, hip_right[0] + 0.085,
        hip_right[1] - 0.04, hip_left[0] - 0.085, hip_left[1] - 0.04, hip_left[0] - 0.07, hip_left[1] + 0.2,
        left[0] - 0.06, left[1] - 0.12, left[0] - 0.06, left[1] + 0.02,
    )  # fmt: skip
    figure.polygon(points, top)


def _head(figure: Figure, j: Joints, wear: _Clothes, yaw: float, hat: bool) -> None:
    head, neck, nose = j["head"], j["neck"], j["nose"]
    figure.limb(neck, head, 0.05, 0.05, scaled(wear.skin, 0.85))
    figure.ellipse(head[0], head[1] + 0.03, 0.115, 0.135, wear.hair)
    ahead = nose[0] - head[0]
    if math.cos(yaw) < 0.5:  # a face can be seen
        figure.ellipse(head[0] + 0.4 * ahead, head[1] - 0.005, 0.095, 0.115, wear.skin)
        figure.ellipse(nose[0] * 0.92 + head[0] * 0.08, nose[1] - 0.01, 0.02, 0.025, scaled(wear.skin, 0.85))
        for eye in (-0.035, 0.035):
            if abs(ahead) < 0.09 or eye * ahead > 0:
                figure.ellipse(head[0] + 0.55 * ahead + eye, head[1] + 0.02, 0.012, 0.014, (30, 25, 25))
    if hat:
        figure.ellipse(head[0], head[1] + 0.09, 0.125, 0.09, wear.top)
        figure.ellipse(head[0] + 0.5 * ahead, head[1] + 0.065, 0.15, 0.025, scaled(wear.top, 0.8))


def dog_joints(dice: Dice) -> Joints:
    """Pose a dog, 0.6 m at the shoulder: nose, head, chest, rump, tail, and a knee and a paw of each leg."""
    swing = dice.between(0.05, 0.5) * dice.pick((-1, 1))
    down = dice.chance(0.2)  # sniffs at the ground
    joints: Joints = {
        "chest": (0, 0.52, 0.26), "rump": (0, 0.53, -0.30),
        "head": (0, 0.45, 0.56) if down else (0, 0.80, 0.46), "nose": (0, 0.28, 0.68) if down else (0, 0.74, 0.70),
        "tail": (0, dice.between(0.5, 0.95), dice.between(-0.68, -0.5)),
    }  # fmt: skip
    for name, x, z, phase in (
        ("left_fore", -0.09, 0.26, 1), ("right_fore", 0.09, 0.26, -1),
        ("left_hind", -0.09, -0.30, -1), ("right_hind", 0.09, -0.30, 1),
    ):  # fmt: skip
        knee = _hang((x, 0.48, z), 0.24, phase * swing)
        joints |= {f"{name}_knee": knee, f"{name}_paw": _hang(knee, 0.22, phase * swing * 0.6 - 0.1)}
    return joints


def dog(dice: Dice) -> Figure:
    """Draw a dog, about a metre from nose to tail, mostly from the side."""
    yaw = dice.pick((-1, 1)) * math.pi / 2 + dice.between(-0.5, 0.5)
    j = turn(dog_joints(dice), yaw)
    coat, stout, flop = dice.pick(COAT), dice.between(0.9, 1.2), dice.chance(0.5)
    patch = dice.pick(COAT) if dice.chance(0.5) else scaled(coat, 0.85)
    figure = Figure()
    legs = sorted(("left_fore", "right_fore", "left_hind", "right_hind"), key=lambda name: -j[f"{name}_knee"][2])
    for name in legs[:2]:
        _paw(figure, j, name, scaled(coat, 0.65))
    figure.line(*j["rump"][:2], *j["tail"][:2], 0.07, scaled(coat, 0.9))
    figure.limb(j["rump"], j["chest"], 0.15 * stout, 0.17 * stout, coat)
    figure.limb(_at(j["rump"], 0, 0.03), _at(j["chest"], 0, 0.02), 0.09, 0.09, patch)
    for name in legs[2:]:
        _paw(figure, j, name, scaled(coat, 0.9))
    figure.limb(_at(j["chest"], 0, 0.06), j["head"], 0.12, 0.09, coat)
    figure.ellipse(j["head"][0], j["head"][1], 0.125, 0.12, coat)
    figure.limb(j["head"], j["nose"], 0.075, 0.055, mix(coat, (240, 230, 215), 0.3))
    figure.ellipse(j["nose"][0], j["nose"][1] + 0.02, 0.035, 0.032, (25, 22, 22))
    ahead = math.copysign(1.0, j["nose"][0] - j["head"][0])
    x, y = j["head"][0], j["head"][1]
    if flop:
        figure.limb((x - 0.06 * ahead, y + 0.08), (x - 0.11 * ahead, y - 0.08), 0.035, 0.05, scaled(patch, 0.7))
    else:
        points = (x - 0.11 * ahead, y + 0.07, x - 0.07 * ahead, y + 0.23, x + 0.02 * ahead, y + 0.1)
        figure.polygon(points, scaled(patch, 0.7))
    figure.ellipse(x + 0.05 * ahead, y + 0.035, 0.018, 0.018, (20, 18, 18))
    rump, chest = sorted((j["rump"][0], j["chest"][0]))
    figure.cores = [(rump, 0.42, chest, 0.62)]
    return figure


def _paw(figure: Figure, j: Joints, name: str, rgb: RGB) -> None:
    knee, paw = j[f"{name}_knee"], j[f"{name}_paw"]
    figure.limb(_at(knee, 0, 0.18), knee, 0.075, 0.05, rgb)
    figure.limb(knee, paw, 0.045, 0.035, rgb)
    figure.ellipse(paw[0], 0.035, 0.055, 0.035, scaled(rgb, 0.9))
