"""What the server can be told from outside: ``STOCK_ASSETS_*`` in the environment, or the command line's options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from release.addresses import shown


class ServerSettings(BaseSettings):
    """Settings of one server process; frozen."""

    # What was refused may have a password in it, and a traceback is no place for one.
    model_config = SettingsConfigDict(
        env_prefix="STOCK_ASSETS_", frozen=True, extra="ignore", hide_input_in_errors=True
    )

    home: Path = Field(default=Path(".stock-assets"), description="Everything that was written lies under it.")
    redis_url: str | None = Field(
        default=None, description="Where the live engine's events come from; none: no live data."
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    workers: int = Field(default=1, ge=1, le=64, description="Server processes that share the port.")
    audit_url: str | None = Field(
        default=None, description="PostgreSQL that holds the audit log; none: SQLite in home/audit."
    )
    # NoDecode: separated by commas in the environment, not as JSON.
    allowed_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="Origins of other sites' pages that may open the stream; our own always may."
    )
    most_sockets: int = Field(default=10_000, ge=1, description="WebSocket connections of one server process.")
    most_sockets_per_address: int = Field(default=100, ge=1, description="Those of one client address.")
    drain_seconds: float = Field(
        default=2.0,
        ge=0,
        le=5,
        description="How long a server that is told to stop goes on answering, so that a "
        "proxy can notice and use another one.",
    )
    dagster_url: str | None = Field(default=None, description="Dagster's pages, as a person's browser finds them.")
    mlflow_url: str | None = Field(default=None, description="Those of MLflow.")
    reload_seconds: float = Field(default=1.0, gt=0, description="How often to look for a newer release.")

    @field_validator("allowed_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("allowed_origins")
    @classmethod
    def _are_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        # As browsers send them: in small letters, and nothing after the host and its port.
        told = tuple(origin.lower().removesuffix("/") for origin in origins)
        if not all(_is_origin(origin) for origin in told):
            raise ValueError("expected origins like https://example.org, separated by commas")
        return told

    @field_validator("dagster_url", "mlflow_url")
    @classmethod
    def _is_page(cls, url: str | None) -> str | None:
        # Everybody is told, and pages link to it: no other scheme, which might run something, and no password.
        if url and not _is_web_address(url):
            raise ValueError("expected a URL like https://example.org/dagster, without user and password")
        return url.removesuffix("/") if url else None

    @property
    def releases(self) -> Path:
        """The release store."""
        return self.home / "releases"

    @property
    def audit(self) -> Path:
        """The audit log, unless `audit_url` names a database."""
        return self.home / "audit" / "audit.sqlite3"


def complaint(error: ValidationError) -> str:
    """What is wrong with settings, in one line: the first fault, with what was told but for passwords in addresses."""
    first = error.errors()[0]
    told, expected = first["input"], first["msg"].removeprefix("Value error, ")
    return f"{first['loc'][0]}: {expected}, got {(shown(told) if isinstance(told, str) else told)!r}"


def _is_origin(told: str) -> bool:
    try:
        parts = urlsplit(told)
    except ValueError:
        return False
    return bool(parts.scheme and parts.netloc) and told == f"{parts.scheme}://{parts.netloc}"


def _is_web_address(told: str) -> bool:
    try:
        parts = urlsplit(told)
        host = parts.hostname if parts.port != 0 else None
    except ValueError:
        return False
    plain = told.isprintable() and " " not in told
    return plain and parts.scheme in ("http", "https") and bool(host) and "@" not in parts.netloc
