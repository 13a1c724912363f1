"""The manual page edge(1), out of the help pages, so that it says what they say."""

from __future__ import annotations

import re
from collections.abc import Iterator

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from edge import __version__
from edge.cli.main import app

FILES = """.SH FILES
.TP
.I ~/.local/share/edge
The state: packs, models, conversations, config.toml. EDGE_HOME names another folder.
.TP
.I ~/.cache/edge
Where the one-file program is unpacked, once a version. EDGE_CACHE names another folder.
.TP
.I edge-data
A folder of this name beside the program holds all of the above.
.SH SERVICE
Where edge came as a Debian package, edge.socket listens on port 8765 of loopback and edge.service answers, without a
network, as the user edge with the state in
.IR /var/lib/edge .
Its settings are in
.IR /etc/default/edge .
.B edge-service
is edge acting for it:
.PP
.RS
sudo edge\\-service pack install /srv/pumps.kpack \\-\\-unsigned
.RE
.PP
Packs and models in
.I /usr/share/edge
are used where they are.
.B systemctl enable \\-\\-now edge\\-sync.timer
gets updates each day.
"""


def write_manual() -> str:
    """Write the page in roff."""
    edge = get_command(app)
    assert isinstance(edge, TyperGroup)
    context = typer.Context(edge, info_name="edge")
    commands = "".join(_format_command(command, context, name) for name, command in _walk_commands(edge))
    return (
        f'.TH EDGE 1 "" "edge {__version__}" "User Commands"\n'
        f".SH NAME\nedge \\- answers from your manuals, with the page, without a network\n"
        f".SH SYNOPSIS\n.B edge\n.I COMMAND\n[OPTIONS] [ARGUMENTS]\n"
        f".SH DESCRIPTION\n{_format_prose(edge.help or '')}.SH COMMANDS\n{commands}{FILES}"
    )


def _walk_commands(group: TyperGroup, path: str = "") -> Iterator[tuple[str, TyperCommand]]:
    """Yield every command and the words it is called by; groups that do something alone are commands, too."""
    for name, command in group.commands.items():
        words = f"{path} {name}".strip()
        if isinstance(command, TyperGroup):
            yield from _walk_commands(command, words)
        elif isinstance(command, TyperCommand):
            yield words, command


def _format_command(command: TyperCommand, parent: typer.Context, name: str) -> str:
    context = typer.Context(command, info_name=name, parent=parent)
    usage = " ".join(command.collect_usage_pieces(context))
    rows = [row for parameter in command.get_params(context) if (row := parameter.get_help_record(context))]
    options = "".join(
        f".RS\n.TP\n.B {_escape(left)}\n{_format_line(right)}.RE\n"
        for left, right in rows
        if "--help" not in left
    )
    return f".SS edge {_escape(name)} {_escape(usage)}\n{_format_prose(command.help or '')}{options}"


def _format_prose(text: str) -> str:
    """Format paragraphs; those marked with \\b keep their lines."""
    paragraphs = []
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        kept = paragraph.startswith("\b")
        lines = [_format_line(line) for line in paragraph.strip("\b\n").splitlines()]
        paragraphs.append(f".nf\n{''.join(lines)}.fi\n" if kept else "".join(lines))
    return ".PP\n".join(paragraphs)


def _format_line(text: str) -> str:
    return (
        f"\\&{_escape(text.strip())}\n"
        if text.strip().startswith((".", "'"))
        else f"{_escape(text.strip())}\n"
    )


def _escape(text: str) -> str:
    return text.replace("\\", "\\e").replace("-", "\\-")
