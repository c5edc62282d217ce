"""`penstock export maxtext`: settings for each format and for the installed MaxText."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.manifests import build_recipe
from helpers.packed_data import ROWS, dataset
from penstock.errors import ConfigError
from penstock.formats.megatron import write_pair
from penstock.manifest import FileEntry, Manifest
from penstock.trainers import TRAINERS, export

TOKENIZER = {
    "path": "/tokenizers/gpt2/tokenizer.json",
    "sha256": "sha256:0",
    "vocab_size": 50_257,
    "bos_id": None,
    "eod_id": 50_256,
    "pad_id": None,
    "engine": "tokenizers",
    "engine_version": "0",
}
KEYS = [
    "dataset_type",
    "dataset_path",
    "dataset_name",
    "train_split",
    "eval_dataset_name",
    "eval_split",
    "tokenize_train_data",
    "tokenize_eval_data",
    "train_data_columns",
    "eval_data_columns",
    "packing",
    "max_target_length",
    "tokenizer_type",
    "tokenizer_path",
    "vocab_size",
    "grain_file_type",
    "grain_train_files",
    "grain_eval_files",
    "reset_attention_mask",
    "mmap_eod_id",
]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "notes" / "1.0.0"


def install(root: Path, monkeypatch: pytest.MonkeyPatch, keys: list[str]) -> None:
    """Put a MaxText package with these configuration keys on the path."""
    package = root / "site" / "maxtext"
    (package / "configs").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('it must not be imported')\n")
    (package / "configs" / "base.yml").write_text("".join(f"{key}: ''\n" for key in keys))
    about = root / "site" / "maxtext-9.8.7.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: maxtext\nVersion: 9.8.7\n")
    monkeypatch.syspath_prepend(root / "site")
    importlib.invalidate_caches()


def with_tokenizer(directory: Path, format: str) -> None:
    Manifest(format=format, files=[], tokenizer=TOKENIZER, recipe=build_recipe(), inputs=[]).write(
        directory
    )


def pair(prefix: Path) -> None:
    prefix.parent.mkdir(parents=True, exist_ok=True)
    with write_pair(prefix, np.dtype(np.uint16), sequences=2, documents=2) as out:
        out.add(
            np.array([1, 2, 3, 4], np.uint16),
            np.array([3, 1], np.int32),
            np.array([1, 1], np.int64),
        )


def test_tfrecord_goes_through_the_tfds_pipeline_by_name(home: Path) -> None:
    dataset("tfrecord", home, {"train": ROWS, "validation": ROWS})
    with_tokenizer(home, "tfrecord")
    assert export("maxtext", home).settings == {
        "dataset_type": "tfds",
        "dataset_path": str(home.parent.parent),
        "dataset_name": "notes:1.0.0",
        "train_split": "train",
        "tokenize_train_data": False,
        "train_data_columns": ["inputs"],
        "eval_dataset_name": "notes:1.0.0",
        "eval_split": "validation",
        "tokenize_eval_data": False,
        "eval_data_columns": ["inputs"],
        "packing": False,
        "max_target_length": 12,
        "tokenizer_type": "huggingface",
        "tokenizer_path": "/tokenizers/gpt2",
        "vocab_size": 50_257,
    }


def test_arrayrecord_goes_through_grain_by_its_files(home: Path) -> None:
    pytest.importorskip("array_record")
    dataset("arrayrecord", home, {"train": ROWS})
    settings = export("maxtext", home).settings
    assert settings == {
        "dataset_type": "grain",
        "grain_file_type": "arrayrecord",
        "grain_train_files": f"{home}/notes-train.array_record-*",
        "tokenize_train_data": False,
        "train_data_columns": ["inputs"],
        "packing": False,
        "max_target_length": 12,
    }
    assert len(list(home.glob(Path(settings["grain_train_files"]).name))) == 1


def test_a_megatron_pair_is_one_stream_of_tokens_in_grain(tmp_path: Path) -> None:
    prefix = tmp_path / "notes_text_document"
    pair(prefix)
    found = export("maxtext", prefix)
    assert found.settings == {
        "dataset_type": "grain",
        "grain_file_type": "mmap",
        "grain_train_files": str(prefix),
        "tokenize_train_data": False,
        "tokenize_eval_data": False,
        "packing": False,
        "reset_attention_mask": True,
    }
    assert any("mmap_eod_id" in line for line in found.advice)


def test_the_end_of_document_id_comes_from_the_manifest(tmp_path: Path) -> None:
    pair(tmp_path / "d" / "notes_text_document")
    Manifest(
        format="megatron",
        files=[FileEntry.of(tmp_path / "d", "notes_text_document.idx")],
        tokenizer=TOKENIZER,
        recipe=build_recipe(),
        inputs=[],
    ).write(tmp_path / "d")
    settings = export("maxtext", tmp_path / "d").settings
    assert settings["mmap_eod_id"] == 50_256
    assert settings["grain_train_files"] == str(tmp_path / "d" / "notes_text_document")


def test_the_end_of_document_id_of_a_pair_comes_from_its_datasets_manifest(tmp_path: Path) -> None:
    pair(tmp_path / "d" / "notes_text_document")
    names = ["notes_text_document.bin", "notes_text_document.idx"]
    Manifest(
        format="megatron",
        files=[FileEntry.of(tmp_path / "d", name) for name in names],
        tokenizer=TOKENIZER,
        recipe=build_recipe(),
        inputs=[],
    ).write(tmp_path / "d")
    settings = export("maxtext", tmp_path / "d" / "notes_text_document").settings
    assert settings["mmap_eod_id"] == 50_256


def test_what_the_pipeline_drops_is_reported(home: Path) -> None:
    dataset("tfrecord", home)
    found = export("maxtext", home)
    lost = " ".join(found.loses)
    assert found.keeps == ["inputs: complete rows of 12 tokens, as they were packed"]
    for words in (
        "targets, positions and segmentations",
        "attention crosses from one document of a row to the next",
        "positions continue",
        "trained to predict the first token of the next one",
        "the mask of padding",
    ):
        assert words in lost
    assert any("PackedGrainSource" in line for line in found.advice)


def test_without_maxtext_the_tested_version_is_named(home: Path) -> None:
    if importlib.util.find_spec("maxtext") or importlib.util.find_spec("MaxText"):
        pytest.skip("MaxText is installed")
    dataset("tfrecord", home)
    assert export("maxtext", home).version.endswith("MaxText is not installed")


def test_keys_that_the_installed_maxtext_lacks_are_left_out(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset("tfrecord", home, {"train": ROWS, "validation": ROWS})
    install(tmp_path, monkeypatch, [key for key in KEYS if key != "eval_data_columns"])
    found = export("maxtext", home)
    assert found.version == "9.8.7, installed"
    assert "eval_data_columns" not in found.settings
    assert "this version has no eval_data_columns: left out" in found.advice
    assert "train_data_columns" in found.settings


def test_a_maxtext_without_megatron_support_is_an_error_with_the_fix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair(tmp_path / "notes_text_document")
    install(tmp_path, monkeypatch, [key for key in KEYS if key != "mmap_eod_id"])
    with pytest.raises(ConfigError, match=r"does not read .bin and .idx; use a newer one"):
        export("maxtext", tmp_path / "notes_text_document")


def test_json_has_every_field(home: Path) -> None:
    dataset("tfrecord", home)
    document: dict[str, Any] = export("maxtext", home).to_dict()
    assert list(document) == [
        "trainer",
        "version",
        "dataset",
        "settings",
        "keeps",
        "loses",
        "advice",
        "warnings",
        "head",
    ]


def test_a_directory_without_a_readable_dataset_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"holds no dataset of a known format \(tfrecord"):
        export("maxtext", tmp_path)


def test_several_datasets_are_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        dataset("tfrecord", tmp_path / name / "1.0.0")
    with pytest.raises(ConfigError, match="holds 2 datasets; name one: "):
        export("maxtext", tmp_path)


def test_an_unknown_trainer_is_refused_with_the_nearest_name() -> None:
    assert "maxtext" in TRAINERS.names()
    with pytest.raises(ConfigError, match="there is no trainer 'maxtex'; did you mean 'maxtext'"):
        export("maxtex", Path("d"))
