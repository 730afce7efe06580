"""Morphable face models, fits to points, expressions."""
