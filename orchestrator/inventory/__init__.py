"""Which hosts there are and which of them are meant: inventory files in, frozen Host records out."""
