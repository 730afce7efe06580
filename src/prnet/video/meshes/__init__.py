"""People of a film as animated meshes."""
