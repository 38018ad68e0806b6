"""What assets are given from outside: the lake, the tracking of experiments. Market data has `stock_assets.sources`."""
