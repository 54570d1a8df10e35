r"""Files are written whole or not at all, and bad input ends in one line."""

import argparse
import contextlib
import os
import sys
from pathlib import Path


@contextlib.contextmanager
def atomic(path):
    r"""Write to a temporary neighbour of `path`, then move it into place; its folder is made.

    The temporary name keeps the suffix, because writers choose their format by it. Whatever goes
    wrong, `path` holds either its old content or the whole new one.

    Raises:
        OSError: the file cannot be written (a full disk, say).
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(f"{path}: cannot be written ({error.strerror})") from error
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        of = error.filename and str(error.filename)
        if error.errno is None or of not in (None, str(temporary)):  # it says which file
            raise
        raise OSError(f"{path}: cannot be written ({error.strerror})") from error
    finally:
        temporary.unlink(missing_ok=True)


def sweep(folder, name="*"):
    r"""Remove what killed writers of `name`, a pattern without suffix, have left in a folder."""
    for left in Path(folder).glob(f".{name}.*.partial*"):
        left.unlink(missing_ok=True)


def existing(path, what):
    r"""The path, if a readable, non-empty file is there; `what` names it in the message.

    Raises:
        ValueError: nothing is there, it is a folder, or it is empty.
    """
    path = Path(path)
    if not path.exists():
        raise ValueError(f"{what} {path}: no such file")
    if not path.is_file():
        raise ValueError(f"{what} {path}: is a folder; a file is needed")
    if path.stat().st_size == 0:
        raise ValueError(f"{what} {path}: is empty (0 bytes)")
    return path


def command_line(program, about):
    r"""The parser of `python -m program`; `about` is printed by --help as it stands."""
    return argparse.ArgumentParser(
        prog=f"python -m {program}",
        description=about,
        formatter_class=argparse.RawTextHelpFormatter,
    )


def command(main):
    r"""Run a command line's main function: bad input prints one line and exits with code 2.

    What it raises as ValueError or OSError is the user's to mend, anything else is ours and keeps
    its traceback.
    """
    try:
        main()
    except (ValueError, OSError) as error:
        print("error: " + " ".join(str(error).split()), file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("stopped: nothing half-written was left behind", file=sys.stderr)
        sys.exit(130)
