"""Files people write in YAML: every value read with its place, checked against a model, all problems at once."""
