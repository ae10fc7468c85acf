"""Add tests to problems, made from the references and from programs that the present tests let pass.

No existing test is changed. `rltf audit` says whether a data set is sound.
"""
