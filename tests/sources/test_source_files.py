"""The files that a source reads, and their entries in a manifest."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from helpers.source_rows import make, texts_of, write_lines
from penstock.errors import ConfigError, DataError
from penstock.sources import describe_input


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Files that each hold their own name as the text of one row."""
    for name in ("a/2.jsonl", "a/10.jsonl", "b/c/1.jsonl", "[x].jsonl", "x.jsonl", ".hidden.jsonl"):
        write_lines(tmp_path / name, [f'{{"text": "{name}"}}'])
    return tmp_path


@pytest.mark.parametrize(
    ("patterns", "names"),
    [
        ("a/*.jsonl", ["a/2.jsonl", "a/10.jsonl"]),
        ("**/*.jsonl", ["[x].jsonl", "a/2.jsonl", "a/10.jsonl", "b/c/1.jsonl", "x.jsonl"]),
        ("[x].jsonl", ["[x].jsonl"]),
        (["x.jsonl", "a/2.jsonl"], ["x.jsonl", "a/2.jsonl"]),
    ],
)
def test_patterns_match_files_in_natural_order(
    tree: Path, monkeypatch: pytest.MonkeyPatch, patterns: str | list[str], names: list[str]
) -> None:
    monkeypatch.chdir(tree)
    source = make("jsonl", path=patterns)
    assert texts_of(source) == names
    assert source.inputs() == names


def test_a_file_that_is_named_twice_is_refused(tree: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"2\.jsonl: is named twice .* give the recipe two sources"
    ):
        make("jsonl", path=[str(tree / "a/*.jsonl"), str(tree / "./a/2.jsonl")]).inputs()
    (tree / "a" / "3.jsonl").symlink_to(tree / "a" / "2.jsonl")
    with pytest.raises(ConfigError, match=r"3\.jsonl: is named twice"):
        make("jsonl", path=str(tree / "a" / "*")).inputs()


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("c/*.jsonl", r"c/\*\.jsonl: the pattern matches no file"),
        ("a/3.jsonl", "there is no such file; did you mean '2.jsonl'"),
        ("a", r"is a directory; name its files, as in .*a/\*"),
        ("nowhere/1.jsonl", "there is no such file"),
    ],
)
def test_a_path_without_a_file_is_refused(tree: Path, path: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make("jsonl", path=str(tree / path)).inputs()
    with pytest.raises(ConfigError, match=message):
        make("jsonl", path=[str(tree / "x.jsonl"), str(tree / path)]).input_splits(1 << 20)


def test_an_unreadable_file_is_reported_with_its_path(tree: Path) -> None:
    source = make("jsonl", path=str(tree / "x.jsonl"))
    input_splits = source.input_splits(1 << 20)
    (tree / "x.jsonl").unlink()
    with pytest.raises(DataError, match=r"x\.jsonl: cannot be read: No such file"):
        list(source.read(input_splits[0], None))  # type: ignore[arg-type]


def test_an_input_is_described_by_path_size_and_hash(tree: Path) -> None:
    path = tree / "x.jsonl"
    entry = describe_input(str(path))
    assert entry.path == str(path)
    assert entry.size == path.stat().st_size
    assert entry.sha256 == f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
    assert entry.state() == "same"
