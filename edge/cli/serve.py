"""``edge serve``: gives the same answers over HTTP."""

from __future__ import annotations

from typing import Annotated

import typer


def serve(
    host: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Where to listen. [127.0.0.1]")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, metavar="N", help="TCP port. [8765]")] = None,
) -> None:
    """Serve answers over HTTP, to this machine alone by default.

    Any address but loopback needs the setting 'token' (EDGE_TOKEN).
    """
    from edge import app
    from edge.cli.ui.screen import Screen
    from edge.cli.ui.turn import warn_of_unusable_packs
    from edge.config import load_settings
    from edge.server import run, systemd

    screen, settings = Screen(), load_settings(host=host, port=port)
    how = "" if systemd.is_service() else "  (Ctrl-C stops)"
    with app.build(settings, app.Mode.SERVER) as edge:
        warn_of_unusable_packs(edge.packs)
        run.serve(edge, settings.host, settings.port, lambda url: screen.write(f"{url}{how}"))
