r"""What the one loop of train_mfr.py drives: a file a stage.

`stage` is what all share, `stages` the list of them, `batches` what they draw from; `averaging`
keeps the averaged weights, `checkpoint` the files.
"""
