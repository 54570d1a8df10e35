r"""Table 3's study with people: videos.py renders, study.py makes the blind page, tally.py counts.

`python -m data_tools.user_study` is the command of all three.
"""
