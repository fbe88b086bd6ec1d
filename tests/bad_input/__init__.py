"""Input nobody can use: each case is refused with its place, its fix and exit code 2."""
