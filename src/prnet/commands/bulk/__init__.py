"""Commands for many photos."""
