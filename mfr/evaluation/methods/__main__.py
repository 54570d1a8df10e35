r"""python -m mfr.evaluation.methods"""

from mfr.evaluation.methods.training import main
from mfr.files.whole import command

if __name__ == "__main__":
    command(main)
