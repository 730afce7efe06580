"""From labels to batches."""
