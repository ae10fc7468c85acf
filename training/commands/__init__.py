"""One module per `rltf` subcommand, each with `add_arguments(parser)` and `run(arguments) -> exit status`.

They read arguments, call the library and print.
"""
