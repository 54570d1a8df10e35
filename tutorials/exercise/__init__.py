r"""Functions of the paper that a reader writes anew, to be judged by this project's tests.

python -m tutorials.exercise                list them
python -m tutorials.exercise 06             write skeletons of chapter 6 here
python -m pytest tests/motion/test_attention.py --mine attention=my_attention.py
"""
