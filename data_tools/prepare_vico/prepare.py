r"""From a ViCo release on your disk to the folder that training and tables read.

    python -m data_tools.prepare_vico vico_download --out data/vico_real --recons my_deep3d_mats
    python -m data_tools.prepare_vico vico_download --out data/vico_real --reconstruct

Nothing is fetched: SOURCE is what you have unpacked. Videos become 256x256 at 30 fps (linked where
they are), sounds .wav, Deep3DFaceRecon's .mat files 30 rows a second. The release holds no
coefficients: bring them (--recons, or anywhere below SOURCE), or let the reconstruction net make
them. Rows that lack a file are left out and named; with --check nothing is written.
"""

import csv
import sys
from collections import Counter
from pathlib import Path

from data_tools.inspect_data import inspect_folder
from data_tools.prepare_vico import files
from data_tools.prepare_vico.table import CHALLENGE, ROLES, read_release
from mfr.face.coefficients import load_mat
from mfr.files import media
from mfr.files.vico import COLUMNS
from mfr.files.whole import atomic, command_line

SHOWN = 20  # problems printed


def missing_of(row, release, reconstruct):
    r"""Which files a row lacks, as "kind name".

    A missing sound may still be in the speaker's video, which is looked at here.
    """
    lacks = [
        f"video {getattr(row, role)}"
        for role in ROLES
        if getattr(row, role) not in release.files["video"]
    ]
    if not reconstruct:
        lacks += [
            f"coefficients {getattr(row, role)}"
            for role in ROLES
            if getattr(row, role) not in release.files["coefficients"]
        ]
    speaker = release.files["video"].get(row.speaker)
    silent = row.audio not in release.files["sound"]
    if silent and (speaker is None or not media.probe(speaker).has_sound):
        lacks.append(f"sound {row.audio}")
    return lacks


def report(release, reconstruct):
    r"""What is there and what is missing: (lines, rows that have all their files, problems)."""
    rows, names = release.rows, {}
    names["video"] = {getattr(row, role) for row in rows for role in ROLES}
    names["coefficients"], names["sound"] = names["video"], {row.audio for row in rows}
    tables = ", ".join(str(path) for path in release.tables)
    lines = [f"table     {tables}: {len(rows)} usable rows, {release.kind} release"]
    for kind, wanted in names.items():
        count = len(wanted & set(release.files[kind]))
        remark = ""
        if kind == "coefficients" and count < len(wanted):
            remark = (
                "; the rest will be reconstructed"
                if reconstruct
                else "; the release has none: --recons FOLDER or --reconstruct"
            )
        lines.append(
            f"{kind + 's' if kind != 'coefficients' else 'coeffs':10}"
            f"{count} of {len(wanted)} found{remark}"
        )
    for title, values in (
        ("splits", [r.split for r in rows]),
        ("attitudes", [r.attitude or "unknown" for r in rows]),
    ):
        counted = ", ".join(f"{k} {n}" for k, n in sorted(Counter(values).items()))
        lines.append(f"{title:10}{counted}")
    problems, complete = list(release.problems), []
    for row in rows:
        lacks = missing_of(row, release, reconstruct)
        problems += [f"{row.place}: no {what}" for what in lacks]
        if not lacks:
            complete.append(row)
    lines.append(f"complete  {len(complete)} rows")
    return lines, complete, problems


def convert_row(row, release, out, net=None, frame_camera=False):
    r"""Bring one row's files into place.

    `net` reconstructs videos without a .mat; `frame_camera` changes trans to our frames' camera.

    Raises:
        ValueError: a file cannot be read, or there are no coefficients and no net.
    """
    for name in (row.listener, row.speaker):
        source = release.files["video"][name]
        video, mat = files.target_paths(out, name)
        info = media.probe(source)
        given, box = release.files["coefficients"].get(name), None
        if given is not None and info.size[0] and not files.fits(info):
            params = load_mat(given)[1]
            whole = params is not None and tuple(params[0, :2].astype(int)) == info.size
            box = files.face_box(params, info.size) if whole else None
        files.convert_video(source, video, info, box)
        if given is not None:
            files.convert_coefficients(given, mat, info, box, frame_camera)
        elif net is not None:
            files.reconstruct_video(net, video, mat)
        else:
            raise ValueError(f"{row.place}: no coefficients of {name}")
    sound = release.files["sound"].get(row.audio, release.files["video"][row.speaker])
    files.convert_sound(sound, Path(out) / "audios" / f"{row.audio}.wav")


def write_table(rows, out, attitudes):
    r"""RLD_data.csv, or train.csv where no attitude is known; gives its path."""
    path = Path(out) / ("RLD_data.csv" if attitudes else "train.csv")
    header = COLUMNS if attitudes else CHALLENGE
    with atomic(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        for row in rows:
            cells = {**row._asdict(), "data_split": row.split, "uuid": row.audio}
            writer.writerow([cells[name] for name in header])
    return path


def prepare(options):
    r"""Look, report, convert, inspect; gives the problems.

    Raises:
        ValueError: OUT is SOURCE or inside it, or nothing is complete.
    """
    source, out = Path(options.source).resolve(), Path(options.out).resolve()
    if not options.check and (out == source or source in out.parents or out in source.parents):
        raise ValueError(f"--out {options.out}: allowed: a folder apart from {options.source}")
    reconstruct = options.reconstruct is not None
    more = [options.recons] if options.recons else []
    release = read_release(options.source, options.table, more)
    lines, rows, problems = report(release, reconstruct)
    print("\n".join(lines))
    if options.check:
        return problems
    attitudes = all(row.attitude for row in rows)
    if not attitudes and any(row.split != "train" for row in rows):
        problems.append(
            "without attitudes only the training rows can be read; "
            f"{sum(r.split != 'train' for r in rows)} are left out"
        )
        rows = [row for row in rows if row.split == "train"]
    if not rows:
        _tell(problems)
        raise ValueError(f"{options.source}: no row has all its files; see the problems above")
    net = load_net(options.reconstruct) if reconstruct else None
    converted = []
    for number, row in enumerate(rows, 1):
        try:
            convert_row(row, release, out, net, options.frame_camera)
            converted.append(row)
        except ValueError as error:  # one bad file must not end a night's work
            problems.append(f"{row.place}: {' '.join(str(error).split())}")
        if number % 50 == 0 or number == len(rows):
            print(f"converted {number} of {len(rows)} rows", flush=True)
    if not converted:
        _tell(problems)
        raise ValueError(f"{options.source}: no row could be converted; see the problems above")
    table = write_table(converted, out, attitudes)
    print(f"written   {table}: {len(converted)} rows")
    _, further = inspect_folder(out)
    return problems + further


def load_net(which):
    r"""images -> (B, 257): ours for "", or Deep3DFaceRecon's from a user's deep3d=FILE."""
    from mfr import official
    from mfr.face.reconstruction import ReconstructionNet
    from mfr.pipeline import WEIGHTS
    from mfr.training import checkpoint

    if which:
        return official.choose("reconstruction", which)
    content = checkpoint.load(WEIGHTS / "reconstruction.pt", "reconstruction")
    net = ReconstructionNet(content["config"])
    checkpoint.restore(net, content["model"], WEIGHTS / "reconstruction.pt")
    print(
        "note      coefficients by the bundled net, which has seen synthetic people only; its "
        "numbers are not Basel's"
    )
    return net.eval()


def _tell(problems):
    """The first problems, and how many there are."""
    for problem in problems[:SHOWN]:
        print(f"problem: {problem}")
    if len(problems) > SHOWN:
        print(f"... and {len(problems) - SHOWN} more")
    print(f"{len(problems)} problem{'s' * (len(problems) != 1)}")


def main(arguments=None):
    r"""The command line; the exit code is 1 where there are problems."""
    options = parser().parse_args(arguments)
    problems = prepare(options)
    _tell(problems)
    if not options.check:
        print(f"next      python train_mfr.py all --data {options.out}")
    sys.exit(1 if problems else 0)


def parser():
    r"""The command line's words."""
    top = command_line("data_tools.prepare_vico", __doc__)
    top.add_argument("source", help="folder of the release, unpacked")
    top.add_argument("--out", default="data/vico_real", help="folder to write (%(default)s)")
    top.add_argument("--table", help="the release's table, where it is not found by itself")
    top.add_argument("--recons", help="folder of Deep3DFaceRecon .mat files")
    top.add_argument(
        "--reconstruct",
        nargs="?",
        const="",
        metavar="deep3d=FILE",
        help="make missing coefficients: bundled net, or FILE's",
    )
    top.add_argument(
        "--frame-camera",
        action="store_true",
        help="change trans to our frames' camera, as our renderer wants it;\n"
        "without, Table 1's FD of trans is Deep3DFaceRecon's own",
    )
    top.add_argument("--check", action="store_true", help="only say what is there and missing")
    return top
