"""The face detector: pools of photos, mosaics of them, network, losses, training, export."""
