r"""Who answers best? metrics <- methods <- scoring <- figures <- tables.

Each room knows those before it. Nothing in the model, its training or its sampling needs this
folder.
"""
