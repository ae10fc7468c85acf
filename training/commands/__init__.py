"""One module per `rltf` subcommand, each with `add_arguments(parser)` and `run(arguments) -> exit status`.

What these modules do not do: the work itself; they read arguments, call the library and print.
"""
