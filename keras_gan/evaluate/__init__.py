"""Measures of a trained run, and a page about it."""
