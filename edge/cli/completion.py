"""Completion by TAB: the script a shell reads once, and the words that edge answers it with at each TAB.

A script starts edge with the command line as it stands as arguments and ``_EDGE_COMPLETE`` in the environment. The
answer has a line for each word that fits, with its explanation behind a tab; where there is none, the shell offers
files.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from enum import StrEnum
from typing import Annotated

import typer

from edge.errors import EdgeError

ASKED = "_EDGE_COMPLETE"

_BASH = """# edge's commands, options, packs and models by TAB, for bash.
_edge() {
    local line IFS=$'\\n'
    COMPREPLY=()
    for line in $(_EDGE_COMPLETE=1 "$1" "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null); do
        COMPREPLY+=("${line%%$'\\t'*}")
    done
}
complete -o default -F _edge edge
"""
_ZSH = """#compdef edge
# edge's commands, options, packs and models by TAB, for zsh.
_edge() {
    local line
    local -a answers
    for line in ${(f)"$(_EDGE_COMPLETE=1 ${words[1]} "${(@Q)words[2,CURRENT]}" 2>/dev/null)"}; do
        answers+=("${${line%%$'\\t'*}//:/\\\\:}:${line#*$'\\t'}")
    done
    if (( $#answers )); then
        _describe -V edge answers
    else
        _files
    fi
}
if [ "$funcstack[1]" = _edge ]; then
    _edge "$@"
else
    compdef _edge edge
fi
"""
_FISH = """# edge's commands, options, packs and models by TAB, for fish.
function __edge_complete
    set -l words (commandline --current-process --tokenize --cut-at-cursor)
    set -l answers (_EDGE_COMPLETE=1 $words[1] $words[2..] (commandline --current-token --cut-at-cursor) 2>/dev/null)
    if test (count $answers) -gt 0
        printf '%s\\n' $answers
    else
        __fish_complete_path (commandline --current-token --cut-at-cursor)
    end
end
complete --command edge --no-files --arguments '(__edge_complete)'
"""


class Shell(StrEnum):
    """Shells there is a script for."""

    bash = "bash"
    zsh = "zsh"
    fish = "fish"


SHELLS = {Shell.bash: _BASH, Shell.zsh: _ZSH, Shell.fish: _FISH}


def script(shell: Shell) -> str:
    """What a shell has to read."""
    return SHELLS[shell]


def completion(shell: Annotated[Shell, typer.Argument(metavar="SHELL", help="Which one.")]) -> None:
    """Print what makes a shell complete edge's commands by TAB.

    \b
    bash  edge completion bash > ~/.local/share/bash-completion/completions/edge
    zsh   edge completion zsh > _edge, in a folder of $fpath
    fish  edge completion fish > ~/.config/fish/completions/edge.fish
    """
    print(script(shell), end="")


def answer(app: typer.Typer, words: Sequence[str]) -> None:
    """Print what may stand in place of the last word."""
    from typer._click.shell_completion import _resolve_context, _resolve_incomplete
    from typer.main import get_command

    *before, last = words or ("",)
    context = _resolve_context(get_command(app), {}, "edge", before)
    asked, incomplete = _resolve_incomplete(context, before, last)
    for item in asked.shell_complete(context, incomplete):
        if item.type == "plain":  # else a file, which shells know better
            print(item.value, " ".join((item.help or "").split()), sep="\t")


def packs(incomplete: str) -> list[str]:
    """Packs in use whose names begin so."""
    from edge.config import load_settings
    from edge.packs.store import PackStore

    return _beginning(incomplete, lambda: [pack.name for pack in PackStore(load_settings()).list()])


def models(incomplete: str) -> list[str]:
    """Models there are whose names begin so: their files, since what reads models takes long to load."""
    from edge.config import load_settings
    from edge.embedded.found import carried

    def names() -> list[str]:
        files = [*load_settings().models_dir.glob("*.gguf"), *(model.path for model in carried("model"))]
        return sorted({file.stem for file in files})

    return _beginning(incomplete, names)


def _beginning(incomplete: str, names: Callable[[], list[str]]) -> list[str]:
    with suppress(EdgeError, OSError):  # TAB is no place to complain
        return [name for name in names() if name.startswith(incomplete)]
    return []
