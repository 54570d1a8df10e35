r"""Table 2: quality of frames, on the held-out clips of which pictures are at hand.

Two readings. Self-reenactment asks the renderer alone: one picture of a person, the true
coefficients of another moment, the true frame. The paper's Table 2 asks the whole system: the
coefficients are generated, so that SSIM and PSNR fall for whoever moves otherwise than on that day.
"""

from typing import NamedTuple

import numpy as np
import torch

from mfr.coefficients import load_mat, to_motion
from mfr.data import some_frames
from mfr.evaluation import metrics, printed
from mfr.evaluation.rendering import windows_at
from mfr.evaluation.scores import NAN, Value, over_samples, standard_error
from mfr.evaluation.tables_writing import Column, Row, Table

PER_VIDEO = 15  # frames of a video without stills


class Pictures(NamedTuple):
    r"""What a clip shows of its listener."""

    clip: int  # its number among the held-out ones
    portrait: torch.Tensor  # (3, 256, 256) in [0, 1], the first picture
    own: torch.Tensor  # (70,), its coefficients
    motion: np.ndarray  # (L, 70), the truth
    index: torch.Tensor  # (N,) frames of the other pictures
    real: np.ndarray  # uint8 (N, 256, 256, 3)


def read_pictures(clips):
    r"""Pictures of the held-out listeners.

    Ours.

    Args:
        clips: held-out rows.

    Returns:
        list of Pictures; clips with a single picture are left out.
    """
    found = []
    for number, clip in enumerate(clips):
        motion = to_motion(load_mat(clip.listener_mat)[0])
        shown, index = some_frames(clip.listener, len(motion), PER_VIDEO)
        if len(index) < 2:
            continue
        own = torch.as_tensor(motion[index[0]], dtype=torch.float32)
        found.append(Pictures(number, to_images(shown[:1])[0], own, motion,
                              torch.as_tensor(index[1:]), shown[1:]))  # fmt: skip
    return found


def to_images(pixels):
    r"""Bytes as the networks want them.

    Ours.

    Args:
        pixels: uint8 (N, 256, 256, 3).

    Returns:
        float32 (N, 3, 256, 256) in [0, 1].
    """
    return torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2).float() / 255


class ImageScores:
    r"""Frame by frame numbers of one row, gathered over clips.

    Ours.

    Args:
        V: IdentityNet.
    """

    def __init__(self, V):
        self.V = V
        self.values = {name: [] for name in ("ssim", "cpbd", "psnr", "csim", "id_distance")}
        self.generated, self.real = [], []

    def add(self, generated, real):
        r"""Score the frames of one clip.

        Args:
            generated: (N, 3, 256, 256) in [0, 1].
            real: uint8 (N, 256, 256, 3).
        """
        self.values["ssim"].append(metrics.ssim(generated, real))
        self.values["psnr"].append(metrics.psnr(generated, real))
        self.values["cpbd"].append(metrics.cpbd(generated))
        ours, theirs = self.vectors(generated), self.vectors(to_images(real))
        self.values["csim"].append(metrics.csim(ours, theirs))
        self.values["id_distance"].append(metrics.id_distance(ours, theirs))
        self.generated.append(ours)
        self.real.append(theirs)

    @torch.no_grad()
    def vectors(self, images):
        r"""V of every frame.

        Args:
            images: (N, 3, 256, 256) in [0, 1].

        Returns:
            (N, F) float64.
        """
        return torch.cat([self.V(part) for part in images.split(16)]).double().numpy()

    def value(self, name):
        r"""Mean over all frames of all clips; the error takes a clip's mean as one draw.

        Args:
            name: ssim | cpbd | psnr | csim | id_distance | frechet.

        Returns:
            Value.
        """
        if name == "frechet":
            rows = np.concatenate(self.generated), np.concatenate(self.real)
            enough = len(rows[0]) > 1
            return Value(metrics.frechet_distance(*rows) if enough else NAN, NAN, len(self.real))
        of_clip = [x.mean() for x in self.values[name]]
        error = standard_error(of_clip) if len(of_clip) > 1 else NAN
        return Value(float(np.concatenate(self.values[name]).mean()), error, len(of_clip))


COLUMNS = [
    Column("SSIM", 4, "up", True), Column("CPBD", 3, "up"), Column("PSNR [dB]", 2, "up", True),
    Column("Frechet(V)", 4, "down"), Column("CSIM", 4, "up"), Column("1 - CSIM", 4, "down", True),
]  # fmt: skip
NAMES = ("ssim", "cpbd", "psnr", "frechet", "csim", "id_distance")


def reenactment_table(painters, pictures, V, name_of_V):
    r"""Each renderer on true coefficients.

    Ours: the renderer alone.

    Args:
        painters: list of Painter.
        pictures: list of Pictures.
        V: IdentityNet.
        name_of_V: for the remark.

    Returns:
        Table.
    """
    rows, frames = [], sum(len(one.index) for one in pictures)
    for painter in painters:
        scores = ImageScores(V)
        for one in pictures:
            windows = windows_at(one.motion, one.index, painter.window)
            scores.add(painter.paint(one.portrait, one.own, windows), one.real)
        rows.append(Row((painter.name,), [scores.value(name) for name in NAMES]))
    notes = [
        f"{frames} frames of {len(pictures)} clips, each from the clip's first picture and the "
        f"true coefficients. V: {name_of_V}. Renderers are trained against this V or one like it, "
        "so that CSIM flatters all of them alike."
    ]
    return Table("table 2 renderer", "Table 2, renderer alone: self-reenactment", ("renderer",),
                 COLUMNS, rows, notes)  # fmt: skip


def response_table(painter, pictures, drawn, scored, V, on_vico=False, repaired=None):
    r"""Each method's first response, rendered, against the true frames.

    Paper: Table 2.

    Args:
        painter: Painter of all rows.
        pictures: list of Pictures.
        drawn: dict name -> Drawn.
        scored: list of Scored, for the last column.
        V: IdentityNet.
        on_vico: put the printed rows beside ours.
        repaired: Painter of PCHG's rows, or None.

    Returns:
        (Table, dict name -> id_distance Value).
    """
    columns = [*COLUMNS, Column("diversity [rad]", 4, "up")]
    rows, distances = [], {}
    for one in scored:
        scores = ImageScores(V)
        chosen = repaired if repaired and one.name.startswith("PCHG") else painter
        for shown in pictures:
            motion = drawn[one.name].motion[shown.clip][0]
            index = shown.index[shown.index < len(motion)]
            windows = windows_at(motion, index, chosen.window)
            images = chosen.paint(shown.portrait, shown.own, windows)
            scores.add(images, shown.real[: len(index)])
        cells = [scores.value(name) for name in NAMES]
        distances[one.name] = cells[-1]
        rows.append(Row((one.name,), [*cells, over_samples(one.frames)]))
    if on_vico:
        for name, (s, c, p, f, i, d) in printed.TABLE_2.items():
            cells = [Value(x) if x is not None else None for x in (s, c, p, f, 1 - i, i, d)]
            rows.append(Row((f"{name}, as printed",), cells, False))
    notes = [
        f"Rendered by: {painter.name}; D_test and D_ood together, first sample of each clip.",
    ]
    if repaired:
        notes.append(
            "PCHG's rows keep the portrait's background, as that system does; its median runs over "
            "the pictures at hand, which are not neighbours in time."
        )
    notes += printed.MISPRINTS["Table 2"] if on_vico else ()
    return Table("table 2", "Table 2: rendered responses", ("method",), columns, rows,
                 notes), distances  # fmt: skip
