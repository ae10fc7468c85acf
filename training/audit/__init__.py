"""Audits of data sets: are the references right, and would the tests notice a wrong program?

What this package does not do: mend a data set (`training.amplify` adds tests).
"""
