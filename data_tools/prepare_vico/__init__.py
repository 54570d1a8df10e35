r"""A ViCo release on your disk -> the folder that training and tables read.

table.py understands the releases' tables, files.py converts one file, prepare.py is the command
`python -m data_tools.prepare_vico`.
"""
