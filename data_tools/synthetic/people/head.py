r"""The head's blocks, each with its rows of the identity and expression bases."""

import numpy as np

from data_tools.synthetic.people import parts
from data_tools.synthetic.people.expressions import (
    EXPRESSIONS,
    GAZE_TURN,
    expression_modes,
    rotation_x,
)
from data_tools.synthetic.people.modes import identity_modes, keep_sockets
from data_tools.synthetic.people.surface import (
    EYE,
    EYE_Z,
    MOUTH_WIDTH,
    MOUTH_Y,
    disc_to_rest,
    rest_to_disc,
    sculpt,
)
from data_tools.synthetic.people.textures import skin_uv


def head_blocks(skin):
    r"""Blocks of the head with their identity and expression rows.

    Args:
        skin: a Skin.

    Returns:
        A list of (Block, (N, 3, 80), (N, 3, 64)).
    """
    x, y = skin.rest.T
    whole = parts.Block(skin.xyz, skin_uv(skin.u), skin.triangles, parts.SKIN)
    id_rows, exp_rows = identity_modes(x, y, skin.xyz), expression_modes(x, y, skin.xyz, skin.side)
    at_eyes = np.concatenate([identity_modes(*_point((side * EYE[0], EYE[1]))) for side in (-1, 1)])
    id_rows = keep_sockets(id_rows, skin.rest, at_eyes)
    blocks = [(whole, id_rows, exp_rows)]
    for side, rim in zip((-1, 1), skin.eyes):
        blocks.append(_eyeball_rows(parts.eyeball(side), side))
        strip = parts.lid_strip(skin.xyz[rim])
        blocks.append((strip, _ring_rows(id_rows[rim], 2), _ring_rows(exp_rows[rim], 2)))
    bag = parts.mouth_bag(skin.xyz[skin.mouth])
    blocks.append((bag, _ring_rows(id_rows[skin.mouth], 4), _ring_rows(exp_rows[skin.mouth], 4)))
    for piece, jaw in ((parts.teeth(True), 0), (parts.teeth(False), 1), (parts.tongue(), 0.92)):
        blocks.append(_teeth_rows(piece, jaw))
    for side in (-1, 1):
        blocks.append(_ear_rows(parts.ear(side), side))
    return blocks


def _ring_rows(rows, count):
    """Rows of rings behind a rim that follow it, and of a last one that goes with its middle."""
    return np.concatenate([rows] * count + [np.broadcast_to(rows.mean(0), rows.shape)])


def _point(rest):
    """Rest coordinates and point on the skin, as identity_modes takes them."""
    rest, skull = disc_to_rest(rest_to_disc(np.atleast_2d(np.asarray(rest, float))))
    return rest[:, 0], rest[:, 1], sculpt(rest, skull)


def _rigid_rows(block, rest, jaw):
    """Rows of a part that moves as one with a place of the skin and, in part, with the jaw."""
    id_rows = np.repeat(identity_modes(*_point(rest)), len(block.xyz), 0)
    exp_rows = np.zeros((len(block.xyz), 3, 64))
    exp_rows[:, :, EXPRESSIONS["jaw_open"]] = jaw * rotation_x(block.xyz)
    return block, id_rows, exp_rows


def _teeth_rows(block, jaw):
    """Teeth and tongue grow wider and narrower with the lips before them."""
    block, id_rows, exp_rows = _rigid_rows(block, (0, MOUTH_Y), jaw)
    x = np.clip(block.xyz[:, 0], -MOUTH_WIDTH, MOUTH_WIDTH)
    across = identity_modes(*_point(np.stack([x, np.full_like(x, MOUTH_Y)], 1)))
    id_rows[:, [0, 2]] = across[:, [0, 2]]
    exp_rows[:, 0, EXPRESSIONS["lip_round"]] = -0.30 * block.xyz[:, 0]
    return block, id_rows, exp_rows


def _eyeball_rows(block, side):
    """The eyeball keeps its shape, goes with its socket and turns with the gaze."""
    block, id_rows, exp_rows = _rigid_rows(block, (side * EYE[0], EYE[1]), 0)
    _, dy, dz = (block.xyz - [side * EYE[0], EYE[1], EYE_Z]).T
    dx = block.xyz[:, 0] - side * EYE[0]
    exp_rows[:, 0, EXPRESSIONS["gaze_x"]] = GAZE_TURN * dz
    exp_rows[:, 2, EXPRESSIONS["gaze_x"]] = -GAZE_TURN * dx
    exp_rows[:, 1, EXPRESSIONS["gaze_y"]] = GAZE_TURN * dz
    exp_rows[:, 2, EXPRESSIONS["gaze_y"]] = -GAZE_TURN * dy
    return block, id_rows, exp_rows


def _ear_rows(block, side):
    """Ears go with the side of the head."""
    root = np.array([[side * 0.70, 0.02, -0.56]])
    rows = identity_modes(root[:, 0], root[:, 1], root)
    return block, np.repeat(rows, len(block.xyz), 0), np.zeros((len(block.xyz), 3, 64))
