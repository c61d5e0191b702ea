"""Objects of monitoring systems, made from the accounts of the store."""
