"""Audit data sets: whether the references are right, and whether the tests would notice a wrong program."""
