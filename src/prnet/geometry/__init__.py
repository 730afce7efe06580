"""Boxes, cameras, crops, meshes and rasters: arrays in, arrays out."""
