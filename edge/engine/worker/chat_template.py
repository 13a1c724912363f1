"""Turns messages into the text a model expects, by the Jinja template in its GGUF. Templates come from outside:
they run in jinja2's sandbox, inside the worker.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import jinja2
from jinja2.ext import Extension, loopcontrols
from jinja2.nodes import Node
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from edge.engine.process.frames import RequestError

Messages = Sequence[dict[str, str]]

_TURNS = (("system", "INSTRUCTIONS"), ("user", "FIRST"), ("assistant", "ANSWER"), ("user", "SECOND"))

PLAIN = """\
{% for message in messages %}{% if message.role == 'assistant' %}Answer: {% endif %}{{ message.content }}

{% endfor %}Answer:"""
"""For models that bring no template."""


class _GenerationTag(Extension):
    """``{% generation %}`` marks what a model is trained to say, and changes nothing here."""

    tags = {"generation"}  # noqa: RUF012

    def parse(self, parser: Parser) -> list[Node]:
        parser.stream.skip(1)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class ChatTemplate:
    """A compiled template.

    Args:
        source: Jinja; None for a plain layout.
        bos, eos: the texts of these tokens, which templates print.
    """

    def __init__(self, source: str | None, bos: str = "", eos: str = "") -> None:
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols, _GenerationTag]
        )
        environment.filters["tojson"] = _write_json
        environment.globals["raise_exception"] = _refuse
        environment.globals["strftime_now"] = _omit_date
        self._tokens = {"bos_token": bos, "eos_token": eos}
        try:
            self._template = environment.from_string(source or PLAIN)
        except jinja2.TemplateError as error:
            raise RequestError(f"the model's chat template is broken: {error}") from error

    def render(self, messages: Messages) -> str:
        """Render the prompt up to where the answer begins.

        Some models know no system role: their instructions then open the first message of the user. So they do where a
        template would put them before the last message: there they move with every turn of a conversation, and nothing
        of its beginning could be reused.

        Raises:
            RequestError: the template refuses.
        """
        try:
            if len(messages) > 2 and messages[0]["role"] == "system" and self._moves_instructions:
                return self._render(_merge_system(messages))
            return self._render(messages)
        except RequestError:
            if not messages or messages[0]["role"] != "system":
                raise
            return self._render(_merge_system(messages))

    @cached_property
    def _moves_instructions(self) -> bool:
        """True when the instructions stand elsewhere once there is more than one message."""
        text = self._render([{"role": role, "content": content} for role, content in _TURNS])
        return 0 <= text.find("FIRST") < text.find("INSTRUCTIONS")

    def _render(self, messages: Messages) -> str:
        try:
            return self._template.render(
                messages=messages,
                add_generation_prompt=True,
                enable_thinking=False,
                tools=None,
                **self._tokens,
            )
        except Exception as error:  # a template may do anything that Python allows
            raise RequestError(f"the model's chat template failed: {error}") from error


def _merge_system(messages: Messages) -> Messages:
    system, first, *rest = messages
    return [{"role": first["role"], "content": f"{system['content']}\n\n{first['content']}"}, *rest]


def _write_json(value: Any, **options: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=options.get("indent"))


def _refuse(message: str) -> str:
    raise ValueError(message)


def _omit_date(_format: str) -> str:
    """Return nothing: a date would change the prompt's beginning every day, and with it every cached prefix."""
    return ""
