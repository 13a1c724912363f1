"""``edge model``: adds, chooses and deletes language models, which are optional."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge.cli.group import make_group
from edge.cli.options import Json, ModelName, Yes
from edge.cli.ui.screen import ALERT, FAINT, GOOD, Screen
from edge.files import format_size

if TYPE_CHECKING:
    from edge.models.store import InstalledModel

app = make_group("model", "Add and choose language models (edge works without one).")


@app.command("list")
def list_models(json: Json = False) -> None:
    """List the models and adapters on this device.

    Also lists those that lie beside or inside the program. The one in use writes the answers.
    """
    from edge.config import load_settings
    from edge.models.store import ModelStore

    screen, models = Screen(), ModelStore(load_settings()).list()
    if json:
        screen.write_json({"models": [_describe_model(model) for model in models]})
    elif models:
        table = []
        for model in models:
            kind = "adapter" if model.kind == "adapter" else model.purpose
            standing = " ".join(filter(None, ["in use" if model.active else "", kind]))
            style = ALERT if kind == "damaged" else GOOD if model.active else ""
            table.append((model.name, format_size(model.bytes), model.place, (standing, style)))
        screen.write_table(("NAME", "SIZE", "PLACE", ""), table)
    else:
        screen.write(("No model is installed: answers quote the manuals. edge model add FILE.gguf", FAINT))


@app.command("add")
def add_model(
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="A GGUF file: a model or a LoRA adapter. It is copied.")
    ],
) -> None:
    """Copy a language model in. The first one is used from then on.

    The SHA-256 of its file is recorded, and checked whenever it is loaded.
    """
    from edge.cli.ui.progress import show_progress
    from edge.config import load_settings
    from edge.models.store import ModelStore

    with show_progress() as report:
        model = ModelStore(load_settings()).add(
            path, lambda done, total: report("copy", path.name, done >> 20, total >> 20)
        )
    _show_model(model)


@app.command("pull")
def pull_model(
    spec: Annotated[
        str,
        typer.Argument(
            metavar="SPEC",
            help="[hf:]OWNER/REPO/FILE.gguf or [hf:]OWNER/REPO[:QUANT], and @REVISION if wanted.",
        ),
    ],
) -> None:
    """Download a language model or an adapter.

    The file is compared with the SHA-256 that the hub promises. Nothing is ever downloaded without this command.
    Interrupted, the same command resumes. QUANT is part of a file's name, such as Q4_K_M. HF_TOKEN gives access to
    files that are not public; the setting 'hub' or HF_ENDPOINT names another hub.
    """
    from edge.cli.ui.progress import show_progress
    from edge.config import load_settings
    from edge.models.pull import pull

    with show_progress() as report:
        model = pull(
            load_settings(), spec, lambda stage, done, total: report(stage, spec, done >> 20, total >> 20)
        )
    _show_model(model)


@app.command("use")
def use_model(
    name: ModelName,
    lora: Annotated[
        list[str] | None,
        typer.Option(
            "--lora", metavar="ADAPTER[:SCALE]", help="Change it by this adapter (scale 1). May be repeated."
        ),
    ] = None,
) -> None:
    """Answer with this model from now on, also with LoRA adapters."""
    from edge.config import load_settings
    from edge.models.store import ModelStore, parse_lora

    adapters = [parse_lora(text) for text in lora or ()]
    model = ModelStore(load_settings()).use(name, adapters)
    with_them = f" with {', '.join(name for name, _ in adapters)}" if adapters else ""
    Screen().write(f"{model.name} is in use{with_them}")


@app.command("remove")
def remove_model(name: ModelName, yes: Yes = False) -> None:
    """Delete a language model. If it was in use, answers quote the manuals until another is chosen."""
    from edge.cli.ui.confirm import confirm
    from edge.config import load_settings
    from edge.models.store import ModelStore

    confirm(f"Delete the model '{name}'?", yes)
    ModelStore(load_settings()).remove(name)
    Screen().write(f"Deleted {name}.")


def _show_model(model: InstalledModel) -> None:
    """Write the name of a new model or adapter, and how to use it."""
    if model.kind == "adapter":
        use = f"is an adapter; to use it: edge model use MODEL --lora {model.name}"
    elif model.active:
        use = "is in use"
    else:
        use = f"is installed; to use it: edge model use {model.name}"
    Screen().write(f"{model.name} ({format_size(model.bytes)}) {use}")


def _describe_model(model: InstalledModel) -> dict[str, object]:
    """Return the shape of a model in ``edge model list --json``."""
    shape: dict[str, object] = {
        "name": model.name,
        "kind": model.kind,
        "bytes": model.bytes,
        "active": model.active,
        "place": model.place,
    }
    return shape | ({"purpose": model.purpose} if model.purpose else {})
