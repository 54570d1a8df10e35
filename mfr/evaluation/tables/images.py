r"""Table 2: quality of frames, on the held-out clips of which pictures are at hand.

Two readings. Self-reenactment asks the renderer alone: one picture of a person, the true
coefficients of another moment, the true frame. The paper's Table 2 asks the whole system: the
coefficients are generated, so that SSIM and PSNR fall for whoever moves otherwise than on that day.
"""

from typing import NamedTuple

import numpy as np
import torch

from mfr.evaluation import metrics
from mfr.evaluation.methods import to_images, windows_at
from mfr.evaluation.scoring.judges import features
from mfr.evaluation.scoring.scores import (
    NAN,
    Value,
    over_clips,
    over_samples,
    standard_error,
)
from mfr.evaluation.tables import printed
from mfr.evaluation.tables.writing import Column, Row, Table
from mfr.face.coefficients import load_mat, to_motion
from mfr.files.vico import some_frames

PER_VIDEO = 15  # frames of a video without stills


class Pictures(NamedTuple):
    r"""What a clip shows of its listener."""

    clip: int  # its number among the held-out ones
    portrait: torch.Tensor  # (3, 256, 256) in [0, 1], the first picture
    reference: torch.Tensor  # (70,), its coefficients
    motion: np.ndarray  # (L, 70), the truth
    index: torch.Tensor  # (N,) frames of the other pictures
    real: np.ndarray  # uint8 (N, 256, 256, 3)


def read_pictures(clips):
    r"""Pictures of the held-out listeners; clips with a single picture are left out."""
    pictures = []
    for number, clip in enumerate(clips):
        motion = to_motion(load_mat(clip.listener_mat)[0])
        shown, index = some_frames(clip.listener, len(motion), PER_VIDEO)
        if len(index) < 2:
            continue
        reference = torch.as_tensor(motion[index[0]], dtype=torch.float32)
        pictures.append(
            Pictures(
                number,
                to_images(shown[:1])[0],
                reference,
                motion,
                torch.as_tensor(index[1:]),
                shown[1:],
            )
        )
    return pictures


class ImageScores:
    r"""Frame by frame numbers of one row, gathered over clips."""

    def __init__(self, judges):
        self.judges = judges
        self.values = {name: [] for name in ("ssim", "cpbd", "psnr", "csim", "id_distance")}
        self.pairs = {"frechet": [], "fid": []}  # (generated, real) features, a clip each
        self.liveliness = []  # diversity over frames by Hopenet, a clip each

    def add(self, generated, real):
        r"""Score frames of a clip: (N, 3, 256, 256) in [0, 1] against bytes (N, 256, 256, 3)."""
        self.values["ssim"].append(metrics.ssim(generated, real))
        self.values["psnr"].append(metrics.psnr(generated, real))
        self.values["cpbd"].append(metrics.cpbd(generated))
        true = to_images(real)
        ours, theirs = (features(self.judges.V, images) for images in (generated, true))
        self.values["csim"].append(metrics.csim(ours, theirs))
        self.values["id_distance"].append(metrics.id_distance(ours, theirs))
        self.pairs["frechet"].append((ours, theirs))
        if self.judges.inception:
            both = tuple(features(self.judges.inception, images) for images in (generated, true))
            self.pairs["fid"].append(both)
        if self.judges.hopenet:
            rows = features(self.judges.hopenet, generated)
            self.liveliness.append(metrics.diversity_frames(rows))

    def value(self, name):
        r"""Mean over all frames of all clips; the error takes a clip's mean as one draw.

        `name` is one of COLUMNS; NaN without the network that it wants.
        """
        if name == "hopenet":
            return over_clips(self.liveliness)
        if name in self.pairs:
            return self._frechet(self.pairs[name])
        of_clip = [x.mean() for x in self.values[name]]
        error = standard_error(of_clip) if len(of_clip) > 1 else NAN
        return Value(float(np.concatenate(self.values[name]).mean()), error, len(of_clip))

    def _frechet(self, pairs):
        """All frames of all clips in one set."""
        if sum(len(ours) for ours, _ in pairs) < 2:
            return Value(NAN)
        ours, theirs = (np.concatenate(rows) for rows in zip(*pairs))
        return Value(metrics.frechet_distance(ours, theirs), NAN, len(pairs))


COLUMNS = {
    "ssim": Column("SSIM", 4, "up", True),
    "cpbd": Column("CPBD", 3, "up"),
    "psnr": Column("PSNR [dB]", 2, "up", True),
    "frechet": Column("Frechet(V)", 4, "down"),
    "fid": Column("FID", 2, "down"),
    "csim": Column("CSIM", 4, "up"),
    "id_distance": Column("1 - CSIM", 4, "down", True),
    "hopenet": Column("diversity [Hopenet]", 4, "up"),
}


def names_of(judges, moving=True):
    r"""Those of COLUMNS that the judges can give.

    `moving`: the frames of a clip follow a response, so that its liveliness counts.
    """
    missing = set() if judges.inception else {"fid"}
    missing |= set() if judges.hopenet and moving else {"hopenet"}
    return [name for name in COLUMNS if name not in missing]


def who_judged(judges, name_of_V):
    r"""Which networks the numbers come from, in a sentence."""
    inception = "the Inception of --inception" if judges.inception else "none (no --inception)"
    hopenet = "the Hopenet of --hopenet" if judges.hopenet else "none (no --hopenet): angles alone"
    return (
        f"Features: CSIM and Frechet(V) of {name_of_V}; FID of {inception}; diversity of "
        f"{hopenet}. A number of one network means nothing beside another's."
    )


def reenactment_table(painters, pictures, judges, name_of_V):
    r"""Each renderer on true coefficients: the renderer alone.

    Returns:
        (Table, dict name -> id_distance Value).
    """
    rows, distances, names = [], {}, names_of(judges, moving=False)
    for painter in painters:
        scores = ImageScores(judges)
        for shown in pictures:
            windows = windows_at(shown.motion, shown.index, painter.window)
            scores.add(painter.paint(shown.portrait, shown.reference, windows), shown.real)
        rows.append(Row((painter.name,), [scores.value(name) for name in names]))
        distances[painter.name] = scores.value("id_distance")
    frames = sum(len(shown.index) for shown in pictures)
    notes = [
        f"{frames} frames of {len(pictures)} clips, each from the clip's first picture and the "
        "true coefficients. Renderers are trained against this V or one like it, so that CSIM "
        "flatters all of them alike.",
        who_judged(judges, name_of_V),
    ]
    return Table(
        "table 2 renderer",
        "Table 2, renderer alone: self-reenactment",
        ("renderer",),
        [COLUMNS[name] for name in names],
        rows,
        notes,
    ), distances


def response_table(
    painter, pictures, drawn, scored, judges, name_of_V, on_vico=False, repaired=None
):
    r"""Each method's first response, rendered, against the true frames: Table 2.

    `scored` fills the last column, `repaired` paints PCHG's rows.

    Returns:
        (Table, dict name -> id_distance Value, dict name -> Hopenet's diversity Value).
    """
    rows, distances, liveliness, names = [], {}, {}, names_of(judges)
    for method in scored:
        scores = ImageScores(judges)
        chosen = painter_of(method.name, painter, repaired)
        for shown in pictures:
            motion = drawn[method.name].motion[shown.clip][0]
            index = shown.index[shown.index < len(motion)]
            windows = windows_at(motion, index, chosen.window)
            images = chosen.paint(shown.portrait, shown.reference, windows)
            scores.add(images, shown.real[: len(index)])
        distances[method.name] = scores.value("id_distance")
        liveliness[method.name] = scores.value("hopenet")
        cells = [scores.value(name) for name in names]
        rows.append(Row((method.name,), [*cells, over_samples(method.frames)]))
    rows += _printed_rows(names) if on_vico else []
    notes = [
        f"Rendered by: {painter.name}; D_test and D_ood together, first sample of each clip.",
        who_judged(judges, name_of_V),
    ]
    if repaired:
        notes.append(
            "PCHG's rows keep the portrait's background, as that system does; its median runs over "
            "the pictures at hand, which are not neighbours in time."
        )
    notes += printed.MISPRINTS["Table 2"] if on_vico else ()
    columns = [*(COLUMNS[name] for name in names), Column("diversity [rad]", 4, "up")]
    return (
        Table("table 2", "Table 2: rendered responses", ("method",), columns, rows, notes),
        distances,
        liveliness,
    )


def _printed_rows(names):
    """The paper's rows; its FID and diversity only where the same networks judge ours."""
    rows = []
    for name, (ssim, cpbd, psnr, fid, distance, diversity) in printed.TABLE_2.items():
        cells_of = {
            "ssim": ssim,
            "cpbd": cpbd,
            "psnr": psnr,
            "fid": fid,
            "csim": 1 - distance,
            "id_distance": distance,
            "hopenet": diversity,
        }
        cells = [Value(cells_of[key]) if key in cells_of else None for key in names]
        rows.append(Row((f"{name}, as printed",), [*cells, None], False))
    return rows


def painter_of(name, painter, repaired):
    r"""Who renders a method's responses: PCHG's are repaired where that can be."""
    return repaired if repaired and name.startswith("PCHG") else painter
