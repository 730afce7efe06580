"""Many photos: processes, shards, what is done and what is left."""
