"""The live side: a feed that writes ticks to Redis, and the engine that turns them into predictions and signals.

The engine computes once for all gateways; serving its messages to clients is `serving.streaming.hub`'s work.
"""
