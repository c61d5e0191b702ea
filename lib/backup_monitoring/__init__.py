"""The library of the backup service's checks: accounts, reports, rules, states."""

__version__ = "0.1.0"
