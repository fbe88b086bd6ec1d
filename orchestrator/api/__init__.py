"""The HTTP API: one place for authorisation, on loopback by default; the command line is its first client."""
