"""A package with an app in one of its modules."""
