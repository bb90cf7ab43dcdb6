"""Parquet files: columns of plain values; what nests is left out and said."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from salessim.errors import LogError
from salessim.importers.readers.packed import MOST_BYTES, Content
from salessim.importers.readers.source import CHUNK_ROWS, Columns, Source, Table, checked_header

if TYPE_CHECKING:
    import pandas as pd


def read_parquet(content: Content) -> Source:
    """The table of a Parquet file.

    Raises:
        LogError: damaged or too large.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(content.path) as file:
            schema, meta = file.schema_arrow, file.metadata
            size = sum(meta.row_group(i).total_byte_size for i in range(meta.num_row_groups))
    except (pa.ArrowException, OSError, ValueError):
        raise _damaged(content) from None
    if size > MOST_BYTES:
        raise LogError(content.place, f"it unpacks to {size >> 20:,} MiB", "export a shorter period")
    if not meta.num_rows:
        raise LogError(content.place, "there is a header but no rows", "check the period of the export")
    plain = [f.name for f in schema if not pa.types.is_nested(f.type) and not f.name.startswith("__index_level_")]
    nested = [f.name for f in schema if pa.types.is_nested(f.type)]
    names = checked_header(plain, content.place)

    def chunks(columns: Columns) -> Iterator[pd.DataFrame]:
        import pandas as pd

        wanted = list(names if columns is None else columns)
        try:
            with pq.ParquetFile(content.path) as file:
                for batch in file.iter_batches(CHUNK_ROWS, columns=wanted):
                    yield pd.DataFrame({name: _texts(batch.column(name)) for name in wanted})
        except (pa.ArrowException, OSError):
            raise _damaged(content) from None

    notes = (f"Columns that nest were left out: {', '.join(nested)}.",) if nested else ()
    return Source(content.place, {content.label: Table(names, chunks, content.place, None)}, notes)


def _damaged(content: Content) -> LogError:
    return LogError(content.place, "the Parquet file is cut short or damaged", "copy or export it again")


def _texts(column: Any) -> pd.Series:
    """A column as text: Arrow's own words, dates in ISO 8601."""
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    from salessim.importers.readers.source import text

    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_timestamp(column.type) and column.type.unit != "us":
        column = pc.cast(column, pa.timestamp("us", tz=column.type.tz), safe=False)
    if pa.types.is_timestamp(column.type) or pa.types.is_integer(column.type) or pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return pc.fill_null(pc.cast(column, pa.large_string()), "").to_pandas().astype("str")
    return pd.Series([text(v) for v in column.to_pylist()], dtype="str")
