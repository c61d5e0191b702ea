"""Handing results of one pass to a monitoring system, instead of a process a check."""
