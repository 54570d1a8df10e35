r"""python -m data_tools.prepare_vico"""

from data_tools.prepare_vico.prepare import main
from mfr.files.whole import command

if __name__ == "__main__":
    command(main)
