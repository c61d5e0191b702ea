"""The rules: pure functions that turn accounts, uploads and *now* into verdicts."""
