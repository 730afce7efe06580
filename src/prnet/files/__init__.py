"""What touches the disk: reading photos, naming results, writing whole files or none."""
