"""The command line: `cs-ml VERB ...`, one thin function per verb."""

from cs_ml.cli.main import main

__all__ = ["main"]
