"""The command line: thin verbs; everything that decides lives behind the API."""
