"""The tokens of a build are in any number of partial outputs, of which few are open."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import penstock
from helpers.recipe_worlds import rows, write_jsonl, write_recipe
from penstock.batches import RowStats, TokenBatch
from penstock.errors import DataError
from penstock.manifest import read_manifest
from penstock.recipes.partial import Partial
from penstock.recipes.store import Store, StoredPartial

_FEW_DESCRIPTORS = """
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
import penstock
penstock.build(sys.argv[1], workers=1)
"""


def part_of(directory: Path, number: int, ids: np.ndarray) -> StoredPartial:
    """Write ids as one document of one sequence."""
    one = np.array([len(ids)], np.int32), np.ones(1, np.int32)
    part = Partial(directory, f"part-{number}")
    batch = TokenBatch(ids, *one, numbers=[0])
    return StoredPartial(part, part.write([batch], RowStats(lambda n: ("", n))), 0)


@given(st.data())
def test_segments_are_gathered_from_any_number_of_parts(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    directory = tmp_path_factory.mktemp("parts")
    sizes = data.draw(st.lists(st.integers(0, 60), min_size=1, max_size=6))
    whole = np.arange(sum(sizes), dtype=np.int32)
    ends = np.cumsum(sizes)
    parts = [
        part_of(directory, n, whole[end - size : end].astype([np.uint16, np.int32][n % 2]))
        for n, (size, end) in enumerate(zip(sizes, ends.tolist(), strict=True))
    ]
    store = Store(parts)
    store._most_mapped = data.draw(st.integers(0, 3))
    for _ in range(3):
        picked = data.draw(st.lists(st.sampled_from(range(len(sizes))), max_size=50))
        starts, lengths = [], []
        for part in picked:
            start = data.draw(st.integers(0, sizes[part]))
            starts.append(ends[part] - sizes[part] + start)
            lengths.append(data.draw(st.integers(0, sizes[part] - start)))
        gathered = store.gather(np.array(starts, np.int64), np.array(lengths, np.int32))
        expected = [whole[s : s + n] for s, n in zip(starts, lengths, strict=True)]
        assert gathered.dtype == store.dtype
        assert gathered.tolist() == [int(each) for segment in expected for each in segment]
    assert len(store._mapped) <= store._most_mapped


@pytest.mark.parametrize("packed", [False, True])
def test_more_parts_than_descriptors_are_put_in_order(
    tmp_path: Path, tiny_tokenizer: Path, packed: bool
) -> None:
    (tmp_path / "in").mkdir()
    for number in range(200):
        write_jsonl(tmp_path / "in" / f"{number}.jsonl", rows(3))
    tokenize = {"tokenize": {"tokenizer": str(tiny_tokenizer)}}
    recipe = write_recipe(
        tmp_path / "recipe.yaml",
        name="rows",
        source={"kind": "jsonl", "path": str(tmp_path / "in" / "*.jsonl")},
        steps=[tokenize, {"pack": {"context": 64}}] if packed else ["shuffle"],
        format="megatron" if packed else "jsonl",
        output=str(tmp_path / "few"),
    )
    command = [sys.executable, "-c", _FEW_DESCRIPTORS, str(recipe)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    many = penstock.build(recipe, [f"output={tmp_path / 'many'}"], workers=1)
    few = read_manifest(tmp_path / "few")
    assert few is not None
    assert [file.sha256 for file in few.files] == [file.sha256 for file in many.manifest.files]


@pytest.mark.parametrize(
    ("field", "column", "reason"),
    [
        ("blob", pa.array([None, b"secret", None]), "bytes"),
        ("cost", pa.array([None, Decimal("1.25"), None]), "Decimal"),
        ("score", pa.array([0.5, float("nan"), None]), "NaN or infinity"),
        ("scores", pa.array([[0.5], [float("-inf")], []]), "NaN or infinity"),
    ],
)
def test_a_row_that_json_cannot_hold_is_bad_and_named(
    tmp_path: Path, field: str, column: pa.Array, reason: str
) -> None:
    pq.write_table(pa.table({"text": ["null", "b", "c"], field: column}), tmp_path / "a.parquet")
    recipe = write_recipe(
        tmp_path / "recipe.yaml",
        name="rows",
        source={"kind": "parquet", "path": str(tmp_path / "a.parquet")},
        format="jsonl",
        output=str(tmp_path / "out"),
    )
    with pytest.raises(DataError) as refused:
        penstock.build(recipe, workers=1)
    text = str(refused.value)
    assert text.startswith(f"{tmp_path / 'a.parquet'}:2: the field '{field}' cannot be JSON (")
    assert reason in text
    assert text.endswith("; list the other fields under `metadata`")
    assert "secret" not in text
    built = penstock.build(recipe, ["on_error=skip"], workers=1)
    assert built.manifest.counts["train.rows"] == 2
    assert [row.line for row in built.manifest.skipped] == [2]
    built = penstock.build(recipe, ["source.metadata=[]", f"output={tmp_path / 'bare'}"], workers=1)
    assert built.manifest.counts["train.rows"] == 3


def test_a_row_that_is_nested_too_deeply_is_bad_and_named(tmp_path: Path) -> None:
    deep = '{"text": "a", "x": ' + "[" * 400 + "]" * 400 + "}"
    recipe = write_recipe(
        tmp_path / "recipe.yaml",
        name="rows",
        source={"kind": "jsonl", "path": str(write_jsonl(tmp_path / "a.jsonl", [*rows(2), deep]))},
        format="jsonl",
        output=str(tmp_path / "out"),
    )
    with pytest.raises(DataError, match=r"a\.jsonl:3: the field 'x' cannot be JSON \(Recursion"):
        penstock.build(recipe, workers=1)
