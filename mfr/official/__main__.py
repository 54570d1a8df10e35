r"""python -m mfr.official: list the optional files, or check those that are given."""

import argparse
from math import prod

from mfr.files.whole import command
from mfr.official.registry import REGISTRY, expected, load

INCEPTION = """fid
  for      the FID of mfr.evaluation
  file     inception-2015-12-05.pt, TorchScript: uint8 NCHW in, return_features=True, 2048-d out
  from     https://github.com/NVlabs/stylegan2-ada-pytorch (named in its metrics)
  licence  its publisher's
  check    none here: TorchScript is a program, run only one that you trust"""
FACE_MODEL = """bfm
  for      landmarks and colours of Deep3DFaceRecon's files: copied to FOLDER/face_model.mat,
           train_mfr.py reconstruction --data FOLDER
  file     BFM_model_front.mat, as Deep3DFaceRecon makes it
  from     https://github.com/sicxu/Deep3DFaceRecon_pytorch, from the Basel Face Model 2009
  licence  the Basel Face Model's own: not for commercial use
  holds    meanshape (1, 3 V), idBase (3 V, 80), exBase (3 V, 64), meantex (1, 3 V),
           texBase (3 V, 80), tri (F, 3), keypoints (1, 68); V points
  check    python -m data_tools.inspect_data BFM_model_front.mat"""


def describe(kind):
    r"""What one file is for and what it must hold, in eight lines."""
    entry, shapes = REGISTRY[kind], expected(kind)
    names = list(shapes)
    lines = [
        kind,
        f"  for      {entry.purpose}",
        f"  file     {entry.file}",
        f"  from     {entry.source}",
        f"  licence  {entry.licence}",
        f"  holds    {_size(shapes)}",
        f"  names    {_line(names[0], shapes)} ... {_line(names[-1], shapes)}",
        f"  check    python -m mfr.official --{kind} FILE (all names: --names {kind})",
    ]
    return "\n".join(lines)


def _size(shapes):
    """Number of entries and of numbers."""
    return f"{len(shapes)} entries, {sum(map(prod, shapes.values())):,} numbers"


def _line(name, shapes):
    """One name with its shape."""
    return f"{name} {shapes[name]}"


def main(arguments=None):
    r"""The command line; a given file that does not fit ends it with a ValueError that names it."""
    parser = argparse.ArgumentParser(
        prog="python -m mfr.official", description=__doc__, allow_abbrev=False
    )
    parser.add_argument("--names", metavar="KIND", choices=REGISTRY, help="every name and shape")
    for kind, entry in REGISTRY.items():
        parser.add_argument(f"--{kind}", metavar="FILE", help=f"check this file: {entry.purpose}")
    options = vars(parser.parse_args(arguments))
    kind = options.pop("names")
    if kind:
        shapes = expected(kind)
        print("\n".join(_line(name, shapes) for name in shapes))
    given = {name: path for name, path in options.items() if path is not None}
    for name, path in given.items():
        source = load(name, path).source
        print(f"{name:<10}  ok  {path}: {source}; {_size(expected(name))}")
    if not kind and not given:
        print("\n\n".join([*map(describe, REGISTRY), FACE_MODEL, INCEPTION]))


if __name__ == "__main__":
    command(main)
