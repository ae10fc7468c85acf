"""The online loop, models, data sets, evaluation and the `rltf` command."""
