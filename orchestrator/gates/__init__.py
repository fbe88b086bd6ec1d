"""Asks gates: one file per kind of question, and the asker that keeps them from holding up the loop."""
