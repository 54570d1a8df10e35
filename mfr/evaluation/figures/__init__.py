r"""Pictures beside the tables: scores as bars, samples as curves, the paper's figures 5 to 7."""

from mfr.evaluation.figures.gallery import draw_all, to_publish

__all__ = ["draw_all", "to_publish"]
