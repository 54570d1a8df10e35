r"""Methods answer held-out clips, and their responses become numbers with errors.

world.py holds what they are judged against, responses.py draws and keeps their answers, scores.py
counts, judges.py and attitude_classifier.py are the networks that look on.
"""

from mfr.evaluation.scoring.judges import Judges, load_hopenet, load_inception
from mfr.evaluation.scoring.responses import Drawn, HeldOut, file_name
from mfr.evaluation.scoring.scores import Scored, Value
from mfr.evaluation.scoring.world import (
    ORACLE,
    World,
    read_world,
    reference_rows,
    score_all,
)

__all__ = [
    "ORACLE",
    "Drawn",
    "HeldOut",
    "Judges",
    "Scored",
    "Value",
    "World",
    "file_name",
    "load_hopenet",
    "load_inception",
    "read_world",
    "reference_rows",
    "score_all",
]
