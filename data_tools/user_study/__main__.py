r"""python -m data_tools.user_study"""

from data_tools.user_study.study import main
from mfr.files.whole import command

if __name__ == "__main__":
    command(main)
