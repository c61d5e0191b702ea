"""The state file's name, and the layout of its tables."""

STATE = "state.sqlite"
LAYOUT = 8
