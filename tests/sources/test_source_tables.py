"""The sources parquet and hf_disk: Arrow tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.source_rows import make, read, rows_of, texts_of
from penstock.batches import RowStats
from penstock.errors import ConfigError, DataError

ROWS = [{"id": n, "text": f"text {n}", "by": {"unit": "x" * n, "n": n}} for n in range(25)]


def parquet(path: Path, rows: list[dict[str, Any]] = ROWS, group: int = 4) -> Path:
    """Write rows as Parquet with row groups of `group`."""
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=group)
    return path


def saved(folder: Path, rows: list[dict[str, Any]] = ROWS, batch: int = 4) -> Path:
    """Write rows as `save_to_disk` does, in two files."""
    folder.mkdir(parents=True)
    table = pa.Table.from_pylist(rows)
    names = [f"data-0000{number}-of-00002.arrow" for number in (0, 1)]
    for name, part in zip(names, (table.slice(0, 13), table.slice(13)), strict=True):
        with pa.OSFile(str(folder / name), "wb") as out, pa.ipc.new_stream(out, table.schema) as w:
            w.write_table(part, max_chunksize=batch)
    state = {"_data_files": [{"filename": name} for name in names], "_split": "train"}
    (folder / "state.json").write_text(json.dumps(state))
    return folder


@given(st.integers(1, 30), st.integers(1, 4000))
def test_every_parquet_row_is_read_once_wherever_the_file_is_cut(
    tmp_path_factory: pytest.TempPathFactory, group: int, split_bytes: int
) -> None:
    path = parquet(tmp_path_factory.getbasetemp() / "cut.parquet", group=group)
    assert rows_of(make("parquet", path=str(path)), split_bytes=split_bytes) == ROWS


@given(st.integers(1, 30), st.integers(1, 4000))
def test_every_row_of_a_saved_dataset_is_read_once_wherever_it_is_cut(
    tmp_path_factory: pytest.TempPathFactory, batch: int, split_bytes: int
) -> None:
    folder = saved(tmp_path_factory.mktemp("cut") / "d", batch=batch)
    assert rows_of(make("hf_disk", path=str(folder)), split_bytes=split_bytes) == ROWS


@pytest.mark.parametrize("kind", ["parquet", "hf_disk"])
def test_nested_fields_of_columns_are_found(tmp_path: Path, kind: str) -> None:
    path = parquet(tmp_path / "a.parquet") if kind == "parquet" else saved(tmp_path / "d")
    source = make(kind, path=str(path), text="by.unit", metadata={"n": "by.n"})
    assert rows_of(source)[3] == {"text": "xxx", "n": 3}


@pytest.mark.parametrize("kind", ["parquet", "hf_disk"])
@pytest.mark.parametrize("skip", [False, True])
def test_a_missing_column_is_fatal(tmp_path: Path, kind: str, skip: bool) -> None:
    path = parquet(tmp_path / "a.parquet") if kind == "parquet" else saved(tmp_path / "d")
    with pytest.raises(DataError, match="has no column 'txt'; did you mean 'text'"):
        read(make(kind, path=str(path), text="txt"), skip=skip)


@pytest.mark.parametrize("kind", ["parquet", "hf_disk"])
def test_a_row_without_text_is_reported_with_its_number_in_the_file(
    tmp_path: Path, kind: str
) -> None:
    rows = [{"text": None if n == 9 else "a"} for n in range(20)]
    path = (
        parquet(tmp_path / "a.parquet", rows) if kind == "parquet" else saved(tmp_path / "d", rows)
    )
    source = make(kind, path=str(path))
    with pytest.raises(DataError, match=":10: the field 'text' is null, must be text"):
        read(source, split_bytes=1)
    found, errors, _ = read(source, split_bytes=1, skip=True)
    assert (len(found), errors[0][1]) == (19, 10)


@pytest.mark.parametrize("kind", ["parquet", "hf_disk"])
def test_text_that_is_not_utf8_is_a_bad_row(tmp_path: Path, kind: str) -> None:
    data = pa.array([b"one", b"secret \xff", b"three"], pa.binary()).view(pa.string())
    table = pa.table({"text": data})
    if kind == "parquet":
        path = tmp_path / "a.parquet"
        pq.write_table(table, path)
    else:
        path = saved(tmp_path / "d")
        file = path / "data-00000-of-00002.arrow"
        with pa.OSFile(str(file), "wb") as out, pa.ipc.new_stream(out, table.schema) as writer:
            writer.write_table(table)
        (path / "state.json").write_text(json.dumps({"_data_files": [{"filename": file.name}]}))
    rows, errors, _ = read(make(kind, path=str(path)), skip=True)
    assert [row["text"] for row in rows] == ["one", "three"]
    assert [(line, reason) for _, line, reason in errors] == [(2, "the field 'text' is not UTF-8")]


@pytest.mark.parametrize("kept", [0, 10, 500])
def test_truncated_parquet_is_reported_with_its_path(tmp_path: Path, kept: int) -> None:
    path = parquet(tmp_path / "a.parquet")
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(DataError, match=r"a\.parquet: is corrupt, or is not the type of file"):
        read(make("parquet", path=str(path)))


def test_a_batch_of_large_texts_is_a_few_megabytes(tmp_path: Path) -> None:
    rows = [{"text": "x" * 200_000} for _ in range(60)]
    path = parquet(tmp_path / "a.parquet", rows, group=60)
    source = make("parquet", path=str(path))
    [input_split] = source.input_splits(1 << 30)
    batches = list(source.read(input_split, RowStats(lambda number: ("", number))))
    assert sum(map(len, batches)) == 60
    assert max(map(len, batches)) <= 10


def test_a_saved_dataset_truncated_after_a_batch_is_an_error(
    tmp_path: Path,
) -> None:
    folder = saved(tmp_path / "d")
    file = folder / "data-00001-of-00002.arrow"
    file.write_bytes(file.read_bytes()[:-8])
    with pytest.raises(DataError, match=r"data-00001-of-00002\.arrow: is truncated"):
        read(make("hf_disk", path=str(folder)))


def test_one_of_several_splits_is_selected(tmp_path: Path) -> None:
    for split in ("train", "test"):
        saved(tmp_path / "d" / split)
    (tmp_path / "d" / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    assert len(rows_of(make("hf_disk", path=str(tmp_path / "d"), split="test"))) == 25
    with pytest.raises(ConfigError, match=r"set split to one of: train, test$"):
        make("hf_disk", path=str(tmp_path / "d")).inputs()
    with pytest.raises(ConfigError, match="did you mean 'train'"):
        make("hf_disk", path=str(tmp_path / "d"), split="trian").inputs()
    with pytest.raises(ConfigError, match="is one dataset without splits"):
        make("hf_disk", path=str(tmp_path / "d" / "train"), split="train").inputs()


def test_a_folder_without_a_saved_dataset_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"has neither state\.json nor dataset_dict\.json"):
        make("hf_disk", path=str(tmp_path)).inputs()


def test_a_selection_of_rows_is_refused_with_a_hint(tmp_path: Path) -> None:
    folder = saved(tmp_path / "d")
    state = json.loads((folder / "state.json").read_bytes())
    state["_indices_data_files"] = [{"filename": "indices.arrow"}]
    (folder / "state.json").write_text(json.dumps(state))
    with pytest.raises(ConfigError, match="flatten_indices"):
        make("hf_disk", path=str(folder)).inputs()


def test_inputs_are_the_files_of_the_saved_dataset(tmp_path: Path) -> None:
    folder = saved(tmp_path / "d")
    names = [Path(path).name for path in make("hf_disk", path=f"{folder}/").inputs()]
    assert names == ["state.json", "data-00000-of-00002.arrow", "data-00001-of-00002.arrow"]
    assert texts_of(make("hf_disk", path=f"{folder}/"))[0] == "text 0"
