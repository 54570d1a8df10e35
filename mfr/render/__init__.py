r"""Sec. 3.3: a portrait and 70 numbers become a frame.

`head` says where points of a head are seen, `layers` takes a portrait apart, `renderer` moves and
paints it, `losses` teach it.
"""

from mfr.render.renderer import Renderer

__all__ = ["Renderer"]
