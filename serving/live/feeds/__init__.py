"""Where ticks come from: one module a feed, and what all of them share on the way to the stream of ticks.

What becomes of the ticks is the engine's business.
"""

from serving.live.feeds.feed import Feed, feed_for

__all__ = ["Feed", "feed_for"]
