"""A fleet for each test."""

from store.conftest import fleet as fleet
