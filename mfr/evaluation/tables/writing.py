r"""A table as rows of values, and what it looks like as Markdown and as CSV."""

import csv
import io
import math
from typing import NamedTuple

ARROWS = {"down": " ↓", "up": " ↑", "one": " → 1", "": ""}


class Column(NamedTuple):
    r"""One column of numbers."""

    name: str
    digits: int = 2
    better: str = ""  # down | up | one: which of the ranked rows is printed in bold
    errors: bool = False  # whether Markdown shows the standard error


class Row(NamedTuple):
    r"""One row: what it is about, then a Value or None a column."""

    head: tuple  # of str, as many as the table's heads; the last may name a set
    cells: list
    ranked: bool = True  # the oracle, real motion and printed numbers are not


class Table(NamedTuple):
    r"""A titled table with remarks."""

    key: str  # for the CSV
    title: str
    heads: tuple  # names of the first columns
    columns: list
    rows: list
    notes: list


def to_markdown(table):
    r"""The table with padded columns, so that it reads as plain text too.

    The best ranked value of a column is bold, among the rows whose last heads are equal where the
    table has two heads.
    """
    best = best_cells(table)
    lines = [[*table.heads, *(c.name + ARROWS[c.better] for c in table.columns)]]
    for i, row in enumerate(table.rows):
        cells = [to_text(value, column) for value, column in zip(row.cells, table.columns)]
        cells = [f"**{text}**" if (i, j) in best else text for j, text in enumerate(cells)]
        lines.append([*row.head, *cells])
    widths = [max(len(line[k]) for line in lines) for k in range(len(lines[0]))]
    heads = len(table.heads)
    rule = ["-" * w if k < heads else "-" * (w - 1) + ":" for k, w in enumerate(widths)]
    lines.insert(1, rule)
    text = f"### {table.title}\n\n"
    for line in lines:
        cells = (
            c.ljust(w) if k < heads else c.rjust(w) for k, (c, w) in enumerate(zip(line, widths))
        )
        text += "| " + " | ".join(cells) + " |\n"
    if table.notes:
        text += "\n" + "".join(f"* {note}\n" for note in table.notes)
    return text


def to_text(value, column):
    r"""A cell: "3.71", "3.71 ± 0.02", or a dash where there is no number."""
    if value is None or math.isnan(value.mean):
        return "–"
    text = f"{value.mean:.{column.digits}f}"
    if column.errors and not math.isnan(value.error):
        text += f" ± {value.error:.{column.digits}f}"
    return text


def best_cells(table):
    r"""Places (row, column) of the best values.

    "down" the least, "up" the largest, "one" the nearest to 1 in proportion; equal printed values
    share the honour. No column with fewer than two ranked values has one.
    """
    places = set()
    groups = {row.head[1:] for row in table.rows}
    for group in groups:
        rows = [i for i, row in enumerate(table.rows) if row.ranked and row.head[1:] == group]
        for j, column in enumerate(table.columns):
            ranks = {}
            for i in rows:
                value = table.rows[i].cells[j]
                if column.better and value is not None and math.isfinite(value.mean):
                    ranks[i] = rank(round(value.mean, column.digits), column.better)
            if len(ranks) > 1:
                places |= {(i, j) for i, r in ranks.items() if r == min(ranks.values())}
    return places


def rank(value, better):
    r"""A number that is least for the best value."""
    if better == "one":
        return abs(math.log(value)) if value > 0 else math.inf
    return value if better == "down" else -value


def to_csv(tables):
    r"""Every number of every table, one a line, unrounded."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("table", "method", "set", "metric", "value", "standard_error", "clips"))
    for table in tables:
        for row in table.rows:
            head = (*row.head, "")[:2]
            for value, column in zip(row.cells, table.columns):
                if value is None or math.isnan(value.mean):
                    continue
                error = "" if math.isnan(value.error) else f"{value.error:.6g}"
                writer.writerow(
                    (table.key, *head, column.name, f"{value.mean:.6g}", error, value.clips or "")
                )
    return out.getvalue()
