r"""python -m mfr.evaluation.tables"""

from mfr.evaluation.tables.report import main
from mfr.files.whole import command

if __name__ == "__main__":
    command(main)
