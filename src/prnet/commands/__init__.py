"""The commands of ``prnet``: one module each, with ``add_arguments(parser)`` and ``run(args)``."""
