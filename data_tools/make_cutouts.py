r"""Synthetic people cut out of their pictures, for the face finder to be taught on.

    python -m data_tools.make_cutouts --out data/cutouts --people 500 --seed 0

writes OUT/PERSON_VIEW.png, head and shoulders with what is behind them transparent, the camera
so far away that the square of a training frame is the middle half of the picture.
"""

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from data_tools.synthetic.people.person import sample_light, sample_person
from data_tools.synthetic.picture import film
from data_tools.synthetic.talk.motion import EXPRESSIONS, seat
from mfr.face.camera import CAMERA_Z
from mfr.files.whole import atomic, command, command_line

SIZE = 192  # side of a cutout [pixels]
TURN = (0.15, 0.32, 0.06)  # sd of pitch, yaw and roll between views [rad]


def views(rng, count):
    r"""One person in random clothes, poses, expressions and lights.

    Args:
        rng: numpy Generator.
        count: how many views.

    Returns:
        uint8 (count, SIZE, SIZE, 4), RGB and how much of a pixel is the person.
    """
    from data_tools.synthetic.picture.rasterizer import render

    person, look = sample_person(rng), film.sample_look(rng)
    motion = np.stack([seat(rng, person.exp_neutral) for _ in range(count)])
    motion[:, :3] += rng.normal(0, TURN, (count, 3))
    motion[:, 3 : 3 + len(EXPRESSIONS)] += rng.uniform(0, 0.7, (count, len(EXPRESSIONS)))
    motion[:, 67:] = [0, 0, -CAMERA_Z]  # twice as far away: half as large
    rows = person.coefficients(motion)
    rows[:, 227:254] = [sample_light(rng) for _ in range(count)]
    with torch.inference_mode():
        shown = render(
            film.face_model(),
            torch.as_tensor(rows),
            film.dressed(person.appearance, look),
            SIZE,
        )
    pixels = torch.cat([shown.image, shown.mask], 1).permute(0, 2, 3, 1)
    return film.to_bytes(pixels.numpy())


def main(arguments=None):
    r"""The command line.

    Args:
        arguments: list of words, or None for the command line's own.

    Raises:
        ValueError: too few people or views.
    """
    parser = command_line("data_tools.make_cutouts", __doc__)
    parser.add_argument("--out", default="data/cutouts", help="folder (%(default)s)")
    parser.add_argument("--people", type=int, default=500, help="how many (%(default)s)")
    parser.add_argument("--views", type=int, default=3, help="pictures of each (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of everything random (%(default)s)")
    options = parser.parse_args(arguments)
    for name in ("people", "views"):
        if getattr(options, name) < 1:
            raise ValueError(f"--{name} is {getattr(options, name)}; allowed: >= 1")
    for number in range(options.people):
        rng = np.random.default_rng([options.seed, 11, number])
        for view, pixels in enumerate(views(rng, options.views)):
            with atomic(Path(options.out) / f"{number:05d}_{view}.png") as temporary:
                Image.fromarray(pixels).save(temporary)
        if (number + 1) % max(1, options.people // 20) == 0:
            print(f"made      {number + 1} of {options.people} people", flush=True)
    print(f"written   {options.out}: {options.people * options.views} cutouts")


if __name__ == "__main__":
    command(main)
