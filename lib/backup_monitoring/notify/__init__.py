"""Telling people about accounts: who, in which words, and by which way."""
