"""Taking market data in: what is stored, what a source says anew, and what becomes of the difference.

Plain code that the `prices` asset calls. Where rows come from is `stock_assets.sources`' business, what a stretch of
history shows `quant.quality`'s; nothing here knows of partitions or runs.
"""
