"""The calls of a worker: choosing one, making it, and looking at what is there."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from typing import Any

from torture import records
from torture.ledger import CATALOG, Loss, State

SHARED = ("shared-0", "shared-1")
"""Collections that all workers write to."""

MOST_OWN = 4
"""Forks are made up to so many collections of a worker."""

IDS, MOST_IDS = 40, 12
"""How many ids a worker uses in a collection, and in a call at most."""

EVERYTHING = ["documents", "metadatas", "embeddings"]


def beacon(worker: str) -> str:
    """Return the id of the record by which others see how far a worker is."""
    return f"{worker}-beacon"


def choose(rng: random.Random, worker: str, state: State, serial: int, late: Collection[str] = ()) -> list[Any]:
    """Return the next call; it writes the number `serial`.

    Args:
        rng: chooses.
        worker: the name.
        state: what there is of it.
        serial: the number of the call.
        late: the databases in which a call may be found yet.
    """
    own = [name for name in state if name not in SHARED]
    if not own or rng.random() < 0.02:
        return ["create", f"own-{worker}-{rng.randrange(3)}"]
    if rng.random() < 0.03:
        return ["drop", rng.choice(own)]
    if rng.random() < 0.04 and CATALOG not in late:
        # Not of what may change by itself.
        name = rng.choice(own)
        if name not in late:
            kind = "fork" if len(own) < MOST_OWN and rng.random() < 0.5 else "rename"
            return [kind, name, f"own-{worker}-n{serial}"]
    name = rng.choice([*SHARED, SHARED[0], rng.choice(own)])
    ids = [f"{worker}-{number}" for number in rng.sample(range(IDS), rng.randint(1, MOST_IDS))]
    kind = rng.choices(
        ["upsert", "add", "update", "delete", "delete_where"],
        [50, 15, 15, 12, 3] if len(state[name]) else [1, 1, 0, 0, 0],
    )[0]
    if kind == "upsert" and name == SHARED[0]:
        ids.append(beacon(worker))
    if kind == "delete_where":
        return [kind, name, rng.randrange(5)]
    return [kind, name, ids] if kind == "delete" else [kind, name, ids, serial]


def perform(client: Any, worker: str, call: Sequence[Any]) -> None:
    """Make a call."""
    kind, name, *arguments = call
    if kind == "create":
        client.get_or_create_collection(name, embedding_function=None)
        return
    if kind == "drop":
        client.delete_collection(name)
        return
    collection = client.get_collection(name, embedding_function=None)
    if kind == "fork":
        collection.fork(arguments[0])
    elif kind == "rename":
        collection.modify(name=arguments[0])
    elif kind == "delete":
        collection.delete(ids=arguments[0])
    elif kind == "delete_where":
        collection.delete(where={"$and": [{"worker": worker}, {"rest": arguments[0]}]})
    else:
        getattr(collection, kind)(**records.columns(worker, *arguments))


def observe(client: Any, worker: str) -> State:
    """Return what is there of the records of a worker.

    Raises:
        Loss: a record is not whole.
    """
    names = [str(name) for name in client.list_collections()]
    state: State = {}
    for name in names:
        if name in SHARED or name.startswith(f"own-{worker}-"):
            collection = client.get_collection(name, embedding_function=None)
            found = collection.get(where={"worker": worker}, include=EVERYTHING)
            state[name] = records.numbers(found)
            if name not in SHARED and collection.count() != len(state[name]):
                raise Loss(f"{name} counts {collection.count()} records and gives {len(state[name])}")
    return state


def look(client: Any, rng: random.Random, worker: str, state: State) -> None:
    """Ask something, and compare the answer with what the worker wrote.

    Raises:
        Loss: the answer is not true.
    """
    name = rng.choice([*state])
    mine = state[name]
    collection = client.get_collection(name, embedding_function=None)
    if rng.random() < 0.5 or not mine:
        found = records.numbers(collection.get(where={"worker": worker}, include=EVERYTHING))
        if found != mine:
            raise Loss(f"get in {name} does not give what was written: {len(found)} records of {len(mine)}")
        return
    id = rng.choice([*mine])
    some = {"where": {"worker": worker}} if rng.random() < 0.5 else {}
    asked = {"query_embeddings": [records.vector(worker, mine[id])], "n_results": 5, **some}
    answer = collection.query(include=EVERYTHING, **asked)
    row = {field: answer[field][0] for field in ("ids", *EVERYTHING)}
    found = records.numbers(row)
    nearest = row["ids"][0] if row["ids"] else None
    if nearest is None or mine.get(nearest) != mine[id]:
        # Whether it is the index, or what this process believes to be there.
        again, exact = (collection.query(**asked, **how)["ids"][0] for how in ({}, {"exact": True}))
        raise Loss(
            f"query in {name} does not find {id} with number {mine[id]}: {found}; asked again, it gives {again}, and "
            f"exactly {exact}"
        )
    if some and any(mine.get(other) != number for other, number in found.items()):
        raise Loss(f"query in {name} gives what is not there: {found}")


def audit(client: Any) -> None:
    """Look through everything.

    Raises:
        Loss: ``check`` finds something, or ``get`` and ``query`` do not agree.
    """
    findings = client.check()
    if findings:
        raise Loss(f"check: {findings[:3]}")
    for name in map(str, client.list_collections()):
        collection = client.get_collection(name, embedding_function=None)
        found = set(records.numbers(collection.get(include=EVERYTHING)))
        if found:
            nearest = collection.query(query_embeddings=[[0.0] * records.DIMENSION], n_results=len(found), include=[])
            if set(nearest["ids"][0]) != found:
                raise Loss(f"{name}: get gives {len(found)} records, query {len(nearest['ids'][0])} others")
