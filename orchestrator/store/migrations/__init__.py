"""History of the schema."""
