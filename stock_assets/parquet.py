"""Reading Parquet in the calling thread. Arrow's own threads are kept out of it.

`pyarrow.parquet.read_table`, which pandas calls too, reads ahead in threads of Arrow's, and they let go of what they
read when they please. One that lets go of a Python object while the interpreter is ending aborts the process: a
command that had done its work then ended with SIGABRT, about one time in forty.
"""

from __future__ import annotations

from typing import BinaryIO

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq


def arrow_table(file: BinaryIO) -> pa.Table:
    """The file's table with its schema's metadata; ``pyarrow.ArrowException`` or `OSError` if it is damaged."""
    return pq.ParquetFile(file, pre_buffer=False).read(use_threads=False)


def frame(file: BinaryIO) -> pd.DataFrame:
    """The file's table for pandas; errors as for `arrow_table`."""
    table: pd.DataFrame = arrow_table(file).to_pandas(use_threads=False)
    return table
