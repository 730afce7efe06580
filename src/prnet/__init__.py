"""3D faces from one photo: position map regression (PRNet, ECCV 2018)."""
