"""What errors advise in Python, as a command line advises it."""

from __future__ import annotations

import re

MAKE_TENANT = "Only Python makes tenants: chromadb.AdminClient(settings).create_tenant(name)."

_IN_ENVIRONMENT = "in the environment"

TRANSLATIONS: tuple[tuple[str, str], ...] = (
    (
        r"(Database ('[^']*') does not exist in tenant 'default_tenant'\.) AdminClient\.create_database\(\) makes one",
        r"\1 Make it with: chroma db create \2, and --path or --host",
    ),
    (
        r"(Database ('[^']*') does not exist in tenant ('[^']*')\.) AdminClient\.create_database\(\) makes one\.",
        r"\1 Make it with: chroma db create \2 --tenant \3, and --path or --host.",
    ),
    (r"AdminClient\.create_tenant\(\) makes one\.", MAKE_TENANT),
    (r" Use get_or_create_collection\(\) to take it as it is\.", " Delete it, or leave it out."),
    (r"Make a new client, which begins with what is at this path now, and close this one\.", "Run the command again."),
    (r"Settings\(chroma_server_ssl_verify=\"ca\.pem\"\)", f"CHROMA_SERVER_SSL_VERIFY=ca.pem {_IN_ENVIRONMENT}"),
    (
        r"Settings\(chroma_client_auth_provider=\"([^\"]*)\", chroma_client_auth_credentials=\"([^\"]*)\"\)",
        rf"CHROMA_CLIENT_AUTH_PROVIDER=\1 and CHROMA_CLIENT_AUTH_CREDENTIALS=\2 {_IN_ENVIRONMENT}",
    ),
    (r"leave out ssl=True and write http://", "leave out --ssl, and write http:// in a URL"),
    (r"\(ssl=True\)", "(--ssl, or https:// in a URL)"),
)
"""Patterns of what errors say, and what the command line says in their place; the first of two that overlap counts."""

_COMPILED = [(re.compile(pattern), replacement) for pattern, replacement in TRANSLATIONS]


def for_command_line(message: str) -> str:
    """Return the message of an error with commands and options where it names Python calls."""
    for pattern, replacement in _COMPILED:
        message = pattern.sub(replacement, message)
    return message
