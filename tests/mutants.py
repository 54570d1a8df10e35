r"""One-line bugs, each with the test that must fail when it is made (run by test_mutants.py).

file -> (its test file, rows of (old, new, name of the test)). `old` occurs once in the file. A bug
that no test kills is a missing test: write the test, then keep the row.
"""

MUTANTS = {}
