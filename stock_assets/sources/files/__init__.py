"""Bars out of files in whatever shape they come. What a row has to be is `sources.rows`' business."""
