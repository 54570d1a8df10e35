r"""Who answers best? metrics <- methods <- scoring <- figures, tables: each room knows those before.

Nothing in the model, its training or its sampling needs this folder.
"""
