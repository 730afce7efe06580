"""Films, and what a camera sees."""
