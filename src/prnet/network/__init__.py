"""The position map network and the crops that it wants."""
