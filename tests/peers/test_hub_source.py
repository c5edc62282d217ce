"""The source hub, with the library `datasets`: directories, the cache, and no network."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import penstock
from helpers.recipe_worlds import files_of, write_jsonl, write_recipe
from penstock.batches import RowBatch, RowStats
from penstock.errors import ConfigError, DataError
from penstock.sources import SOURCES, Source

datasets = pytest.importorskip("datasets")

ROWS = [{"id": n, "text": f"text {n}", "by": {"unit": "x" * n}} for n in range(2500)]
COMMIT = "161ece9501cf0a11f3e48bd356eaa82de46d6a09"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the library, and no network."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    return tmp_path / "cache"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A directory like a dataset of the Hub: two splits, files of JSON Lines."""
    (tmp_path / "data").mkdir()
    write_jsonl(tmp_path / "data/train.jsonl", ROWS)
    write_jsonl(tmp_path / "data/test.jsonl", ROWS[:7])
    return tmp_path / "data"


def hub(**settings: Any) -> Source:
    return SOURCES.get("hub").model_validate(settings)


def read(source: Source, split_bytes: int = 20_000) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for input_split in source.input_splits(split_bytes):
        stats = RowStats(lambda number, input_split=input_split: source.locate(input_split, number))
        for batch in source.read(input_split, stats):
            assert isinstance(batch, RowBatch)
            rows += batch.rows
    return rows


def test_a_directory_is_read_split_by_split(directory: Path) -> None:
    assert read(hub(dataset=str(directory))) == ROWS
    assert read(hub(dataset=str(directory), split="test")) == ROWS[:7]
    chosen = hub(dataset=str(directory), split="test", text="by.unit", metadata={"n": "id"})
    assert read(chosen)[3] == {"text": "xxx", "n": 3}


def test_the_cached_files_are_the_inputs_and_cut_into_splits(directory: Path, cache: Path) -> None:
    source = hub(dataset=str(directory))
    [file] = source.inputs()
    assert Path(file).is_relative_to(cache)
    assert len(source.input_splits(20_000)) > 1


def test_a_bad_row_is_named_by_its_number_in_the_cached_file(directory: Path) -> None:
    write_jsonl(directory / "train.jsonl", [*ROWS[:9], {**ROWS[9], "text": None}])
    source = hub(dataset=str(directory))
    with pytest.raises(DataError) as caught:
        read(source)
    assert str(caught.value) == f"{source.inputs()[0]}:10: the field 'text' is null, must be text"


def test_the_manifest_has_the_hashes_and_a_second_build_is_the_same(
    directory: Path, tmp_path: Path
) -> None:
    recipe = write_recipe(
        tmp_path / "recipe.yaml",
        source={"kind": "hub", "dataset": str(directory), "metadata": ["id"]},
        format="jsonl",
        output=str(tmp_path / "dataset"),
        input_split_bytes=20_000,
    )
    built = penstock.build(recipe, workers=2)
    [entry] = built.manifest.inputs
    assert entry.path.endswith("data-train.arrow")
    first = files_of(built.path)
    assert not penstock.build(recipe).fresh
    shutil.rmtree(built.path)
    penstock.build(recipe, workers=1)
    assert files_of(built.path) == first
    lines = (built.path / "train.jsonl").read_text().splitlines()
    assert [json.loads(line)["id"] for line in lines] == list(range(2500))


def cached_from_hub(cache: Path, directory: Path) -> None:
    """Put a dataset into the cache, as if downloaded at COMMIT."""
    [made] = {Path(file).parent for file in hub(dataset=str(directory)).inputs()}
    target = cache / "owner___data" / "default" / "0.0.0" / COMMIT
    shutil.copytree(made, target)


def test_a_cached_dataset_needs_no_network_and_its_path_has_the_commit(
    directory: Path, cache: Path
) -> None:
    cached_from_hub(cache, directory)
    source = hub(dataset="owner/data")
    assert Path(source.inputs()[0]).parent.name == COMMIT
    assert read(source) == ROWS
    assert read(hub(dataset="owner/data", revision=COMMIT, split="test")) == ROWS[:7]


def test_another_cached_revision_is_refused(directory: Path, cache: Path) -> None:
    cached_from_hub(cache, directory)
    with pytest.raises(ConfigError) as caught:
        hub(dataset="owner/data", revision="0123abc").inputs()
    assert str(caught.value).startswith(
        f"owner/data: the Hub cannot be reached, and the newest cached revision is {COMMIT}; set "
        "`revision`"
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"dataset": "owner/none"},
            "owner/none: the Hub cannot be reached, and the dataset is not cached.",
        ),
        ({"dataset": "DIR", "split": "tset"}, 'DIR: Unknown split "tset". Should be one of'),
        ({"dataset": "DIR", "config": "x"}, "DIR: BuilderConfig 'x' not found. Available: ['def"),
    ],
)
def test_an_unavailable_dataset_is_reported(
    directory: Path, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        hub(**{k: str(directory) if v == "DIR" else v for k, v in settings.items()}).inputs()
    assert str(caught.value).replace(str(directory), "DIR").startswith(message)


def test_unreadable_files_are_reported_without_their_text(directory: Path) -> None:
    (directory / "train.jsonl").write_text('{"text": "a"}\n{"text": secret}\n')
    with pytest.raises(ConfigError) as caught:
        hub(dataset=str(directory)).inputs()
    assert "use the source for this type of file (csv, jsonl, ...), which names the line" in str(
        caught.value
    )
    assert "secret" not in str(caught.value)
