"""Addresses of servers as they may be shown to anybody."""

from __future__ import annotations

import re


def shown(url: str) -> str:
    """The URL without user, password and options; any text will do, so that one that is no URL can be complained of."""
    return re.sub(r"^([A-Za-z][\w+.-]*://)?.*@", r"\1", url, flags=re.DOTALL).partition("?")[0]
