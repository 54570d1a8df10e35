r"""A dressed person: the head's blocks with hair, neck, clothes and glasses as one mesh."""

from dataclasses import dataclass

import numpy as np
import torch

from data_tools.synthetic.people import dress
from data_tools.synthetic.people.atlas import ROOMS
from data_tools.synthetic.people.hair import hair_blocks
from data_tools.synthetic.people.modes import identity_modes
from data_tools.synthetic.people.paint import paint_rooms
from data_tools.synthetic.people.person import Appearance
from data_tools.synthetic.people.skin_paint import paint_skin
from data_tools.synthetic.picture.backdrop import background


@dataclass
class Scene:
    r"""All that rendering needs besides the coefficients; tensors on the model's device."""

    mean: torch.Tensor  # (V, 3) [dm]
    id_basis: torch.Tensor  # (V, 3, 80)
    weight: torch.Tensor  # (V,) share of the head's motion
    uv: torch.Tensor  # (V, 2) in [0, 1]
    triangles: torch.Tensor  # (F, 3) int64
    part: torch.Tensor  # (F,) int64
    two_sided: torch.Tensor  # (F,) bool
    at_vertex: tuple  # triangles that meet at each vertex: numbers, first place of each vertex
    rooms: torch.Tensor  # (5, H, W): RGB, gloss, wet; the skin's room still empty
    background: torch.Tensor  # (3, 256, 256)
    look: object  # the Appearance
    atlases: dict  # finished textures by the bytes of tex


def scene_of(model, person):
    r"""The person's whole surface, textures and background as a Scene; kept for the next call.

    `person` is a Person, an Appearance or an Appearance's dict.
    """
    appearance = getattr(person, "appearance", person)
    if isinstance(appearance, dict):
        appearance = Appearance.from_dict(appearance)
    key = repr(appearance)
    if key not in model.scenes:
        if len(model.scenes) >= 8:
            model.scenes.pop(next(iter(model.scenes)))
        model.scenes[key] = build_scene(model, appearance)
    return model.scenes[key]


def build_scene(model, look):
    r"""Dress the model's head: a Scene whose first vertices are the model's own."""
    extra = [dress.neck(look.neck_width), dress.torso(look.collar, look.build)]
    extra += hair_blocks(look)
    if look.glasses:
        extra.append(dress.glasses(look.glasses - 1))
    blocks = model.blocks + extra
    offsets = np.cumsum([0] + [len(b.xyz) for b in blocks])
    rows = [model.id_basis.cpu().numpy()] + [_follow(block) for block in extra]

    def tensor(values, dtype=model.dtype):
        return torch.as_tensor(np.asarray(values), device=model.device).to(dtype)

    faces = [len(b.triangles) for b in blocks]
    triangles = np.concatenate([b.triangles + o for b, o in zip(blocks, offsets)])
    return Scene(
        tensor(np.concatenate([b.xyz for b in blocks])),
        tensor(np.concatenate(rows).astype(np.float32)),
        tensor(np.concatenate([np.broadcast_to(b.weight, len(b.xyz)) for b in blocks])),
        tensor(np.concatenate([b.uv for b in blocks])),
        tensor(triangles, torch.int64),
        tensor(np.repeat([b.part for b in blocks], faces), torch.int64),
        tensor(np.repeat([b.two_sided for b in blocks], faces), torch.bool),
        tuple(tensor(v, torch.int64) for v in triangles_around(triangles, offsets[-1])),
        tensor(paint_rooms(look)),
        tensor(background(look.background, look.seed)),
        look,
        {},
    )


def triangles_around(triangles, count):
    r"""The triangles that meet at each of `count` vertices, of triangles (F, 3).

    Numbers (3F,) of triangles, vertex after vertex, and (V,) where each vertex's begin.
    """
    vertex = triangles.ravel()
    order = np.argsort(vertex, kind="stable")
    return order // 3, np.searchsorted(vertex[order], np.arange(count))


def _follow(block):
    """Identity rows of a part that is not of the head: those of the places it is fixed to."""
    if block.anchor is None:
        return np.zeros((len(block.xyz), 3, 80))
    places, back = np.unique(block.anchor, axis=0, return_inverse=True)
    return identity_modes(places[:, 0], places[:, 1], places)[back.ravel()]


def atlas(model, scene, tex):
    r"""The person's texture (5, H, W): RGB, gloss, wet, from tex (80,).

    The skin painted over its albedo, set among the other rooms.
    """
    key = tex.detach().cpu().to(torch.float32).numpy().tobytes()
    if key not in scene.atlases:
        if len(scene.atlases) >= 4:
            scene.atlases.pop(next(iter(scene.atlases)))
        skin = paint_skin(model.palette, model.albedo(tex), scene.look)
        image = scene.rooms.clone()
        skin = torch.as_tensor(np.clip(skin, 0, 1)).to(image)
        image[:, : skin.shape[1], : skin.shape[2]] = skin
        tone = torch.cat([skin[:3, 255:285, a : a + 30] for a in (165, 317)], 2).mean((1, 2))
        for room in ("ear", "neck"):
            left, top, width, height = ROOMS[room]
            image[:3, top : top + height, left : left + width] *= tone[:, None, None]
        scene.atlases[key] = image
    return scene.atlases[key]
