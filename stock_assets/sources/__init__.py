"""Where market data comes from. Each source answers for itself; what makes bars sound is `quant.bars`' business."""
