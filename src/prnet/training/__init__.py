"""From photos to a trained network."""
