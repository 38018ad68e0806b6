"""The WebSocket stream: what the live engine says, to everybody who listens. The client's side is `serving.client`."""
