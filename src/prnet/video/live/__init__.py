"""A camera, and what listens to faces over UDP."""
