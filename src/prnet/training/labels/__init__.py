"""From photos to labels."""
