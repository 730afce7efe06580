"""Out-of-plane views of labelled photos."""
