"""Bars from vendors over HTTP: the transport that all share, and each vendor's own answers."""
