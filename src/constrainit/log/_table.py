"""The records of a log as a table in a file, some thousand at a time."""

import contextlib
import csv
import sqlite3
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from constrainit._files import whole
from constrainit.log._reading import blocks
from constrainit.log._storage import COLUMNS, Weight, records

_HEADER = ("weight", "step", *COLUMNS)

_ROWS = 100_000
"""Records that are written at once: of small groups of rows a Parquet file gets much larger."""


def write_csv(target: Path, database: sqlite3.Connection, held: Mapping[int, Weight]) -> int:
    """Writes a row for each record, weight by weight, empty where there is no number.

    Python takes 0.5 µs to write a number out so that it is read as the same; pyarrow, where it is
    installed, a sixth of that.

    Returns:
        How many records there were.
    """
    if find_spec("pyarrow") is None:
        return _write_rows(target, database, held)
    import pyarrow.csv

    with whole(target) as beside, beside.open("wb") as stream:
        stream.write(f"{','.join(_HEADER)}\n".encode())
        options = pyarrow.csv.WriteOptions(include_header=False, quoting_style="needed")
        return _write_tables(
            lambda schema: pyarrow.csv.CSVWriter(stream, schema, write_options=options),
            _tables(database, held, pyarrow.string()),
        )


def write_parquet(target: Path, database: sqlite3.Connection, held: Mapping[int, Weight]) -> int:
    """The same as Parquet, which pandas reads as `WeightLog.read` gives it, weight by weight.

    Raises:
        ImportError: pyarrow is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise ImportError("--parquet needs pyarrow: pip install pandas pyarrow.") from None
    kind = pyarrow.dictionary(pyarrow.int32(), pyarrow.string())
    with whole(target) as beside:
        return _write_tables(
            lambda schema: pyarrow.parquet.ParquetWriter(beside, schema),
            _tables(database, held, kind),
        )


def _write_rows(target, database, held):
    count = 0
    with whole(target) as beside, beside.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(_HEADER)
        for id_, weight in held.items():
            for row in records(database, id_):
                writer.writerow((weight.path, *row))
                count += 1
    return count


def _write_tables(make, tables):
    count = 0
    with contextlib.ExitStack() as stack:
        writer = None
        for table in tables:
            writer = writer or stack.enter_context(make(table.schema))
            writer.write_table(table)
            count += len(table)
    return count


def _tables(database, held, kind) -> Iterator[Any]:
    """All records as tables of some size, at least one."""
    import pyarrow

    paths = [weight.path for weight in held.values()]
    types = [kind, pyarrow.int64(), *[pyarrow.float64()] * len(COLUMNS)]
    schema = pyarrow.schema([*zip(_HEADER, types, strict=True)])
    waiting, count = [], 0
    for place, block in blocks(database, held):
        codes = pyarrow.array(np.full(block.shape[1], place, "int32"))
        weight = pyarrow.DictionaryArray.from_arrays(codes, pyarrow.array(paths))
        # What is no number is missing.
        numbers = [pyarrow.array(column, from_pandas=True) for column in block[1:]]
        columns = [weight.cast(kind), pyarrow.array(block[0].astype("int64")), *numbers]
        waiting.append(pyarrow.RecordBatch.from_arrays(columns, schema=schema))
        count += block.shape[1]
        if count >= _ROWS:
            yield pyarrow.Table.from_batches(waiting, schema)
            waiting, count = [], 0
    yield pyarrow.Table.from_batches(waiting, schema)
