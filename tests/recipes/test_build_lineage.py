"""Tokenizer, `synthetic` and `redact` of a dataset hold for every dataset built from its tokens."""

from __future__ import annotations

import http.server
import shutil
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import penstock
from helpers.recipe_worlds import rows, write_jsonl
from penstock.errors import ConfigError, DataError
from penstock.formats import FORMATS

Recipe = Callable[..., Path]


@pytest.fixture
def rebuild(recipe: Recipe, tmp_path: Path) -> Callable[..., Path]:
    """A recipe that reads a dataset, or several by name, and writes another."""

    def write(*paths: Path, **changes: Any) -> Path:
        sources = {f"s{n}": {"kind": "dataset", "path": str(p)} for n, p in enumerate(paths)}
        settings = {"source": None, "sources": sources, "steps": [], **changes}
        return recipe(output=str(tmp_path / "rebuilt"), **settings)

    return write


def pair_of(dataset: Path) -> Path:
    return next(dataset.glob("*.idx")).with_suffix("")


def lengths_of(dataset: Path) -> list[int]:
    documents = FORMATS.get("megatron").open(dataset).rows("train")
    return [len(row.columns["inputs"]) for row in documents]


@pytest.mark.parametrize("named", ["directory", "prefix", "bin"])
def test_a_rebuilt_dataset_is_as_confidential_as_its_source(
    recipe: Recipe, rebuild: Callable[..., Path], named: str
) -> None:
    first = penstock.build(recipe(redact=True)).path
    pair = pair_of(first)
    path = {"directory": first, "prefix": pair, "bin": pair.with_suffix(".bin")}[named]
    built = penstock.build(rebuild(path))
    assert built.manifest.confidential
    assert built.manifest.tokenizer is not None
    shown = penstock.show(built.path).to_dict()
    assert "penstock" not in str(shown["rows"])


def test_random_tokens_stay_random_however_often_they_are_rebuilt(
    recipe: Recipe, rebuild: Callable[..., Path]
) -> None:
    noise = {"kind": "random_tokens", "count": 20, "length": 50, "vocab_size": 300}
    first = penstock.build(recipe(source=noise, steps=[])).path
    assert penstock.build(rebuild(first)).manifest.synthetic


def test_tokens_of_an_unknown_tokenizer_do_not_join_those_of_a_known_one(
    recipe: Recipe, rebuild: Callable[..., Path], tmp_path: Path, tiny_tokenizer: Path
) -> None:
    first = penstock.build(recipe()).path
    shutil.copytree(first, tmp_path / "bare")
    (tmp_path / "bare" / "penstock.json").unlink()
    path = rebuild(first, tmp_path / "bare")
    with pytest.raises(
        ConfigError, match="the tokenizer of the source s1 is not known, that of s0 is"
    ):
        penstock.load_recipe(path)
    built = penstock.build(path, [f"sources.s1.tokenizer={tiny_tokenizer}"])
    assert built.manifest.counts["train.rows"] == 400


def test_a_source_that_is_not_what_its_manifest_says_ends_the_build(
    recipe: Recipe, rebuild: Callable[..., Path]
) -> None:
    first = penstock.build(recipe()).path
    tokens = pair_of(first).with_suffix(".bin")
    changed = bytearray(tokens.read_bytes())
    changed[10] ^= 1
    tokens.write_bytes(changed)
    with pytest.raises(DataError, match=r"\.bin: differs from the manifest of its dataset"):
        penstock.build(rebuild(first))


def test_an_id_that_the_vocabulary_has_not_is_named_by_its_document(
    recipe: Recipe, rebuild: Callable[..., Path], tiny_tokenizer: Path, tmp_path: Path
) -> None:
    first = penstock.build(recipe()).path
    tokens = np.fromfile(pair_of(first).with_suffix(".bin"), np.uint16)
    lengths = [
        len(row.columns["inputs"]) for row in FORMATS.get("megatron").open(first).rows("train")
    ]
    tokens[sum(lengths[:7]) + 1] = 60_000
    tokens.tofile(pair_of(first).with_suffix(".bin"))
    (first / "penstock.json").unlink()
    path = rebuild(first)
    given = [f"sources.s0.tokenizer={tiny_tokenizer}"]
    with pytest.raises(DataError, match=r":8: has the id 60000, outside the vocabulary of 301"):
        penstock.build(path, given)
    built = penstock.build(path, [*given, "on_error=skip"])
    assert built.manifest.skipped_rows == 1
    found = [
        len(r.columns["inputs"]) for r in FORMATS.get("megatron").open(built.path).rows("train")
    ]
    assert found == lengths[:7] + lengths[8:]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The address of a web server on this machine with 30 rows."""
    write_jsonl(tmp_path / "web.jsonl", rows(30))
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_port}/web.jsonl"
        serving.shutdown()


def test_what_came_from_a_url_is_traced_without_being_called_missing(
    recipe: Recipe, server: str
) -> None:
    pytest.importorskip("aiohttp")
    built = penstock.build(recipe(source={"kind": "jsonl", "path": server}), workers=1)
    assert built.manifest.counts["train.rows"] == 30
    node = penstock.trace(built.path)
    assert node.intact
    assert any(below.name == server for _, below in node.walk())


def test_modes_of_multimodal_data_are_not_dropped_in_silence(
    recipe: Recipe, rebuild: Callable[..., Path]
) -> None:
    first = penstock.build(recipe()).path
    with pair_of(first).with_suffix(".idx").open("ab") as index:
        index.write(bytes(200))  # a mode for each sequence
    (first / "penstock.json").unlink()
    with pytest.raises(ConfigError, match="its sequences have modes"):
        penstock.build(rebuild(first), workers=1)
