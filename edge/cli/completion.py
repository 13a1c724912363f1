"""``edge completion``: completes commands, options and names when TAB is pressed in a shell.

A shell reads a script once. At each TAB the script starts edge with the command line as arguments and with
``_EDGE_COMPLETE`` in the environment. edge prints a line for each word that fits, with its explanation behind a tab;
where it prints none, the shell offers files.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from enum import StrEnum
from typing import Annotated

import typer

from edge.errors import EdgeError

VARIABLE = "_EDGE_COMPLETE"

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
    """The shells that there is a script for."""

    bash = "bash"
    zsh = "zsh"
    fish = "fish"


SCRIPTS = {Shell.bash: _BASH, Shell.zsh: _ZSH, Shell.fish: _FISH}


def print_script(
    shell: Annotated[Shell, typer.Argument(metavar="SHELL", help="The shell that will read it.")],
) -> None:
    """Print the script with which a shell completes commands.

    \b
    bash  edge completion bash > ~/.local/share/bash-completion/completions/edge
    zsh   edge completion zsh > _edge, in a folder of $fpath
    fish  edge completion fish > ~/.config/fish/completions/edge.fish
    """
    print(SCRIPTS[shell], end="")


def print_completions(app: typer.Typer, words: Sequence[str]) -> None:
    """Print the words that may stand in place of the last one."""
    from typer._click.shell_completion import _resolve_context, _resolve_incomplete
    from typer.main import get_command

    *before, last = words or ("",)
    context = _resolve_context(get_command(app), {}, "edge", before)
    parameter, incomplete = _resolve_incomplete(context, before, last)
    for item in parameter.shell_complete(context, incomplete):
        if item.type == "plain":  # else a file, which shells know better
            print(item.value, " ".join((item.help or "").split()), sep="\t")


def complete_pack(incomplete: str) -> list[str]:
    """Return the names of packs in use that begin so."""
    from edge.config import load_settings
    from edge.packs.store import PackStore

    return _filter_names(incomplete, lambda: [pack.name for pack in PackStore(load_settings()).list()])


def complete_model(incomplete: str) -> list[str]:
    """Return the names of models that begin so. They are read off the files, since the store takes long to load."""
    from edge.config import load_settings
    from edge.embedded.bundled import list_bundled

    def list_names() -> list[str]:
        files = [*load_settings().models_dir.glob("*.gguf"), *(model.path for model in list_bundled("model"))]
        return sorted({file.stem for file in files})

    return _filter_names(incomplete, list_names)


def _filter_names(incomplete: str, list_names: Callable[[], list[str]]) -> list[str]:
    with suppress(EdgeError, OSError):  # an error would be written across the command line
        return [name for name in list_names() if name.startswith(incomplete)]
    return []
