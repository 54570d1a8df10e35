r"""A contact sheet of synthetic people: one row a person, one column an expression or a pose.

python -m data_tools.synthetic.picture.sheet --out people.png --seed 0
"""

import argparse

import numpy as np
from PIL import Image, ImageDraw

from data_tools.synthetic.people.face_model import EXPRESSIONS, FaceModel, sample_person
from data_tools.synthetic.picture.rasterizer import render

VIEWS = {  # caption: offsets of pitch, yaw, roll [rad] and of named expressions
    "at rest": {},
    "smile": {"smile": 1.0, "cheek_raise": 0.5},
    "frown": {"brow_lower": 1.0, "lip_corner_down": 0.8},
    "surprise": {"brow_raise": 1.0, "jaw_open": 0.45},
    "jaw open": {"jaw_open": 1.0},
    "lids closed": {"lids_close": 1.0},
    "round lips": {"lip_round": 1.0, "jaw_open": 0.15},
    "gaze aside": {"gaze_x": 0.9},
    "turn 0.5": {"yaw": 0.5},
    "turn -0.5": {"yaw": -0.5, "smile": 0.5},
    "nod 0.4": {"pitch": 0.35, "lids_close": 0.2},
    "tilt 0.3": {"roll": 0.25, "upper_lip_raise": 0.6},
}
POSE = ("pitch", "yaw", "roll")


def view_motion(person, view):
    r"""The person's resting motion, float32 (70,), with a view's offsets."""
    motion = person.neutral_motion()[0]
    for name, value in view.items():
        motion[POSE.index(name) if name in POSE else 3 + EXPRESSIONS[name]] += value
    return motion


def contact_sheet(people=24, seed=0, size=128, spread=True):
    r"""Draw the sheet, a PIL image.

    spread True: one picture a person, the views taken in turn; False: every view of each.
    """
    model, rng = FaceModel(), np.random.default_rng(seed)
    names, rows = list(VIEWS), []
    for k in range(people):
        person = sample_person(rng)
        shown = [names[0], names[1 + k % (len(names) - 1)]] if spread else names
        motion = np.stack([view_motion(person, VIEWS[name]) for name in shown])
        image = render(model, person.coefficients(motion), person).image
        rows += [(f"{k + 1}: {name}", _picture(row, size)) for name, row in zip(shown, image)]
    return _mount(rows, 12 if not spread else 8, size)


def _picture(image, size):
    """A PIL image of a tensor (3, H, W)."""
    values = (image.permute(1, 2, 0).cpu().numpy() * 255 + 0.5).astype(np.uint8)
    return Image.fromarray(values).resize((size, size), Image.LANCZOS)


def _mount(pictures, columns, size, caption=14):
    """Pictures with captions on a grid."""
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * (size + 4) + 4, rows * (size + caption + 4) + 4), "white")
    pen = ImageDraw.Draw(sheet)
    for k, (text, picture) in enumerate(pictures):
        left, top = 4 + k % columns * (size + 4), 4 + k // columns * (size + caption + 4)
        sheet.paste(picture, (left, top))
        pen.text((left + 2, top + size + 1), text, fill="black")
    return sheet


def main():
    r"""Write the sheet that the command line asks for."""
    parser = argparse.ArgumentParser(description="A contact sheet of synthetic people.")
    parser.add_argument("--out", default="people.png", help="file to write (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the people (%(default)s)")
    parser.add_argument("--people", type=int, default=24, help="how many (%(default)s)")
    parser.add_argument("--size", type=int, default=160, help="side of a picture (%(default)s)")
    parser.add_argument("--all-views", action="store_true", help="every view of every person")
    options = parser.parse_args()
    sheet = contact_sheet(options.people, options.seed, options.size, not options.all_views)
    sheet.save(options.out)
    print(f"{options.people} people: {options.out}")


if __name__ == "__main__":
    main()
