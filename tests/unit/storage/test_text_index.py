"""The text index: never a match missing, whatever the texts, the pattern and the state of the file."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from chromadb._model.match import document_test
from chromadb._model.where import MatchDocument
from chromadb._storage.local.derived.text import postings
from chromadb._storage.local.derived.text.index import TextIndex
from chromadb._storage.local.derived.text.required import AllOf, AnyOf, Text, required_text
from chromadb.errors import InvalidArgumentError, StorageError

Build = Callable[..., TextIndex]

WORDS = ["apple", "Banana", "cherry", "Date", "elder", "fig", "grape", "straße", "Ωmega", "naïve", "北京", "😀🎉"]


def never() -> bool:
    return False


def sentences(count: int, seed: int = 1) -> list[str]:
    chance = random.Random(seed)
    return [" ".join(chance.choices(WORDS, k=chance.randint(0, 4))) + f" no. {row}" for row in range(count)]


def contains(text: str) -> MatchDocument:
    return MatchDocument("$contains", text)


def regex(pattern: str) -> MatchDocument:
    return MatchDocument("$regex", pattern)


def matching(documents: Sequence[str], match: MatchDocument) -> set[int]:
    test = document_test(match)
    return {label for label, document in enumerate(documents) if test(document)}


def found(index: TextIndex, match: MatchDocument) -> set[int] | None:
    labels = index.candidates(match)
    if labels is None:
        return None
    assert labels.dtype == np.int64
    assert np.all(np.diff(labels) > 0)
    return set(labels.tolist())


def build_index(folder: Path, documents: Sequence[str], commit_no: int = 7) -> TextIndex:
    folder.mkdir(exist_ok=True)
    index = TextIndex.build(folder, commit_no, len(documents), enumerate(documents), never)
    assert index is not None
    return index


@pytest.fixture
def build(tmp_path: Path) -> Build:
    return lambda documents, **options: build_index(tmp_path, documents, **options)


@pytest.fixture(scope="module")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an index of 3,000 sentences; not to be written to."""
    folder = tmp_path_factory.mktemp("shared")
    build_index(folder, sentences(3000))
    return folder


# --- what is found --------------------------------------------------------------------------------


def test_a_rare_word_is_narrowed_down_to_the_documents_that_have_it(build: Build) -> None:
    documents = sentences(2000)
    documents[1234] += " needle"
    assert found(build(documents), contains("needle")) == {1234}


def test_labels_are_those_given_whatever_their_gaps(tmp_path: Path) -> None:
    labels = [3, 900, 901, 2**40, 2**62]
    index = TextIndex.build(tmp_path, 1, 2**62 + 1, [(label, f"number {label} x") for label in labels], never)
    assert index is not None
    assert [index.candidates(contains(f"number {label} ")).tolist() for label in labels] == [
        [label] for label in labels
    ]


def test_a_word_that_no_document_has_leaves_no_candidate(build: Build) -> None:
    assert found(build(sentences(500)), contains("zzqqj")) == set()


@pytest.mark.parametrize("text", ["a", "no", "é", "北", "😀", " no. "])
def test_short_texts_and_texts_of_nearly_all_documents_are_left_to_the_scan(build: Build, text: str) -> None:
    assert build(sentences(500)).candidates(contains(text)) is None


def test_two_characters_are_enough_where_two_make_a_word(build: Build) -> None:
    documents = ["我在北京", "在上海", "京北", "I 😀🎉", "x", "y"]
    index = build(documents)
    assert found(index, contains("北京")) == {0}
    assert found(index, contains("😀🎉")) == {3}


@pytest.mark.parametrize("operator", ["$not_contains", "$not_regex"])
def test_negations_are_not_narrowed_down(build: Build, operator: str) -> None:
    assert build(sentences(50)).candidates(MatchDocument(operator, "needle")) is None


def test_an_index_of_nothing_has_no_candidates(build: Build) -> None:
    assert found(build([]), contains("apple")) == set()
    assert found(build(["", "", ""]), contains("apple")) == set()


def test_every_part_of_unusual_texts_is_found(build: Build) -> None:
    unusual = [
        "a\0b\0\0c",
        "👩‍👩‍👧‍👦 family",
        "e\u0301e\u0300",
        "\u212a \u017f \u0130 ı ẞ ß",
        "\U0010ffff\uffff\ue000",
        "İstanbul",
        "日本語テキスト",
        "한국어 x",
    ]
    documents = unusual + ["other"] * 50
    index = build(documents)
    for document in unusual:
        for start in range(len(document)):
            for end in range(start + 1, len(document) + 1):
                match = contains(document[start:end])
                candidates = found(index, match)
                assert candidates is None or candidates >= matching(documents, match)


def test_megabytes_of_text_are_found_across_the_pieces_they_are_indexed_in(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postings, "RUN_CHARACTERS", 1000)
    chance = random.Random(5)
    long = "".join(chance.choices("abcdefghijklmnopqrstuvwxyz北京 ", k=100_000))
    documents = [
        "short one",
        long,
        "short two",
        "",
        long[:999],
        long[:1000],
        long[:1001],
        long[:1002],
        "short three",
    ] + ["no"] * 20
    index = build(documents)
    for start in (0, 1, 997, 998, 999, 1000, 1001, 1998, 1999, 50_000, 99_990):
        match = contains(long[start : start + 8])
        candidates = found(index, match)
        assert candidates is not None
        assert candidates >= matching(documents, match)
    assert found(index, contains(long)) == {1}


def test_many_short_documents_are_numbered_across_runs_and_merges(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postings, "MERGE_POSTINGS", 5000)
    documents = [f"<{row}>" for row in range(150_000)]
    documents[100] = documents[149_999] = "rare word"
    index = build(documents)
    assert found(index, contains("rare")) == {100, 149_999}
    for row in (0, 65_535, 65_536, 131_071, 131_072, 149_998):
        candidates = found(index, contains(f"<{row}>"))
        assert candidates is not None
        assert row in candidates


@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_document_that_contains_a_text_is_a_candidate(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    alphabet = st.one_of(st.sampled_from("abkKsS \0\u212a\u017féÉ北京😀"), st.characters(exclude_categories=["Cs"]))
    documents = data.draw(st.lists(st.text(alphabet, max_size=12), min_size=1, max_size=30))
    whole = data.draw(st.sampled_from(documents))
    start = data.draw(st.integers(0, len(whole)))
    text = data.draw(st.one_of(st.just(whole[start:]), st.text(alphabet, min_size=1, max_size=5)))
    assume(text)
    # Many more documents that match nothing, so that few enough are left to be worth naming.
    index = build_index(tmp_path_factory.mktemp("drawn"), documents + [""] * 100)
    candidates = found(index, contains(text))
    assert candidates is None or candidates >= matching(documents, contains(text))


# --- regular expressions --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("hello", Text("hello")),
        (r"hello\.world", Text("hello.world")),
        ("hello.*world", AllOf((Text("hello"), Text("world")))),
        (r"\bhello\b$", Text("hello")),
        ("(?i)hello", Text("hello")),
        ("abc+def", AllOf((Text("abc"), Text("cdef")))),
        ("abc?def", AllOf((Text("ab"), Text("def")))),
        ("abcd{2,3}e", AllOf((Text("abcd"), Text("de")))),
        ("(foo|bar)baz", AllOf((AnyOf((Text("foo"), Text("bar"))), Text("baz")))),
        ("(?P<name>abc)d", Text("abcd")),
        ("abc[x-z]def", AllOf((Text("abc"), Text("def")))),
        ("abc[^]a[:digit:]]def", AllOf((Text("abc"), Text("def")))),
        (r"abc\pNdef\p{Greek}ghi", AllOf((Text("abc"), Text("def"), Text("ghi")))),
        (r"\x41\x{42}C", Text("ABC")),
        ("(?i)straße", AllOf((Text("stra"), Text("e")))),
        ("straße", Text("straße")),
    ],
)
def test_the_text_that_a_pattern_requires_is_known(pattern: str, expected: object) -> None:
    assert required_text(regex(pattern)) == expected


@pytest.mark.parametrize(
    "pattern",
    [
        ".*", "a*", "(abc)?", "abc|", "abc|.", "[abc][def]", "(abc|d*)", "(abc){0}", r"\Qabc\E", r"ab\Cc", "ab{,5}c",
        r"\07abc", "abc[[:]", "abc(?i)*", "(" * 60 + "abc" + ")" * 60,
    ],
)  # fmt: skip
def test_patterns_that_require_nothing_or_are_not_known_for_certain_are_left_to_the_scan(pattern: str) -> None:
    assert required_text(regex(pattern)) is None


LITERALS = st.sampled_from(
    [
        "a", "b", "k", "S", "ab", "abk", "kab", "sab", "é", "É", "北京", "😀", " ", r"\.", r"\x41", r"\x{212a}",
        "\u017f", r"\n", "]", "}", ":", "-",
    ]
)  # fmt: skip
ATOMS = LITERALS | st.sampled_from(
    [
        ".", r"\w", r"\D", r"\pL", r"\P{Greek}", "[ab]", "[^a]", "[]a]", "[^]a]", "[^^]", "[[]", "[[:alpha:]]",
        "[a[:^digit:]b]", r"[\]a]", r"[\pL]", r"[\x41-\x{5a}]", "^", "$", r"\b", r"\B", r"\A", r"\z", "(?i)", "(?-i)",
        "(?s)", r"\Qa*b\E", r"\C", r"\1", "()",
    ]
)  # fmt: skip
REPEATS = st.sampled_from(
    ["", "", "", "", "*", "+", "?", "*?", "+?", "??", "{0}", "{2}", "{1,}", "{0,2}", "{1,2}?", "{,2}"]
)
PATTERNS = st.recursive(
    st.builds("{}{}".format, ATOMS, REPEATS),
    lambda inner: (
        st.builds("{}{}".format, inner, inner)
        | st.builds("{}{}{}".format, inner, inner, inner)
        | st.builds("({}|{}){}".format, inner, inner, REPEATS)
        | st.builds("(?:{}|{})".format, inner, inner)
        | st.builds("(?i:{}){}".format, inner, REPEATS)
        | st.builds("(?P<n>{}){}".format, inner, REPEATS)
        | st.builds("{}|{}".format, inner, inner)
    ),
    max_leaves=10,
)
TEXTS = st.lists(
    st.text(st.sampled_from("abkKsSA.\n é\u00c9北京😀\u212a\u017f]}:-^*"), max_size=14), min_size=20, max_size=40
)


def holds(required: object, document: str) -> bool:
    """Whether a document has what is required; what the index knows can only be less."""
    if isinstance(required, Text):
        return fold(required.text) in fold(document)
    if isinstance(required, AllOf):
        return all(holds(part, document) for part in required.parts)
    assert isinstance(required, AnyOf)
    return any(holds(part, document) for part in required.parts)


def fold(text: str) -> str:
    upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ\u212a\u017f"
    return text.translate(str.maketrans(upper, "abcdefghijklmnopqrstuvwxyzks"))


@given(PATTERNS, TEXTS)
@settings(
    max_examples=400,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
@example("[]x[:a]]k", ["x[:a]]k", "xk", ":k"])
@example("(?:a(?i)b|ck)", ["aB", "CK", "c\u212a", "ab"])
@example("a(?i)*", ["", "b"])
@example("(?i)sk", ["\u017f\u212a", "SK", "sk"])
def test_what_a_pattern_requires_is_in_every_match(pattern: str, texts: list[str]) -> None:
    match = regex(pattern)
    try:
        test = document_test(match)
    except InvalidArgumentError:
        assume(False)
    required = required_text(match)
    if required is not None:
        assert [text for text in texts if test(text) and not holds(required, text)] == []


@pytest.mark.parametrize(
    "pattern",
    [
        "Banana.*cherry", "(?i)BANANA", "(apple|straße) fig", "no. 1{2,}7", "(?i)(ω|Ω)mega", "北京 .*grape", "a+pple",
        "grape|zzqqj", "fig fig fig",
    ],
)  # fmt: skip
def test_every_document_that_matches_a_pattern_is_a_candidate(shared_folder: Path, pattern: str) -> None:
    index = TextIndex.open(shared_folder)
    assert index is not None
    documents = sentences(3000)
    candidates, expected = found(index, regex(pattern)), matching(documents, regex(pattern))
    assert expected
    assert candidates is None or candidates >= expected
    # What narrows down at all narrows down well.
    assert candidates is None or len(candidates) < 3 * len(expected) + 10 or "|" in pattern or "i" in pattern


# --- the file -------------------------------------------------------------------------------------


def test_an_index_is_opened_again_with_what_it_knows(tmp_path: Path) -> None:
    built = build_index(tmp_path, sentences(300), commit_no=12)
    opened = TextIndex.open(tmp_path)
    assert opened is not None
    assert (opened.commit_no, opened.next_label, opened.size_bytes) == (12, 300, built.path.stat().st_size)
    for word in WORDS:
        assert found(opened, contains(word)) == found(built, contains(word))


def test_the_newest_index_is_opened_and_earlier_ones_are_removed(tmp_path: Path) -> None:
    for commit_no in (3, 20, 100):
        build_index(tmp_path, sentences(10), commit_no=commit_no)
    opened = TextIndex.open(tmp_path)
    assert opened is not None
    assert opened.commit_no == 100
    assert os.listdir(tmp_path) == [opened.path.name]


def test_an_index_stays_readable_while_a_later_one_replaces_it(tmp_path: Path) -> None:
    before = build_index(tmp_path, sentences(300))
    expected = found(before, contains("straße"))
    build_index(tmp_path, ["other"], commit_no=8)
    assert expected
    assert found(before, contains("straße")) == expected


def test_behind_a_damaged_newest_index_an_earlier_one_is_opened(tmp_path: Path) -> None:
    early = build_index(tmp_path, sentences(30), commit_no=1)
    early.path.with_name(f"text-{9:016x}-later.index").write_bytes(early.path.read_bytes()[:-1])
    opened = TextIndex.open(tmp_path)
    assert opened is not None
    assert opened.path == early.path


def test_no_flipped_bit_takes_a_candidate_away(shared_folder: Path, tmp_path: Path) -> None:
    intact = TextIndex.open(shared_folder)
    assert intact is not None
    matches = [contains(word) for word in (*WORDS, "no. 17", "zzqqj")] + [regex("fig.*grape|Date")]
    expected = [found(intact, match) for match in matches]
    data = intact.path.read_bytes()
    folder = tmp_path / shared_folder.name
    folder.mkdir()
    path = folder / intact.path.name
    chance = random.Random(11)
    opened = noticed = 0
    for _ in range(300):
        damaged = bytearray(data)
        damaged[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        path.write_bytes(damaged)
        index = TextIndex.open(folder)
        if index is None:
            continue
        opened += 1
        answers = [found(index, match) for match in matches]
        assert all(answer in (None, right) for answer, right in zip(answers, expected, strict=True))
        assert index.damaged or answers == expected
        noticed += index.damaged
    assert 0 < noticed < opened < 300


@pytest.mark.parametrize("size", [0, 1, 30, 71, 72, 500, -1000, -1])
def test_a_truncated_index_is_ignored(tmp_path: Path, size: int) -> None:
    path = build_index(tmp_path, sentences(300)).path
    path.write_bytes(path.read_bytes()[:size])
    assert TextIndex.open(tmp_path) is None


def test_an_index_cut_off_while_in_use_narrows_nothing_down(tmp_path: Path) -> None:
    index = build_index(tmp_path, sentences(300))
    assert found(index, contains("straße"))
    os.truncate(index.path, 100)
    assert index.candidates(contains("straße")) is None
    assert index.damaged


def test_an_index_of_another_collection_is_ignored(tmp_path: Path) -> None:
    one = build_index(tmp_path / "one", sentences(30))
    (tmp_path / "two").mkdir()
    shutil.copy(one.path, tmp_path / "two")
    assert TextIndex.open(tmp_path / "two") is None
    (tmp_path / "one").rename(tmp_path / "kept")
    (tmp_path / "moved").mkdir()
    shutil.move(tmp_path / "kept", tmp_path / "moved" / "one")
    assert TextIndex.open(tmp_path / "moved" / "one") is not None


@pytest.mark.parametrize("content", [b"", b"SQLite format 3\0" + bytes(4096), b"\xff" * 5000, bytes(200)])
def test_foreign_files_are_ignored(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "text-0000000000000009-abc.index").write_bytes(content)
    (tmp_path / "text-of-somebody.index").write_bytes(content)
    (tmp_path / "text-000000000000000a-abc.index").mkdir()
    assert TextIndex.open(tmp_path) is None


def test_an_index_of_a_later_format_is_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("chromadb._storage.local.derived.text.file.FORMAT_VERSION", 2)
        build_index(tmp_path, sentences(30))
        assert TextIndex.open(tmp_path) is not None
    assert TextIndex.open(tmp_path) is None


def test_a_folder_that_is_not_there_has_no_index_and_takes_none(tmp_path: Path) -> None:
    assert TextIndex.open(tmp_path / "missing") is None
    with pytest.raises(StorageError):
        TextIndex.build(tmp_path / "missing", 1, 1, [], never)


def test_a_closed_index_narrows_nothing_down(build: Build) -> None:
    index = build(sentences(100))
    index.close()
    index.close()
    assert index.candidates(contains("straße")) is None


# --- building -------------------------------------------------------------------------------------


@pytest.mark.parametrize("answers", [0, 1, 5, 9])
def test_a_build_that_is_stopped_leaves_nothing_behind(tmp_path: Path, answers: int) -> None:
    left = iter(range(answers))
    documents = enumerate(sentences(2000))
    assert TextIndex.build(tmp_path, 1, 2000, documents, lambda: next(left, None) is None) is None
    assert os.listdir(tmp_path) == []


def test_stop_is_asked_at_least_every_thousand_documents(tmp_path: Path) -> None:
    taken: list[int] = []
    asked: list[int] = []

    def documents() -> object:
        for row in range(5000):
            taken.append(row)
            yield row, "x"

    def stop() -> bool:
        asked.append(len(taken))
        return False

    TextIndex.build(tmp_path, 1, 5000, documents(), stop)
    assert max(np.diff(asked)) <= 1000


def test_a_build_whose_documents_fail_leaves_nothing_behind(tmp_path: Path) -> None:
    def documents() -> object:
        yield 0, "apple"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        TextIndex.build(tmp_path, 1, 5, documents(), never)
    assert os.listdir(tmp_path) == []


def test_a_build_that_is_killed_leaves_a_folder_that_opens(tmp_path: Path) -> None:
    build_index(tmp_path, sentences(100), commit_no=4)
    script = (
        "import sys, time, pathlib\n"
        "from chromadb._storage.local.derived.text.index import TextIndex\n"
        "def documents():\n"
        "    for row in range(10 ** 6):\n"
        "        if row == 3000: print('begun', flush=True)\n"
        "        if row >= 3000: time.sleep(60)\n"
        "        yield row, 'apple banana ' * 100\n"
        "TextIndex.build(pathlib.Path(sys.argv[1]), 5, 9, documents(), lambda: False)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        process.kill()
    assert process.returncode == (-signal.SIGKILL if os.name == "posix" else 1)
    unfinished = list(tmp_path.glob("*.building"))
    assert unfinished
    opened = TextIndex.open(tmp_path)
    assert opened is not None
    assert opened.commit_no == 4
    # Somebody else may still be writing it, unless it is old.
    build_index(tmp_path, sentences(100), commit_no=6)
    assert list(tmp_path.glob("*.building")) == unfinished
    os.utime(unfinished[0], (0, 0))
    build_index(tmp_path, sentences(100), commit_no=7)
    assert len(os.listdir(tmp_path)) == 1


def test_many_threads_read_one_index(shared_folder: Path) -> None:
    index = TextIndex.open(shared_folder)
    assert index is not None
    matches = [contains(word) for word in WORDS] + [regex("fig.*grape"), contains("no. 123")]
    expected = [found(index, match) for match in matches]
    wrong: list[object] = []

    def read() -> None:
        for _ in range(30):
            answers = [found(index, match) for match in matches]
            if answers != expected:
                wrong.append(answers)

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_goes_on_reading(shared_folder: Path) -> None:
    index = TextIndex.open(shared_folder)
    assert index is not None
    expected = found(index, contains("no. 123"))
    child = os.fork()
    if child == 0:
        os._exit(0 if found(index, contains("no. 123")) == expected else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert found(index, contains("no. 123")) == expected
