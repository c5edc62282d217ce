"""A manifest says what a dataset is, reads back the same, and is never half there."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.manifests import build_recipe
from penstock.errors import DataError
from penstock.manifest import (
    MANIFEST_NAME,
    SCHEMA_VERSION,
    BuildRecipe,
    FileEntry,
    InputEntry,
    Manifest,
    MergeRecipe,
    MigrationRecipe,
    describe,
    find_manifest,
    manifest_of,
    manifest_path,
    read_manifest,
)
from penstock.step_report import StepReport

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
HASH = st.binary(min_size=32, max_size=32).map(lambda digest: f"sha256:{digest.hex()}")
COUNT = st.integers(0, 2**53)
NAME = st.text("abcdef_.", min_size=1, max_size=8)
FILES = st.lists(
    st.builds(FileEntry, path=NAME, size=COUNT, sha256=HASH, rows=st.none() | COUNT),
    unique_by=lambda entry: entry.path,
    max_size=5,
)
VALUES = st.recursive(
    st.none() | st.booleans() | COUNT | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
MANIFESTS = st.builds(
    Manifest,
    format=NAME,
    task=st.none() | NAME,
    counts=st.dictionaries(NAME, COUNT, max_size=3),
    files=FILES,
    tokenizer=st.none() | st.dictionaries(NAME, VALUES, max_size=3),
    recipe=st.builds(
        BuildRecipe,
        name=st.none() | NAME,
        seed=COUNT,
        sources=st.dictionaries(NAME, st.dictionaries(NAME, VALUES, max_size=2), max_size=2),
        format=st.dictionaries(NAME, VALUES, max_size=2),
        output=NAME,
        synthetic=st.booleans(),
    )
    | st.builds(MergeRecipe, datasets=st.lists(NAME, max_size=2))
    | st.builds(MigrationRecipe, mode=NAME, source=NAME, version=st.none() | NAME),
    steps=st.lists(
        st.builds(
            StepReport,
            name=NAME,
            kept=COUNT,
            dropped=st.dictionaries(NAME, COUNT, max_size=2),
            noted=st.dictionaries(NAME, COUNT, max_size=2),
        ),
        max_size=3,
    ),
    inputs=st.lists(st.builds(InputEntry, path=NAME, size=COUNT, sha256=HASH), max_size=3),
)


def dataset(directory: Path) -> Manifest:
    """Write two files and return their manifest."""
    directory.mkdir(exist_ok=True)
    (directory / "a.jsonl").write_text('{"a": 1}\n')
    (directory / "b.jsonl").write_text('{"a": 2}\n{"a": 3}\n')
    rows = {"a.jsonl": 1, "b.jsonl": 2}
    return describe(directory, sorted(rows), format="task_jsonl", task="copa", rows=rows)


@given(MANIFESTS)
def test_a_manifest_reads_back_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, manifest: Manifest
) -> None:
    directory = tmp_path_factory.getbasetemp() / "manifest"
    directory.mkdir(exist_ok=True)
    manifest.write(directory)
    assert read_manifest(directory) == manifest
    assert (directory / MANIFEST_NAME).read_bytes() == manifest.to_json()


@given(FILES, st.randoms())
def test_the_content_hash_does_not_depend_on_the_order(
    files: list[FileEntry], shuffler: random.Random
) -> None:
    one = Manifest(format="task_jsonl", files=files, recipe=build_recipe(name="a"), inputs=[])
    shuffled = list(files)
    shuffler.shuffle(shuffled)
    other = Manifest(
        format="megatron", task="copa", files=shuffled, recipe=build_recipe(), inputs=[]
    )
    assert one.content_hash == other.content_hash


def test_the_content_hash_changes_with_a_name_and_with_a_byte(tmp_path: Path) -> None:
    before = dataset(tmp_path).content_hash
    (tmp_path / "b.jsonl").write_text('{"a": 2}\n{"a": 4}\n')
    names = ["a.jsonl", "b.jsonl"]
    other_byte = describe(tmp_path, names, format="task_jsonl", task="copa").content_hash
    (tmp_path / "b.jsonl").rename(tmp_path / "c.jsonl")
    names = ["a.jsonl", "c.jsonl"]
    other_name = describe(tmp_path, names, format="task_jsonl", task="copa").content_hash
    assert len({before, other_byte, other_name}) == 3


def test_the_same_dataset_elsewhere_has_the_same_content_hash(tmp_path: Path) -> None:
    one, other = dataset(tmp_path / "one"), dataset(tmp_path / "other")
    assert one.content_hash == other.content_hash
    assert one.recipe != other.recipe


def test_a_description_writes_nothing_and_counts_rows(tmp_path: Path) -> None:
    manifest = dataset(tmp_path)
    assert manifest.counts == {"a.jsonl": 1, "b.jsonl": 2}
    assert [(entry.path, entry.size, entry.rows) for entry in manifest.files] == [
        ("a.jsonl", 9, 1),
        ("b.jsonl", 18, 2),
    ]
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a.jsonl", "b.jsonl"]
    assert read_manifest(tmp_path) is None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not JSON"),
        (b'{"format": "task_js', "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[]", "not a manifest (: Input should be"),
        (b"null", "not a manifest (: Input should be"),
        (b'{"format": "task_jsonl"}', "not a manifest (files: Field required)"),
        (
            b'{"format": "a", "files": [{"path": "a"}], "recipe": {}, "inputs": []}',
            "not a manifest (files.0.size: Field required)",
        ),
        (
            b'{"format": "a", "files": [], "inputs": [], "colour": 1, '
            b'"recipe": {"kind": "as found", "path": "a"}}',
            "not a manifest (colour: Extra inputs are not permitted)",
        ),
    ],
)
def test_what_is_no_manifest_is_refused_with_its_name_and_the_mend(
    tmp_path: Path, content: bytes, words: str
) -> None:
    path = tmp_path / MANIFEST_NAME
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_manifest(tmp_path)
    assert str(caught.value).startswith(f"{path}:")
    assert words in str(caught.value)
    assert str(caught.value).endswith("; build the dataset again")


def test_a_truncated_manifest_never_reads(tmp_path: Path) -> None:
    whole = dataset(tmp_path).to_json()
    for length in range(len(whole) - 2):
        (tmp_path / MANIFEST_NAME).write_bytes(whole[:length])
        with pytest.raises(DataError, match="not JSON"):
            read_manifest(tmp_path)


def test_a_manifest_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / MANIFEST_NAME).mkdir()
    with pytest.raises(DataError, match=r"penstock\.json: cannot be read"):
        read_manifest(tmp_path)


def test_a_manifest_whose_writer_was_killed_is_whole_or_absent(tmp_path: Path) -> None:
    (tmp_path / "start").mkdir()
    script = ("-m", "helpers.killed_writes")
    subprocess.run([sys.executable, *script, "manifest", tmp_path], check=True, timeout=100)
    places = [path for path in tmp_path.iterdir() if path.name != "start"]
    read = [read_manifest(place) for place in places]
    assert len(read) > 4
    assert any(manifest is None for manifest in read)
    assert [len(m.counts) for m in read if m is not None] == [300] * len([m for m in read if m])


def test_files_that_differ_from_the_manifest_are_told_how(tmp_path: Path) -> None:
    manifest = dataset(tmp_path)
    assert manifest.mismatches(tmp_path) == []
    (tmp_path / "a.jsonl").unlink()
    with (tmp_path / "b.jsonl").open("a") as stream:
        stream.write("{}\n")
    found = [(entry.path, how) for entry, how in manifest.mismatches(tmp_path)]
    assert found == [("a.jsonl", "is missing"), ("b.jsonl", "has 21 bytes, not 18")]
    (tmp_path / "a.jsonl").write_text('{"b": 1}\n')
    (tmp_path / "b.jsonl").unlink()
    (tmp_path / "b.jsonl").mkdir()
    found = [(entry.path, how) for entry, how in manifest.mismatches(tmp_path)]
    assert found == [("a.jsonl", "has other content"), ("b.jsonl", "is missing")]


def test_an_input_knows_whether_it_is_still_the_same(tmp_path: Path) -> None:
    path = tmp_path / "raw.jsonl"
    path.write_text("one")
    entry = InputEntry.of(path)
    assert entry.path == str(path.resolve())
    assert entry.state() == "same"
    path.write_text("two")
    assert entry.state() == "changed"
    path.write_text("three")
    assert entry.state() == "changed"
    path.unlink()
    assert entry.state() == "missing"


def test_a_link_as_input_is_recorded_by_the_file_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "raw").write_text("one")
    (tmp_path / "link").symlink_to("raw")
    assert InputEntry.of(tmp_path / "link").path == str((tmp_path / "raw").resolve())


@pytest.mark.parametrize(
    ("tokenizer", "written"),
    [
        ({"eos_token": "</s>", "pad_token": "<|padding|>"}, None),
        ({"max_tokens": 8192, "sha256": "sha256:" + "ab" * 32}, None),
        ({"hub_token": "abcdefghij"}, {"hub_token": "[redacted]"}),
        ({"source": "https://me:pw@host/t"}, {"source": "https://[redacted]@host/t"}),
    ],
)
def test_a_written_manifest_holds_no_secret_and_all_else(
    tmp_path: Path, tokenizer: dict[str, Any], written: dict[str, Any] | None
) -> None:
    manifest = dataset(tmp_path).model_copy(update={"tokenizer": tokenizer})
    manifest.write(tmp_path)
    data = json.loads((tmp_path / MANIFEST_NAME).read_bytes())
    assert data["tokenizer"] == (written or tokenizer)
    assert data["files"] == [entry.model_dump() for entry in manifest.files]


def test_a_part_is_told_of_by_the_manifest_that_lists_it(tmp_path: Path) -> None:
    for name in ("a.bin", "a.idx", "b.bin", "c.d.bin"):
        (tmp_path / name).write_bytes(b"1")
    whole = describe(tmp_path, ["a.bin", "a.idx", "c.d.bin"], format="megatron", task=None)
    whole.write(tmp_path)
    for named in ("a", "a.bin", "c.d"):
        found = find_manifest(tmp_path / named)
        assert found is not None
        assert found.owner == tmp_path
        assert {entry.path.partition(".")[0] for entry in found.files} == {named[0]}
    assert [manifest_of(tmp_path / name) for name in ("b", "b.bin", "c", "a.b")] == [None] * 4
    beside = describe(tmp_path, ["b.bin"], format="megatron", task="copa")
    manifest_path(tmp_path / "all").write_bytes(beside.to_json())
    assert manifest_of(tmp_path / "b") == manifest_of(tmp_path / "b.bin") == beside
    manifest_path(tmp_path / "a").write_bytes(beside.to_json())
    assert manifest_of(tmp_path / "a") == beside


def test_a_manifest_that_may_tell_of_a_part_must_be_readable(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"1")
    manifest_path(tmp_path / "b").write_bytes(b"{")
    with pytest.raises(DataError, match=r"b\.penstock\.json"):
        manifest_of(tmp_path / "a")


def test_what_changed_is_held_against_a_manifest_only_where_one_was_written(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text("{}\n")
    found = describe(tmp_path, ["rows.jsonl"], format="chat", task=None)
    found.require_unchanged(tmp_path)
    (tmp_path / "rows.jsonl").write_text("[]\n")
    with pytest.raises(DataError, match="has changed since the run was planned"):
        found.require_unchanged(tmp_path)
    found.write(tmp_path)
    with pytest.raises(DataError, match="it differs from its manifest"):
        found.require_unchanged(tmp_path)


#: As penstock 0.1.0 wrote it.
OF_0_1_0 = {
    "penstock": "0.1.0",
    "format": "megatron",
    "task": None,
    "counts": {
        "read": 20,
        "filter.kept": 18,
        "filter.too_short": 2,
        "tokenize.tokens": 900,
        "train.rows": 18,
        "train.tokens": 900,
    },
    "files": [],
    "tokenizer": None,
    "recipe": {
        "kind": "build",
        "key": "48a6a1e4",
        "name": "notes",
        "description": "",
        "seed": 0,
        "output": "datasets/notes",
        "as_prefix": False,
        "on_error": "fail",
        "max_errors": 100,
        "redact": True,
        "card": False,
        "preset": None,
        "piece_bytes": 4096,
        "sources": {"source": {"kind": "jsonl", "path": "a.jsonl"}},
        "steps": [{"filter": {"min_characters": 20}}],
        "format": {"kind": "megatron"},
    },
    "inputs": [],
}


def test_a_manifest_of_0_1_0_is_read(tmp_path: Path) -> None:
    (tmp_path / MANIFEST_NAME).write_text(json.dumps(OF_0_1_0))
    manifest = read_manifest(tmp_path)
    assert manifest is not None
    assert isinstance(manifest.recipe, BuildRecipe)
    assert (manifest.schema_version, manifest.recipe.input_split_bytes) == (1, 4096)
    assert manifest.confidential
    assert manifest.counts == {"train.rows": 18, "train.tokens": 900}
    assert manifest.steps == []


def newer(directory: Path, **changes: Any) -> None:
    """Write a manifest as a later penstock might."""
    made = json.loads(
        Manifest(format="jsonl", files=[], recipe=build_recipe(), inputs=[]).to_json()
    )
    made |= {"schema_version": SCHEMA_VERSION + 1, "penstock": "9.0"} | changes
    (directory / MANIFEST_NAME).write_text(json.dumps(made))


def test_of_a_newer_manifest_what_is_known_is_read(tmp_path: Path) -> None:
    recipe = build_recipe(name="a").model_dump(mode="json") | {"colour": 1}
    newer(tmp_path, shade={"x": 1}, recipe=recipe)
    manifest = read_manifest(tmp_path)
    assert manifest is not None
    assert isinstance(manifest.recipe, BuildRecipe)
    assert manifest.recipe.name == "a"


def test_a_newer_manifest_that_does_not_fit_is_named_as_such(tmp_path: Path) -> None:
    newer(tmp_path, files="elsewhere")
    with pytest.raises(DataError) as caught:
        read_manifest(tmp_path)
    assert f"made by a newer penstock (9.0, manifest schema {SCHEMA_VERSION + 1};" in str(
        caught.value
    )
    assert "upgrade penstock" in str(caught.value)
