"""ARKit's 52 shapes: their names, and how much of each a face shows."""
