"""What other programs write is checked like penstock's own: sound data has no error."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from helpers.packed_data import dataset, random_rows
from penstock import check
from penstock.findings import DatasetFindings

CONTEXT = 32
#: What sound rows of random ids are called, and nothing else: they are noise.
NOISE = {"types-uniform", "order-random", "token-statistics", "tokens-few", "tokenizer-unknown"}


def checked(path: Path) -> tuple[DatasetFindings, set[str]]:
    """Return what was found in the only dataset at a path, and the codes of it."""
    (found,) = check(path).datasets
    return found, {finding.code for finding in found.findings}


def test_array_records_are_checked_to_the_last_byte(tmp_path: Path) -> None:
    pytest.importorskip("array_record")
    directory = tmp_path / "notes" / "1.0.0"
    dataset("arrayrecord", directory, {"train": random_rows(40, CONTEXT)}, context=CONTEXT)
    found, codes = checked(tmp_path)
    assert (found.format, found.rows) == ("arrayrecord", 40)
    assert codes <= NOISE
    (shard,) = directory.glob("*array_record-*")
    whole = shard.read_bytes()
    generator = np.random.default_rng(0)
    for size in generator.integers(0, len(whole), 10).tolist():
        shard.write_bytes(whole[:size])
        assert "shard-damaged" in checked(tmp_path)[1]
    for place in generator.integers(0, len(whole), 40).tolist():
        content = bytearray(whole)
        content[place] ^= 16
        shard.write_bytes(content)
        # Some bytes of a chunk's padding mean nothing.
        assert checked(tmp_path)[1] <= NOISE | {"shard-damaged"}


def test_what_tfds_itself_writes_is_sound(tmp_path: Path) -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    tfds = pytest.importorskip("tensorflow_datasets")
    segments = np.repeat([1, 2, 0], [10, 15, CONTEXT - 25])
    positions = np.concatenate([np.arange(10), np.arange(15), np.zeros(CONTEXT - 25)])
    ids = np.arange(1, CONTEXT + 1) * (segments > 0)
    mask = segments.copy()
    mask[[9, 24]] = 0
    row = {
        "inputs": ids,
        "targets": np.append(ids[1:], 0),
        "inputs_position": positions,
        "inputs_segmentation": segments,
        "targets_segmentation": mask,
    }
    row = {name: column.astype(np.int32) for name, column in row.items()}
    feature = tfds.features.Tensor(shape=(CONTEXT,), dtype=np.int32)
    directory = tmp_path / "notes" / "1.0.0"
    directory.mkdir(parents=True)
    identity = tfds.core.DatasetIdentity(
        name="notes",
        version=tfds.core.Version("1.0.0"),
        data_dir=str(directory),
        module_name=__name__,
    )
    features = tfds.features.FeaturesDict(dict.fromkeys(row, feature))
    info = tfds.core.DatasetInfo(builder=identity, features=features)
    writer = tfds.core.SequentialWriter(info, max_examples_per_shard=8)
    writer.initialize_splits(["train"])
    writer.add_examples({"train": [row] * 20})
    writer.close_all()
    found, codes = checked(tmp_path)
    assert (found.format, found.rows) == ("tfrecord", 20)
    assert codes == {"tokens-few", "token-statistics", "tokenizer-unknown"}


def test_what_megatron_itself_writes_is_sound(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    indexed = pytest.importorskip("megatron.core.datasets.indexed_dataset")
    prefix = tmp_path / "notes_text_document"
    builder = indexed.IndexedDatasetBuilder(f"{prefix}.bin", dtype=np.uint16)
    for length in (5, 1, 300):
        builder.add_document(torch.arange(length), [length])
    builder.finalize(f"{prefix}.idx")
    found, codes = checked(prefix)
    assert (found.format, found.rows, found.ok) == ("megatron", 3, True)
    assert codes == {"dtype-deepspeed", "tokens-few", "token-statistics", "tokenizer-unknown"}
