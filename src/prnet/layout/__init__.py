"""What the pixels of a position map mean."""
