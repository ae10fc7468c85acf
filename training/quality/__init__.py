"""The quality of data sets: audit what is there, amplify what is too weak."""
