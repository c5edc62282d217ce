"""With flipped bytes and truncated files, a check ends with findings or a clear error."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from helpers.token_datasets import (
    encode,
    prose,
    train_tokenizer,
    write_manifest,
    write_megatron,
    write_packed,
)
from penstock import check
from penstock.checks import show
from penstock.errors import PenstockError
from penstock.manifest import MANIFEST_NAME

DAMAGES = 40


@pytest.fixture(scope="module")
def datasets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A small dataset of each format, with its manifest."""
    home = tmp_path_factory.mktemp("datasets")
    texts = prose()[:60]
    tokenizer = train_tokenizer(home / "tokenizer", texts, size=600)
    documents = encode(tokenizer, texts)
    found = {"megatron": write_megatron(home / "megatron" / "notes_document", documents).parent}
    for kind in ("tfrecord", "packed_jsonl"):
        found[kind] = write_packed(kind, home / kind / "1.0.0", documents)
    for kind, directory in found.items():
        write_manifest(directory, format=kind, tokenizer=tokenizer)
    return found


def damages(directory: Path) -> Iterator[Path]:
    """Damage one file after another in different ways, and restore it each time."""
    generator = np.random.default_rng(7)
    files = sorted(path for path in directory.iterdir() if path.is_file())
    for number in range(DAMAGES):
        file = files[number % len(files)]
        original = file.read_bytes()
        if number % 3 == 2:
            file.write_bytes(original[: int(generator.integers(0, len(original)))])
        else:
            content = bytearray(original)
            # In the header half of the time, where a byte changes the meaning of all others.
            reach = min(len(content), 64) if number % 2 else len(content)
            for position in generator.integers(0, reach, 1 + number % 4):
                content[position] ^= 1 << int(generator.integers(0, 8))
            file.write_bytes(content)
        yield file
        file.write_bytes(original)


@pytest.mark.parametrize("kind", ["megatron", "tfrecord", "packed_jsonl"])
def test_damaged_files_give_findings_or_a_clear_error(datasets: dict[str, Path], kind: str) -> None:
    directory = datasets[kind]
    assert check(directory).ok
    for file in damages(directory):
        try:
            noticed = not check(directory).ok
        except PenstockError as error:
            noticed = str(directory) in str(error)
        # A changed word of the recipe in the manifest may be harmless.
        assert noticed or file.name == MANIFEST_NAME, file.name
    assert check(directory).ok


@pytest.mark.parametrize("kind", ["megatron", "tfrecord", "packed_jsonl"])
def test_damaged_files_are_shown_or_give_a_clear_error(
    datasets: dict[str, Path], kind: str
) -> None:
    for _ in damages(datasets[kind]):
        try:
            assert show(datasets[kind]).rows
        except PenstockError as error:
            assert str(error)
