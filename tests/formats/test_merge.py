"""Merging Megatron pairs with manifests: a complete dataset or no file."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from multiprocessing import get_context
from pathlib import Path

import pytest

from helpers.killing import kill_at_change
from helpers.token_pairs import write_flat
from penstock.errors import ConfigError, ConflictError, DataError
from penstock.formats import FORMATS, merge
from penstock.formats._merge import staging_area
from penstock.manifest import FileEntry, Manifest, MergeRecipe, read_manifest


def dataset(
    directory: Path, *, tokenizer: str | None = "one", split: str = "train", **recipe: bool
) -> Path:
    """Write a directory with one pair and a manifest."""
    prefix = write_flat(directory / f"{directory.name}_text_document", 3, 2)
    files = [f"{prefix.name}.bin", f"{prefix.name}.idx"]
    Manifest(
        format="megatron",
        files=[FileEntry.of(directory, name, split=split) for name in files],
        tokenizer={"sha256": tokenizer} if tokenizer else None,
        recipe=MergeRecipe(datasets=[], **recipe),
        inputs=[],
    ).write(directory)
    return directory


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_manifest_inherits_from_the_inputs(tmp_path: Path) -> None:
    parts = [dataset(tmp_path / "a", redact=True), dataset(tmp_path / "b", synthetic=True)]
    manifest = merge(parts, tmp_path / "m")
    assert manifest == read_manifest(tmp_path / "m")
    assert manifest.tokenizer == {"sha256": "one"}
    assert (manifest.confidential, manifest.synthetic) == (True, True)
    assert manifest.counts == {"train.rows": 4}
    assert {entry.split for entry in manifest.files} == {"train"}
    assert manifest.mismatches(tmp_path) == []
    assert names(tmp_path) == ["a", "b", "m.bin", "m.idx", "m.penstock.json"]


@pytest.mark.parametrize(
    ("splits", "name", "split"),
    [
        (("validation", "validation"), "m", "validation"),
        (("validation", "train"), "m", "train"),
        (("train", "train"), "m_test_text_document", "test"),
    ],
)
def test_split_comes_from_the_name_or_the_inputs(
    tmp_path: Path, splits: Sequence[str], name: str, split: str
) -> None:
    parts = [dataset(tmp_path / str(number), split=each) for number, each in enumerate(splits)]
    assert merge(parts, tmp_path / name).counts == {f"{split}.rows": 4}
    assert FORMATS.get("megatron").open(tmp_path / name).splits == {split: 4}


@pytest.mark.parametrize("named", ["", "b_text_document", "b_text_document.idx"])
@pytest.mark.parametrize("tokenizer", ["two", None])
def test_another_tokenizer_is_refused_before_anything_is_written(
    tmp_path: Path, named: str, tokenizer: str | None
) -> None:
    parts = [dataset(tmp_path / "a"), dataset(tmp_path / "b", tokenizer=tokenizer) / named]
    words = "has another tokenizer" if tokenizer else "no manifest names its tokenizer, but that of"
    for order in (parts, parts[::-1]):
        with pytest.raises(ConfigError, match=words):
            merge(order, tmp_path / "m")
    assert names(tmp_path) == ["a", "b"]


def test_a_dataset_that_is_named_twice_is_refused(tmp_path: Path) -> None:
    one = dataset(tmp_path / "a")
    (tmp_path / "link").symlink_to(one)
    for other in (one, one / "a_text_document.bin", tmp_path / "link"):
        with pytest.raises(ConfigError, match="is named twice; its rows would count twice"):
            merge([one, other], tmp_path / "m")
    assert names(tmp_path) == ["a", "link"]


def test_a_dataset_that_differs_from_its_manifest_leaves_no_output(tmp_path: Path) -> None:
    parts = [dataset(tmp_path / "a"), dataset(tmp_path / "b")]
    write_flat(parts[1] / "b_text_document", 3, 3)
    with pytest.raises(DataError, match="is not what its manifest says; restore it"):
        merge(parts, tmp_path / "m")
    assert names(tmp_path) == ["a", "b"]


def test_existing_and_concurrent_outputs_are_refused(tmp_path: Path) -> None:
    parts = [dataset(tmp_path / "a"), dataset(tmp_path / "b")]
    output = tmp_path / "m"
    with staging_area(output, [output]), pytest.raises(ConflictError, match="another process"):
        merge(parts, output)
    output.with_name("m.penstock.json").write_text("mine")
    with pytest.raises(ConflictError, match=r"m\.penstock\.json exists already"):
        merge(parts, output)
    with pytest.raises(ConfigError, match="is a directory; name the prefix of new files"):
        merge(parts, tmp_path / "a")
    assert names(tmp_path) == ["a", "b", "m.penstock.json"]


def merge_killed(parts: Sequence[Path], output: Path, change: int) -> None:
    kill_at_change(change)
    merge(parts, output)


def test_a_killed_merge_is_complete_or_can_be_repeated(tmp_path: Path) -> None:
    parts = [dataset(tmp_path / "parts" / name) for name in "ab"]
    merge(parts, tmp_path / "complete" / "m")
    complete = {path.name: path.read_bytes() for path in (tmp_path / "complete").iterdir()}
    code, change = -signal.SIGKILL, 0
    while code == -signal.SIGKILL:
        change += 1
        output = tmp_path / str(change) / "m"
        process = get_context("fork").Process(target=merge_killed, args=(parts, output, change))
        process.start()
        process.join()
        code = process.exitcode or 0
        if (output.parent / "m.penstock.json").exists():
            with pytest.raises(ConflictError, match="exists already"):
                merge(parts, output)
        else:
            merge(parts, output)
        assert {path.name: path.read_bytes() for path in output.parent.iterdir()} == complete
    assert code == os.EX_OK
    assert change > 20
