r"""Colours, empty sheets and files of the figures; matplotlib is loaded only when one is drawn."""

from mfr.files.whole import atomic

INK = {"positive": "#2a7f62", "neutral": "#3b6ea5", "negative": "#b4443c"}
SAMPLES = ("#1f5fae", "#e08a00", "#1d8a4e", "#c02f7a")


def save(figure, path):
    r"""Write a matplotlib figure whole or not at all."""
    with atomic(path) as temporary:
        figure.savefig(temporary, dpi=110, bbox_inches="tight", metadata={"Software": None})


def sheet(rows, columns, width, height):
    r"""An empty figure of width x height inches without a window, and its array of axes.

    No axes for 0 rows.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, squeeze=False) if rows else None


def tidy(axis, title, below="s"):
    r"""Small title and numbers, no box; `below` labels the horizontal axis."""
    axis.set_title(title, fontsize=9)
    axis.set_xlabel(below, fontsize=8)
    axis.tick_params(labelsize=7)
    axis.spines[["top", "right"]].set_visible(False)
