r"""Networks that load published weights which a user may bring; nothing here is needed.

`load(kind, path)` gives a network that stands in for ours, `choose(part, "KIND=FILE")` what a
command line names; `python -m mfr.official` lists them.
"""

from mfr.official.registry import REGISTRY, choose, expected, load

__all__ = ["REGISTRY", "choose", "expected", "load"]
