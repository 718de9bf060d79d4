"""The golden exchanges, which clients in other languages are tested with too: the server answers exactly so.

``tests/wire/golden/exchanges.json`` is a session: requests in order, each with its answer. ``{collection}`` stands for
the id of the first collection; the id of a request is left out. Another client library replays it against its decoder.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from chromadb._server.router import match
from chromadb._wire import codec
from chromadb._wire.dialects import client_dialect

FILE = Path(__file__).parents[1] / "wire" / "golden" / "exchanges.json"
EXCHANGES = json.loads(FILE.read_text(encoding="utf-8"))


def placed(value: Any, old: str, new: str) -> Any:
    """Return a value with a text replaced wherever it stands."""
    return json.loads(json.dumps(value).replace(old, new)) if old else value


def answered(api: Any, exchange: dict[str, Any], id: str) -> tuple[dict[str, Any], str]:
    """Return what the server answers, in the form of the file, and the id of the collection."""
    request = placed(exchange["request"], "{collection}", id)
    got = api.send(request["method"], request["path"], request.get("body"), request["headers"])
    body = got.json
    if isinstance(body, dict):
        body.pop("request_id", None)
        id = id or body.get("id", "")
    return placed({"status": got.status, "body": body}, id, "{collection}"), id


def test_the_server_answers_as_it_is_written(api: Any) -> None:
    id = ""
    for exchange in EXCHANGES:
        answer, id = answered(api, exchange, id)
        assert answer == exchange["answer"], exchange["name"]


def test_clients_understand_every_answer_that_is_no_error() -> None:
    id = "00000000-0000-0000-0000-000000000001"
    for exchange in EXCHANGES:
        request = placed(exchange["request"], "{collection}", id)
        answer = placed(exchange["answer"], "{collection}", id)
        if answer["status"] >= 400:
            continue
        path, _, _ = request["path"].partition("?")
        found = match(request["method"], path)
        body = json.dumps(request.get("body", {})).encode()
        headers = request["headers"]
        dialect = client_dialect(path, headers["user-agent"], headers.get("content-type", ""))
        operation = codec.decode_request(found.route, found.parameters, body, dialect)
        codec.decode_result(operation, json.dumps(answer["body"]).encode(), dialect)
