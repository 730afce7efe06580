"""The folder that MediaPipe keeps its ``solutions`` in."""
