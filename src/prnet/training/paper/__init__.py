"""The recipe of the paper, section 3."""
