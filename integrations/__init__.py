"""Scoring in other people's trainers, one file for each library: TRL, verl, verifiers, and HTTP for all the rest.

Each file imports the scorer and the library that it is named after, and nothing of `training`. docs/trainers.md has a
recipe for each.
"""
