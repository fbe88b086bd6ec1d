"""Reports of a campaign that are kept: one self-contained page, JSON, and JUnit XML."""
