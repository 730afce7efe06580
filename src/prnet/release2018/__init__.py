"""What users of the 2018 release bring: its checkpoint, its options."""
