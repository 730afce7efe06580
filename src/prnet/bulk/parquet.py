"""Parquet files of images: what their columns hold, and rows of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, Final

from prnet.errors import BrokenInputError, PrnetError, missing, reason_of

ROWS_AT_ONCE: Final = 16
PATIENCE: Final = 60
"""Seconds in which gs:// has to answer; pyarrow's own are 900, without a word."""


def import_pyarrow() -> Any:
    """pyarrow; PrnetError where it is not installed."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise missing("the package 'pyarrow' for Parquet files", "bulk", error) from error
    return pyarrow


def count_rows(path: str, image: str, key: str | None) -> int:
    """Rows of a file whose columns are those. Raises PrnetError."""
    pa = import_pyarrow()
    try:
        with pa.parquet.ParquetFile(path) as file:
            names = file.schema_arrow.names
            kind = file.schema_arrow.field(image).type if image in names else None
            if kind is not None and pa.types.is_dictionary(kind):
                kind = kind.value_type
            rows = int(file.metadata.num_rows)
    except (OSError, pa.ArrowException) as error:
        raise PrnetError(f"{path}: expected a Parquet file, got: {reason_of(error)}") from error
    for name, option in ((image, "image"), (key, "key")):
        if name is not None and name not in names:
            raise PrnetError(
                f"{path}: expected a column '{name}' (Columns, --{option}-column), got "
                f"{', '.join(names)}"
            )
    types = pa.types
    fits = types.is_binary, types.is_large_binary, types.is_string, types.is_large_string
    if not any(is_one(kind) for is_one in (*fits, types.is_struct)):
        raise PrnetError(f"{path}: expected a column '{image}' of bytes, paths or both, got {kind}")
    return rows


def read_rows(
    path: str, image: str, key: str | None, first: int, count: int
) -> Iterator[tuple[int, str | None, str | bytes | PrnetError | None]]:
    """Number, key and image, bytes or a path, of ``count`` rows from row ``first``; paths are
    relative to the file's folder. A row that cannot be read is one with a BrokenInputError; those
    of the next row group can be. Raises what pyarrow raises when the file cannot be opened."""
    pa = import_pyarrow()
    columns = [name for name in (image, key) if name is not None]
    with pa.parquet.ParquetFile(path) as file:
        end = 0
        for group in range(file.metadata.num_row_groups):
            begin, end = end, end + file.metadata.row_group(group).num_rows
            row, last = max(first, begin), min(first + count, end) - 1
            if row > last:
                continue
            try:
                for values in _rows_of(file, group, columns, row - begin, last - begin):
                    name = values[key] if key else None
                    source = image_source(values[image], os.path.dirname(path))
                    yield row, None if name is None else str(name), source
                    row += 1
            except Exception as error:  # pyarrow raises anything on damaged files
                broken = BrokenInputError(
                    f"{path}: expected all of it, got rows {row} to {last} that cannot be read "
                    f"({reason_of(error)})"
                )
                yield from ((number, None, broken) for number in range(row, last + 1))


def _rows_of(
    file: Any, group: int, columns: list[str], first: int, last: int
) -> Iterator[dict[str, Any]]:
    """Rows ``first`` to ``last`` of a row group."""
    row = 0
    for batch in file.iter_batches(ROWS_AT_ONCE, row_groups=[group], columns=columns):
        low, high = max(first - row, 0), min(last + 1 - row, batch.num_rows)
        if low < high:
            yield from batch.slice(low, high - low).to_pylist()
        row += batch.num_rows
        if row > last:
            return


def image_source(value: Any, folder: str) -> str | bytes | None:
    """A file's bytes, or its path: paths are relative to ``folder``, addresses stay."""
    if isinstance(value, dict):
        value = value.get("bytes") or value.get("path")
    if isinstance(value, str) and "://" not in value:
        return os.path.join(folder, value)
    return value if isinstance(value, str | bytes) else None


def read_address(address: str) -> bytes:
    """A file on any file system that pyarrow knows: s3://, gs://, hdfs://, file://. PrnetError."""
    pa = import_pyarrow()
    try:
        import pyarrow.fs

        limited = address.startswith(("gs://", "gcs://")) and "?" not in address
        limit = f"?retry_limit_seconds={PATIENCE}" if limited else ""
        system, path = pyarrow.fs.FileSystem.from_uri(address + limit)
        with system.open_input_stream(path) as stream:
            return bytes(stream.read())
    except (OSError, pa.ArrowException) as error:
        raise PrnetError(f"{address}: expected a file to read, got: {reason_of(error)}") from error
