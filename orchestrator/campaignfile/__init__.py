"""The campaign file: one procedure, its targets and how it goes over them, in YAML that is reviewed in git."""
