"""`spanglass agent` among the other commands: it is the SDK's, and reads its own arguments."""

import typer

from spanglass.gpu.command import main


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(
        "agent",
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
        add_help_option=False,
    )(agent)


def agent(context: typer.Context) -> None:
    """On a GPU node: reads GPUs, the node and inference engines, and sends it as OTLP."""
    raise typer.Exit(main(context.args))
