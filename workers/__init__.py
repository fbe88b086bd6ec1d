"""Does the work: reaches hosts, runs procedures on them, keeps the journal."""
