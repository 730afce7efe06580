"""What a face looks like: visibility, textures, renders, drawings, edits."""
