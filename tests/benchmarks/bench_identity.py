r"""What V's vector of one portrait tells: how its owner moves, by a ridge regression on strangers.

    python -m tests.benchmarks.bench_identity --data data/hall --weights mfr/weights/identity.pt

--data is a motion set (`make_synthetic --size hall` or `motion`), of which nobody trained V: one
portrait of everybody who listens, and the six factors of each one's style in people.json. Their
logarithms are told from the standardised vectors by a ridge regression whose weight is chosen on
the people it learns from; r is between what is told of people left out, five fifths in turn, and
the truth. The limit of the style that a motion model can show is this r times the oracle's own.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from data_tools.synthetic.talk.motion import TRAITS
from mfr.files import media
from mfr.files.whole import command
from mfr.training.identity import load_identity
from tests.benchmarks.bench_renderer_quality import table

PARTS = 5  # the people are cut into
WEIGHTS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)  # of the ridge


def read(folder):
    r"""(portraits uint8 (N, 256, 256, 3), logarithms of the styles (N, 6)) of a motion set.

    Raises:
        ValueError: the folder is no motion set.
    """
    folder = Path(folder)
    people = folder / "people.json"
    if not people.exists() or not (folder / "portraits").is_dir():
        raise ValueError(f"data {folder}: no portraits and people.json; a motion set is needed")
    everybody = {one["number"]: one for one in json.loads(people.read_text())["people"]}
    paths = [path for path in sorted((folder / "portraits").iterdir()) if path.stem.isdigit()]
    pictures = np.stack([media.read_image(path) for path in paths])
    styles = [everybody[int(path.stem)]["style"] for path in paths]
    return pictures, np.log([[style[trait] for trait in TRAITS] for style in styles])


def vectors(V, pictures):
    r"""V of uint8 pictures (N, 256, 256, 3): float64 (N, identity_dim)."""
    found = []
    with torch.no_grad():
        for part in torch.from_numpy(pictures).split(32):
            found.append(V(part.permute(0, 3, 1, 2).float() / 255))
    return torch.cat(found).double().numpy()


def ridge(x, y, weight):
    r"""Coefficients (C, D) of the ridge regression of y (N, D) on x (N, C), both centred."""
    return np.linalg.solve(x.T @ x + weight * np.eye(x.shape[1]), x.T @ y)


def told(x, y, rng):
    r"""What a ridge regression of y (N, D) on x (N, C) tells of people left out: (N, D)."""
    guess, parts = np.empty_like(y), np.array_split(rng.permutation(len(x)), PARTS)
    for part in parts:
        known = np.setdiff1d(np.arange(len(x)), part)
        middle, unit, mean = x[known].mean(0), x[known].std(0) + 1e-9, y[known].mean(0)
        inputs, truth = (x - middle) / unit, y - mean
        fit, check = known[: len(known) * 4 // 5], known[len(known) * 4 // 5 :]

        def error(weight):
            away = inputs[check] @ ridge(inputs[fit], truth[fit], weight) - truth[check]
            return float((away**2).mean())

        best = min(WEIGHTS, key=error)
        guess[part] = inputs[part] @ ridge(inputs[known], truth[known], best) + mean
    return guess


def main():
    r"""The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", required=True)
    parser.add_argument("--weights", nargs="+", default=["mfr/weights/identity.pt"])
    options = parser.parse_args()
    pictures, truth = read(options.data)
    rows = []
    for path in options.weights:
        guess = told(vectors(load_identity(path), pictures), truth, np.random.default_rng(0))
        r = [np.corrcoef(guess[:, k], truth[:, k])[0, 1] for k in range(len(TRAITS))]
        rows.append([path, *(f"{value:.2f}" for value in (*r, np.mean(r)))])
    print(f"{len(pictures)} people, none of whom V was trained on\n")
    print("\n".join(table(["V", *TRAITS, "mean"], rows)))


if __name__ == "__main__":
    command(main)
