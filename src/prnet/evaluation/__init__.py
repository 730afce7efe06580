"""Scoring against ground truth by the field's protocols; the command is ``prnet evaluate``."""
