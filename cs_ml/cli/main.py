"""The entry point: verbs, errors as sentences, exit codes."""

import sys
from collections.abc import Sequence

import typer

from cs_ml.cli import batching, ctas, demo, health, learning, people, predicting, prompting, truth
from cs_ml.cli.data import database, importing
from cs_ml.cli.output import EXIT_USAGE, exit_code, show_error
from cs_ml.domain.errors import CsMlError, Invalid

app = typer.Typer(
    name="cs-ml",
    help="Know which customers are about to leave, why, and what to do.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


batching.register(app)
ctas.register(app)
database.register(app)
demo.register(app)
health.register(app)
importing.register(app)
learning.register(app)
people.register(app)
predicting.register(app)
prompting.register(app)
truth.register(app)


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one verb and exits: 0 ok, 2 usage, 3 not found, 4 invalid, 5 limited, 1 anything else."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in words
    try:
        code = app(words, standalone_mode=False)
    except CsMlError as error:
        fields = error.fields if isinstance(error, Invalid) else None
        show_error(error.message, error.code, fields=fields, as_json=as_json)
        sys.exit(exit_code(error))
    except typer.TyperException as error:
        show_error(_sentence(error), "USAGE", as_json=as_json)
        sys.exit(EXIT_USAGE)
    sys.exit(code if isinstance(code, int) else 0)


def _sentence(error: typer.TyperException) -> str:
    message = getattr(error, "format_message", None)
    return message() if message else str(error)
