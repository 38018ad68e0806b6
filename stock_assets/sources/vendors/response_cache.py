"""Vendors' answers on disk, as they came: every one that a number was read from, by the digest of its bytes.

What makes an answer good enough to be kept is the vendor's module to say, and how it is asked for the transport's.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

import msgspec

from release.clock import iso
from release.files import replace_synced, sha256
from stock_assets.errors import DataNotFound, DataUnreadable, HomeUnwritable
from stock_assets.sources.vendors.logs import log

# Others are of no use later, and some, such as cookies, are nobody's business.
KEPT_HEADERS: Final = frozenset({"age", "content-type", "date", "etag", "last-modified"})


@dataclass(frozen=True, slots=True)
class Address:
    """What was asked for: an address and its parameters, sorted. Headers, where keys travel, are no part of it."""

    url: str
    params: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return f"{self.url}?{urlencode(self.params)}" if self.params else self.url

    @property
    def digest(self) -> str:
        """Hex digest that names the address on disk."""
        return hashlib.sha256(str(self).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a vendor answered.

    Attributes
    ----------
    address : Address
    status : int
    headers : dict of str to str
        Names in lower case.
    body : bytes
        After the transfer's own compression was undone.
    sha256 : str
        Hex digest of `body`.
    from_cache : bool
        Whether nobody was asked.
    """

    address: Address
    status: int
    headers: dict[str, str]
    body: bytes
    sha256: str
    from_cache: bool = False


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the index: which address was answered by which bytes, and when."""

    url: str
    params: tuple[tuple[str, str], ...]
    status: int
    headers: dict[str, str]
    sha256: str
    size: int
    at: datetime


class ResponseCache:
    """Answers below one folder.

    Parameters
    ----------
    root : Path
        ``bodies/<first two digits>/<sha256>.gz`` holds the bytes, ``index/<digest of the address>/<time>.json`` one
        entry an answer. Nothing is ever overwritten by something else, and a body is there before its entry is.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def keep(self, answer: Answer, *, at: datetime) -> None:
        """Write the answer's body and its entry; `HomeUnwritable` if the disk won't have them."""
        address = answer.address
        entry = Entry(
            url=address.url,
            params=address.params,
            status=answer.status,
            headers={name: value for name, value in answer.headers.items() if name in KEPT_HEADERS},
            sha256=answer.sha256,
            size=len(answer.body),
            at=at,
        )
        name = f"{at:%Y%m%dT%H%M%S%f}-{answer.sha256[:12]}.json"
        try:
            replace_synced(self._body(answer.sha256), gzip.compress(answer.body, mtime=0))
            replace_synced(self._index(address) / name, msgspec.json.encode(entry))
        except OSError as error:
            raise HomeUnwritable(
                f"responses: expected a writable folder, got {self.root} ({error.strerror})"
            ) from error

    def newest(self, address: Address, *, now: datetime, fresh_for: timedelta) -> Answer | None:
        """The newest answer to the address if it is younger than `fresh_for`; what is damaged counts as not there."""
        entries = sorted(self._index(address).glob("*.json"))
        if not entries:
            return None
        try:
            entry = msgspec.json.decode(entries[-1].read_bytes(), type=Entry)
            if not timedelta(0) <= now - entry.at < fresh_for:
                return None
            body = self.body(entry.sha256)
        except (msgspec.MsgspecError, DataUnreadable, DataNotFound) as error:
            log.warning("response_unreadable", address=str(address), reason=str(error))
            return None
        log.debug("response_from_cache", address=str(address), sha256=entry.sha256, at=iso(entry.at))
        return Answer(
            address=address,
            status=entry.status,
            headers=entry.headers,
            body=body,
            sha256=entry.sha256,
            from_cache=True,
        )

    def body(self, digest: str) -> bytes:
        """The bytes that a digest names.

        Raises
        ------
        DataNotFound
            If they were never kept, or are gone.
        DataUnreadable
            If the file holds other ones.
        """
        path = self._body(digest)
        try:
            body = gzip.decompress(path.read_bytes())
        except FileNotFoundError:
            raise DataNotFound(f"responses: expected a body {digest}, found none") from None
        except (OSError, EOFError, zlib.error) as error:
            raise DataUnreadable(f"responses: expected a gzipped body at {path.name}, got {error}") from error
        if sha256(body) != digest:
            raise DataUnreadable(f"responses: expected a body of digest {digest}, got one of {sha256(body)}")
        return body

    def _body(self, digest: str) -> Path:
        return self.root / "bodies" / digest[:2] / f"{digest}.gz"

    def _index(self, address: Address) -> Path:
        return self.root / "index" / address.digest
