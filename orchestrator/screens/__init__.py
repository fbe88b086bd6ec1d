"""What is shown to people: views as stable JSON, tables, glyphs; text of hosts is made harmless here."""
