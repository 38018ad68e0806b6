"""Bars and calendars as ``.npz`` bytes: plain arrays, never a pickle, and the same bytes for the same content."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from quant.bars import Bars
from quant.errors import QuantError
from quant.sessions import SessionCalendar
from release.errors import BadRelease
from release.files import replace_synced

Arrays = dict[str, npt.NDArray[Any]]


def pack(arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """The arrays as one ``.npz``; uncompressed, so that equal arrays are equal bytes whatever the zlib."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def unpack(data: bytes, *, names: tuple[str, ...], file: str) -> Arrays:
    """The arrays `names` of an ``.npz``.

    Raises
    ------
    BadRelease
        Naming `file`, if the bytes are no ``.npz``, hold a pickle or hold other arrays than `names`.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise BadRelease(f"{file}: expected an .npz of plain arrays, got {error}") from error
    if set(arrays) != set(names):
        raise BadRelease(f"{file}: expected the arrays {', '.join(names)}, got {', '.join(arrays) or 'none'}")
    return arrays


def encode_bars(bars: Bars) -> bytes:
    """The bars as ``.npz`` bytes."""
    session = bars.session.astype("datetime64[D]").astype("<i8")
    return pack({"session": session, "ohlcv": bars.ohlcv, "split": bars.split, "dividend": bars.dividend})


def decode_bars(data: bytes, *, file: str) -> Bars:
    """Bars out of `encode_bars`' bytes; `BadRelease` naming `file` if they are not such bytes."""
    arrays = unpack(data, names=("session", "ohlcv", "split", "dividend"), file=file)
    try:
        return Bars(
            arrays["session"].astype("datetime64[D]"),
            np.ascontiguousarray(arrays["ohlcv"], dtype=np.float64),
            arrays["split"].astype(np.float64),
            arrays["dividend"].astype(np.float64),
        )
    except (QuantError, TypeError, ValueError) as error:
        raise BadRelease(f"{file}: expected bars, got {error}") from error


def save_bars(path: Path, bars: Bars) -> None:
    """Write the bars to `path` in one step, replacing what was there."""
    replace_synced(path, encode_bars(bars))


def load_bars(path: Path) -> Bars:
    """The bars that `save_bars` wrote; `OSError` if the file can't be read, `BadRelease` if it holds something else."""
    return decode_bars(path.read_bytes(), file=str(path))


def encode_calendar(calendar: SessionCalendar) -> bytes:
    """The calendar as ``.npz`` bytes."""
    return pack(
        {
            "exchange": np.array(calendar.exchange),
            "sessions_per_year": np.array(calendar.sessions_per_year),
            "session": calendar.session.astype("datetime64[D]").astype("<i8"),
            "open_utc": calendar.open_utc.astype("datetime64[s]").astype("<i8"),
            "close_utc": calendar.close_utc.astype("datetime64[s]").astype("<i8"),
        }
    )


def decode_calendar(data: bytes, *, file: str) -> SessionCalendar:
    """A calendar out of `encode_calendar`'s bytes; `BadRelease` naming `file` if they are not such bytes."""
    names = ("exchange", "sessions_per_year", "session", "open_utc", "close_utc")
    arrays = unpack(data, names=names, file=file)
    try:
        return SessionCalendar(
            exchange=str(arrays["exchange"]),
            sessions_per_year=int(arrays["sessions_per_year"]),
            session=arrays["session"].astype("datetime64[D]"),
            open_utc=arrays["open_utc"].astype("datetime64[s]"),
            close_utc=arrays["close_utc"].astype("datetime64[s]"),
        )
    except (QuantError, TypeError, ValueError) as error:
        raise BadRelease(f"{file}: expected a session calendar, got {error}") from error


def save_calendar(path: Path, calendar: SessionCalendar) -> None:
    """Write the calendar to `path` in one step, replacing what was there."""
    replace_synced(path, encode_calendar(calendar))


def load_calendar(path: Path) -> SessionCalendar:
    """The calendar that `save_calendar` wrote; errors as for `load_bars`."""
    return decode_calendar(path.read_bytes(), file=str(path))


def digest(bars: Bars) -> str:
    """Hex sha256 of the bars' values, independent of the file they lie in."""
    state = hashlib.sha256(f"bars v1 n={len(bars)};".encode())
    state.update(bars.session.astype("datetime64[D]").astype("<i8").tobytes())
    for column in (bars.ohlcv, bars.split, bars.dividend):
        state.update(np.ascontiguousarray(column, dtype="<f8").tobytes())
    return state.hexdigest()
