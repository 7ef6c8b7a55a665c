"""Writes the README's tables of settings and commands from the code: `python tools/tables.py` (part of `make fmt`).

Each table stands between `<!-- NAME -->` and `<!-- end NAME -->`; tests/test_docs.py compares.
"""

import re
from pathlib import Path
from typing import Any

import typer.main

from cs_ml.cli.main import app
from cs_ml.settings import Settings

README = Path(__file__).parents[1] / "README.md"


def settings_table() -> str:
    rows = ["| variable | default | what it is |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        variable = str(field.validation_alias or f"CS_ML_{name}").upper()
        default = "" if field.default is None else f"`{field.default}`"
        rows.append(f"| `{variable}` | {default} | {field.description} |")
    rows.append("| `PORT` | `8501` | Where `make run` serves the app. |")
    return "\n".join(rows)


def commands_table() -> str:
    rows = ["| command | what it does |", "|---|---|"]
    rows += [f"| `cs-ml {usage}` | {help_text} |" for usage, help_text in _verbs(typer.main.get_command(app), "")]
    return "\n".join(rows)


def _verbs(group: Any, prefix: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            found += _verbs(command, f"{prefix}{name} ")
        else:
            found.append((f"{prefix}{name}{_parameters(command)}", (command.help or "").split("\n")[0]))
    return found


def _parameters(command: Any) -> str:
    words = []
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            word = parameter.name.upper()
        else:
            value = "" if parameter.is_flag else f" {parameter.name.upper()}"
            word = f"{parameter.opts[0]}{value}"
        words.append(word if parameter.required else f"[{word}]")
    return "".join(f" {word}" for word in words)


def with_tables(text: str) -> str:
    """The README with its tables made anew."""
    for name, table in (("settings", settings_table()), ("commands", commands_table())):
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(\n<!-- end {name} -->)", re.DOTALL)
        text = pattern.sub(lambda match, table=table: f"{match.group(1)}{table}{match.group(2)}", text)  # type: ignore[misc]
    return text


if __name__ == "__main__":
    README.write_text(with_tables(README.read_text(encoding="utf-8")), encoding="utf-8")
