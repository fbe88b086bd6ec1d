"""Figures: medians and ratios of one run on one machine; never asserted by tests."""
