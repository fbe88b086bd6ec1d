"""What a host looks like, as frozen records with the parsers that make them from captured output."""
