"""One campaign rehearsed before it is run: what it is to be, what goes wrong, and its story as it is told."""
