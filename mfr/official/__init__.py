r"""Networks that load published weights which a user may bring; nothing here is needed.

`load(kind, path)` gives a network that stands in for ours; `python -m mfr.official` lists them.
"""

from mfr.official.registry import REGISTRY, expected, load

__all__ = ["REGISTRY", "expected", "load"]
