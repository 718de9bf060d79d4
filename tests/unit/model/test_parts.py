"""Records, cut into parts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chromadb._model.records import Records, check_records


@given(given=st.lists(st.booleans(), min_size=1, max_size=12), size=st.integers(1, 13))
def test_parts_hold_every_record_with_what_is_its_own(given: list[bool], size: int) -> None:
    count = len(given)
    records = check_records(
        [str(row) for row in range(count)],
        embeddings=[[row, 1.0] if has else None for row, has in enumerate(given)],
        documents=[f"d{row}" for row in range(count)],
        metadatas=[{"n": row} for row in range(count)],
        update=True,
    )
    parts = [records.part(start, start + size) for start in range(0, count, size)]
    assert [id for part in parts for id in part.ids] == records.ids
    assert all(len(part) <= size and part.uris is None for part in parts)
    vectors = {id: vector for part in parts for id, vector in vectors_of(part).items()}
    assert vectors == {str(row): [row, 1.0] for row, has in enumerate(given) if has}
    for part in parts:
        assert part.documents == [f"d{id}" for id in part.ids]
        assert part.metadatas == [{"n": int(id)} for id in part.ids]


def vectors_of(part: Records) -> dict[str, list[float]]:
    if part.vectors is None:
        assert len(part.vector_rows) == 0
        return {}
    return {part.ids[row]: vector.tolist() for row, vector in zip(part.vector_rows, part.vectors, strict=True)}
