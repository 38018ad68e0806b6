"""The server: REST and WebSocket answers from a published release and from the live engine's messages.

Nothing here trains, fetches market data or knows of the graph that wrote the release.
"""
