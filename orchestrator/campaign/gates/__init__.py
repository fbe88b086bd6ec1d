"""Gates: questions that must be answered before a campaign goes on."""
