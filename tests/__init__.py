"""A package, because verl and OpenRLHF install one of this name, which would hide a folder without this file."""
