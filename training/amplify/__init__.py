"""More tests for problems, from the references and programs that the tests let pass.

What this package does not do: say whether a data set is sound (`training.audit`), or change a test that is there.
"""
