"""A tokenizer in several processes: forked, pickled, and imported lazily."""

from __future__ import annotations

import multiprocessing
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from tokenizers import normalizers

from helpers.small_tokenizers import small_tokenizer
from penstock.tokenization import Tokenizer, load_tokenizer

TEXTS = ["The quick brown fox", "", "日本語 😀", "x" * 1000]


def ids_of(tokenizer: Tokenizer) -> list[int]:
    return tokenizer.encode(TEXTS)[0].tolist()


@pytest.mark.parametrize("engine", ["fastokens", "tokenizers"])
def test_a_forked_process_gives_the_same_ids(tmp_path: Path, engine: str) -> None:
    tokenizer = load_tokenizer(small_tokenizer(tmp_path / "small"), engine)  # type: ignore[arg-type]
    here = ids_of(tokenizer)

    def work(results: multiprocessing.SimpleQueue[list[int]]) -> None:
        results.put(ids_of(tokenizer))

    context = multiprocessing.get_context("fork")
    results: multiprocessing.SimpleQueue[list[int]] = context.SimpleQueue()
    processes = [context.Process(target=work, args=(results,)) for _ in range(2)]
    for process in processes:
        process.start()
    found = [results.get() for _ in processes]
    for process in processes:
        process.join()
    assert found == [here, here]


def test_an_unpickled_tokenizer_has_the_same_engine_and_reason(tmp_path: Path) -> None:
    for name, normalizer in (("plain", None), ("nfkc", normalizers.NFKC())):
        tokenizer = load_tokenizer(small_tokenizer(tmp_path / name, normalizer=normalizer))
        again = pickle.loads(pickle.dumps(tokenizer))
        assert again.identity == tokenizer.identity
        assert again.engine.name == tokenizer.engine.name
        assert ids_of(again) == ids_of(tokenizer)


def test_the_package_is_imported_without_an_engine_or_torch() -> None:
    code = (
        "import sys, penstock.steps.rows.tokenize; "
        "print(sorted({'fastokens', 'tokenizers', 'torch', 'transformers', 'numba'}"
        " & sys.modules.keys()))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
