"""The step tokenize agrees with Megatron-core's tokenizer wrapper and dataset builder."""

from __future__ import annotations

import gzip
import json
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.small_tokenizers import small_tokenizer
from penstock.batches import RowBatch, RowStats
from penstock.steps.rows.tokenize import Tokenize

huggingface = pytest.importorskip("megatron.core.tokenizers.text.libraries.huggingface_tokenizer")
indexed_dataset = pytest.importorskip("megatron.core.datasets.indexed_dataset")
pytest.importorskip("transformers")


def as_preprocess_data(directory: Path, texts: list[str], prefix: Path) -> Any:
    """Write a dataset like tools/preprocess_data.py --append-eod; return Megatron's tokenizer."""
    peer = huggingface.HuggingFaceTokenizer(
        str(directory), use_fast=True, include_special_tokens=True
    )
    dtype = indexed_dataset.DType.optimal_dtype(peer.vocab_size)
    builder = indexed_dataset.IndexedDatasetBuilder(f"{prefix}.bin", dtype=dtype)
    for text in texts:
        ids = peer.text_to_ids(text)
        ids = [*ids, peer.eod] if ids else []
        builder.add_document(ids, [len(ids)] if ids else [])
    builder.finalize(f"{prefix}.idx")
    return peer


@pytest.mark.parametrize("name", ["gpt2", "qwen2_5", "begin"])
def test_tokens_sizes_and_ids_equal_those_of_megatron(
    shared_data: Path, tmp_path: Path, name: str
) -> None:
    directory = shared_data / "tokenizers" / name
    if name == "begin":
        config = {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "eos_token": "<|end|>",
            "bos_token": "<|begin|>",
        }
        directory = small_tokenizer(tmp_path / name, begin=True, config=config)
    with gzip.open(shared_data / "text/multilingual.jsonl.gz") as stream:
        texts = [json.loads(line)["text"] for line in islice(stream, 50)]
    texts[10:10] = ["", " ", "a<|endoftext|>b", "\r\n", ""]
    peer = as_preprocess_data(directory, texts, tmp_path / "peer")

    step = Tokenize(tokenizer=directory, append_eod=True)
    batch = RowBatch([{"text": text} for text in texts], range(len(texts)))
    found = step.apply(batch, RowStats(lambda number: ("texts", number)))
    identity = step.tokenizer_identity()
    assert (identity["vocab_size"], identity["eod_id"]) == (peer.vocab_size, peer.eod)
    assert found.ids.tobytes() == (tmp_path / "peer.bin").read_bytes()
    theirs = indexed_dataset.IndexedDataset(str(tmp_path / "peer"))
    assert found.ids.dtype == theirs.index.dtype
    assert found.lengths.tolist() == theirs.sequence_lengths.tolist()
    ends = np.cumsum(found.sequences).tolist()
    assert [0, *ends] == theirs.document_indices.tolist()
