r"""Tables 1, 2 and 4 of the paper and ours beside them, what they say, and what is published.

`python -m mfr.evaluation.tables` is the one command; report.py runs it from runs to README.
"""
