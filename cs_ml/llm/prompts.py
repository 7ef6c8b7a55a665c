"""Prompt files: TOML front matter between `+++` lines, a Jinja2 body rendered in a sandbox, a version by content."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

from jinja2 import StrictUndefined, Template, TemplateError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment

from cs_ml.domain.errors import Invalid

FOLDER = Path(__file__).parents[2] / "prompts"
_FENCE = "+++\n"


@dataclass(frozen=True, kw_only=True, slots=True)
class Prompt:
    """One prompt. `version`: 12 hex digits over everything that the file says. `schema`: the name of the answer's form,
    None for a text that is only a part of a request."""

    name: str
    version: str
    variables: frozenset[str]
    schema: str | None
    settings: Mapping[str, float]
    body: str

    def render(self, **values: str) -> str:
        """The text to send. Raises Invalid where a value is missing or not asked for."""
        if set(values) != self.variables:
            raise Invalid(f"Prompt {self.name} takes {sorted(self.variables)}, not {sorted(values)}.")
        return _template(self.body).render(values).strip()


def load_prompt(name: str, folder: Path = FOLDER) -> Prompt:
    """Reads `NAME.md`.

    Raises Invalid with the file's name for a missing file, bad front matter, or a body whose variables are not exactly
    those that the front matter lists.
    """
    path = folder / f"{name}.md"
    try:
        text = path.read_text(encoding="utf-8")
        _, front, body = text.split(_FENCE, 2)
        matter = tomllib.loads(front)
        used = meta.find_undeclared_variables(_environment().parse(body))
    except (OSError, ValueError, TemplateError) as error:
        raise Invalid(f"Prompt file {path.name} cannot be used: {error}") from error
    listed = set(matter.get("variables", ()))
    if used != listed:
        raise Invalid(f"Prompt file {path.name} lists {sorted(listed)} but its text uses {sorted(used)}.")
    return Prompt(
        name=name,
        version=sha256(text.encode()).hexdigest()[:12],
        variables=frozenset(listed),
        schema=matter.get("schema"),
        settings=matter.get("settings", {}),
        body=body,
    )


def prompt_names(folder: Path = FOLDER) -> list[str]:
    return sorted(path.stem for path in folder.glob("*.md") if path.stem != "README")


@cache
def _template(body: str) -> Template:
    return _environment().from_string(body)


@cache
def _environment() -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
