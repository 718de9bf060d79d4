"""``chroma run``: the server."""

from __future__ import annotations

from typing import Any

import click

from chromadb._cli.commands import Command, Number

HOST, PORT = "localhost", 8000


@click.command(
    cls=Command,
    examples="""
        chroma run --path ./data
        chroma run --path ./data --host 0.0.0.0 --port 9000 --log-path chroma.log
        chroma run --path ./data --ssl-certfile cert.pem --ssl-keyfile key.pem
        chroma run config.yaml
    """,
)
@click.argument("config_path", required=False, metavar="[CONFIG_PATH]", type=click.Path())
@click.option(
    "--path", metavar="DIRECTORY", help="The directory of the data, made if it is missing.  [default: ./chroma]"
)
@click.option(
    "--host",
    metavar="HOST",
    help=f"The name or address to listen on.  [default: the setting chroma_server_host, {HOST}]",
)
@click.option(
    "--port",
    type=Number(0, 65535),
    metavar="PORT",
    help=f"The port; 0 takes one that is free.  [default: the setting chroma_server_http_port, {PORT}]",
)
@click.option("--log-path", metavar="FILE", help="A file that the log is appended to.  [default: standard error]")
@click.option(
    "--workers",
    type=Number(1),
    metavar="NUMBER",
    help="How many processes serve the directory.  [default: 1]",
)
@click.option("--ssl-certfile", metavar="FILE", help="Speak HTTPS, with the certificate in this PEM file.")
@click.option(
    "--ssl-keyfile", metavar="FILE", help="The PEM file with its key.  [default: the file of the certificate]"
)
@click.option("--read-only", is_flag=True, help="Serve the directory for reading only; every write is refused.")
@click.option("--allow-reset", is_flag=True, help="Allow reset(), which deletes everything.")
def run(config_path: str | None, **flags: Any) -> None:
    """Serve a directory to HTTP clients until Ctrl+C.

    Everything else is configured by settings, in the environment or in a file .env: see chroma docs settings, and for
    who may do what, chroma docs auth. A CONFIG_PATH, a file in YAML, has the place of all options: see chroma docs cli.

    The exit code is 1 if it could not start: the port is taken, the directory cannot be used.
    """
    from chromadb._cli.configuration import Configuration, read_configuration
    from chromadb._server.serve import serve

    if config_path is None:
        configuration = Configuration.of_flags(**flags)
    else:
        given = [f"--{name.replace('_', '-')}" for name, value in flags.items() if value]
        if given:
            raise click.UsageError(
                f"{' and '.join(given)} and a configuration file exclude each other: say it in {config_path}."
            )
        configuration = read_configuration(config_path)
    for line in configuration.remarks:
        click.echo(f"chroma run: {line}", err=True)
    serve(
        configuration.settings,
        host=configuration.host or HOST,
        port=PORT if configuration.port is None else configuration.port,
        log_path=configuration.log_path,
        workers=configuration.workers,
    )
