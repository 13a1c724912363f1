"""Options and arguments that several groups of commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from edge.cli.completion import complete_model, complete_pack

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Packs = Annotated[
    list[str] | None,
    typer.Option(
        "--pack", metavar="NAME", help="Search this pack only. May be repeated.", autocompletion=complete_pack
    ),
]
Equipment = Annotated[
    str | None,
    typer.Option("--equipment", metavar="MODEL", help="Search what applies to this equipment only."),
]
EngineName = Annotated[
    str | None,
    typer.Option("--engine", metavar="NAME", help="auto, extractive, llama, openai or a plug-in's name."),
]
PackName = Annotated[
    str, typer.Argument(metavar="NAME", help="An installed pack.", autocompletion=complete_pack)
]
PackTarget = Annotated[
    str,
    typer.Argument(
        metavar="FILE|NAME", help="A .kpack file or an installed pack.", autocompletion=complete_pack
    ),
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
ModelName = Annotated[
    str, typer.Argument(metavar="NAME", help="An installed model.", autocompletion=complete_model)
]
