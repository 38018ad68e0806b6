"""The dashboard's built files, read once and sent many times.

What builds them is `hatch_build.py`, where they are asked for is `serving.routes.dashboard`.
"""

from __future__ import annotations

import hashlib
import mimetypes
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from starlette.responses import Response

FOLDER: Final = Path(__file__).parent / "dashboard" / "dist"
INDEX: Final = "index.html"
# In the order in which we would rather send them; the suffix that the build gives each.
ENCODINGS: Final = {"br": ".br", "gzip": ".gz"}
# Names under it are made from what is inside: such a file never changes.
HASHED: Final = "assets/"
YEAR_SECONDS: Final = 31_536_000
REFUSED: Final = re.compile(r"q=0(\.0*)?")
TYPES: Final = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}


@dataclass(frozen=True, slots=True, eq=False)
class StaticFile:
    """One file in every encoding that there is of it; `identity` always is."""

    name: str
    identity: bytes
    encoded: Mapping[str, bytes]
    etag: str

    def response(self, *, accept: str, held: str | None, headers: Mapping[str, str]) -> Response:
        """To a request that accepts these encodings and holds the bytes of the tag `held`, if any."""
        name = next((name for name in self.encoded if name in _accepted(accept)), None)
        headers = {**headers, "etag": self.etag, "cache-control": self._cache_control(), "vary": "accept-encoding"}
        if held is not None and _holds(held, self.etag):
            return Response(status_code=304, headers=headers)
        if name is not None:
            headers["content-encoding"] = name
        body = self.identity if name is None else self.encoded[name]
        return Response(body, headers=headers, media_type=media_type(self.name))

    def _cache_control(self) -> str:
        return f"public, max-age={YEAR_SECONDS}, immutable" if self.name.startswith(HASHED) else "no-cache"


Bundle = Mapping[str, StaticFile]


def load(folder: Path) -> Bundle:
    """Every file under `folder` by its path from there; empty where nothing whole has been built."""
    if not (folder / INDEX).is_file():
        return {}
    return {file.name: file for file in _files(folder)}


def static_file(name: str, path: Path) -> StaticFile:
    """The file at `path` under a name, with its compressed twins."""
    identity = path.read_bytes()
    twins = {encoding: path.with_name(path.name + suffix) for encoding, suffix in ENCODINGS.items()}
    encoded = {encoding: twin.read_bytes() for encoding, twin in twins.items() if twin.is_file()}
    # Weak: it is the same whatever the bytes on the way are compressed by.
    return StaticFile(name, identity, encoded, f'W/"{hashlib.blake2b(identity, digest_size=8).hexdigest()}"')


def media_type(name: str) -> str:
    """By the name's ending."""
    return TYPES.get(Path(name).suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"


def _files(folder: Path) -> Iterator[StaticFile]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix not in ENCODINGS.values() and not path.name.startswith("."):
            yield static_file(path.relative_to(folder).as_posix(), path)


def _holds(header: str, etag: str) -> bool:
    """Whether an ``If-None-Match`` names the tag; compared weakly (RFC 9110, 13.1.2)."""
    return header.strip() == "*" or etag.removeprefix("W/") in (
        tag.strip().removeprefix("W/") for tag in header.split(",")
    )


def _accepted(header: str) -> set[str]:
    """The codings that an ``Accept-Encoding`` takes (RFC 9110, 12.5.3): all it names but those of weight 0."""
    named = (part.partition(";") for part in header.lower().split(","))
    return {coding.strip() for coding, _, weight in named if not REFUSED.fullmatch(weight.replace(" ", ""))}
