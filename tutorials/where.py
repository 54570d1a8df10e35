r"""Where a chapter is in the paper's Fig. 2: one small picture for the head of each.

python -m tutorials.where       draws figures/where_NN.png for every chapter
"""

import io
from pathlib import Path

from PIL import Image

BOXES = {  # name: (x, y, width, height, words)
    "sound": (0, 3.2, 1.9, 0.8, "speaker's sound"),
    "video": (0, 2.0, 1.9, 0.8, "speaker's video"),
    "picture": (0, 0.8, 1.9, 0.8, "listener's picture"),
    "attitude": (0, -0.4, 1.9, 0.8, "attitude"),
    "features": (2.5, 3.2, 1.6, 0.8, "45 numbers"),
    "face": (2.5, 2.0, 1.6, 0.8, "70 numbers"),
    "identity": (2.5, 0.8, 1.6, 0.8, "identity V"),
    "predictor": (4.8, 0.2, 2.0, 3.8, ""),
    "fam": (4.95, 2.5, 1.7, 1.3, "Feature\nAggregation\nModule"),
    "attention": (4.95, 1.4, 1.7, 0.8, "attention"),
    "loss": (4.95, 0.4, 1.7, 0.8, "noise, loss"),
    "forward": (7.4, 3.2, 1.9, 0.8, "motion → noise"),
    "chain": (7.4, 1.8, 1.9, 0.9, "noise → motion"),
    "clips": (7.4, 0.4, 1.9, 0.9, "windows → clip"),
    "motion": (9.9, 1.0, 1.5, 1.0, "70 numbers\na frame"),
    "renderer": (12.0, 1.0, 1.5, 1.0, "renderer"),
    "out": (14.1, 1.0, 1.5, 1.0, "listener's\nvideo"),
}
ARROWS = [  # (from, to)
    ((1.9, 3.6), (2.5, 3.6)),
    ((1.9, 2.4), (2.5, 2.4)),
    ((1.9, 1.2), (2.5, 1.2)),
    ((4.1, 3.5), (4.8, 3.5)),
    ((4.1, 2.4), (4.8, 2.4)),
    ((4.1, 1.2), (4.8, 1.2)),
    ((1.9, 0.0), (4.8, 0.5)),
    ((7.4, 3.6), (6.8, 3.6)),
    ((6.8, 2.25), (7.4, 2.25)),
    ((8.35, 1.8), (8.35, 1.3)),
    ((9.3, 0.9), (9.9, 1.4)),
    ((11.4, 1.5), (12.0, 1.5)),
    ((13.5, 1.5), (14.1, 1.5)),
]
CHAPTERS = {
    "01": ("sound", "features"),
    "02": ("video", "face", "motion"),
    "03": ("forward",),
    "04": ("loss", "forward"),
    "05": ("chain",),
    "06": ("attention",),
    "07": ("fam", "attitude", "identity", "features", "face"),
    "08": ("clips",),
    "09": ("motion", "renderer", "out", "picture"),
    "00": ("sound", "video", "picture", "attitude", "fam", "chain", "motion", "renderer", "out"),
    "10": ("loss", "fam", "forward"),
    "11": ("motion", "out"),
    "12": ("sound", "video", "picture", "attitude", "out"),
    "13": ("sound", "features", "video", "face", "clips", "motion", "renderer", "out"),
    "14": ("fam", "loss", "chain", "clips"),
    "15": ("sound", "video", "picture", "attitude", "face", "features", "motion", "out"),
}


def draw(chapter, file):
    r"""The figure with a chapter's boxes in colour."""
    import matplotlib.pyplot as plt
    from matplotlib.patches import FancyBboxPatch

    figure = plt.figure(figsize=(8, 2.5), dpi=110)
    axes = figure.add_axes((0, 0, 1, 1))
    marked = CHAPTERS[chapter]
    for name, (x, y, width, height, words) in BOXES.items():
        on = name in marked
        style = {
            "facecolor": "#1f77b4" if on else ("#fafafa" if name == "predictor" else "#eeeeee"),
            "edgecolor": "#1f77b4" if on else "#bbbbbb",
            "boxstyle": "round,pad=0,rounding_size=0.12",
        }
        axes.add_patch(FancyBboxPatch((x, y), width, height, **style))
        colour = "white" if on else "#555555"
        weight = "bold" if on else "normal"
        place = (x + width / 2, y + height / 2)
        axes.text(*place, words, color=colour, weight=weight, ha="center", va="center", fontsize=7)
    for start, end in ARROWS:
        axes.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": "#999999"})
    axes.set(xlim=(-0.2, 15.8), ylim=(-0.7, 4.4))
    axes.axis("off")
    drawn = io.BytesIO()
    figure.savefig(drawn)
    plt.close(figure)
    Image.open(drawn).convert("RGB").quantize(32).save(file, optimize=True)  # a few kB


def main():
    r"""Draw all."""
    folder = Path(__file__).parent / "figures"
    for chapter in CHAPTERS:
        draw(chapter, folder / f"where_{chapter}.png")


if __name__ == "__main__":
    main()
