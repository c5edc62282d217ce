"""A replacement for Megatron-LM's tools/preprocess_data.py if there is no checkout of it.

Written from its public description: `json.loads` of each line and Megatron's wrapper of the Hugging
Face tokenizer in a `multiprocessing.Pool`, 32 lines at a time, and megatron-core's
IndexedDatasetBuilder in the parent. The real tool also parses hundreds of arguments.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
from typing import Any

from megatron.core.datasets.indexed_dataset import DType, IndexedDatasetBuilder
from megatron.core.tokenizers.text.libraries.huggingface_tokenizer import HuggingFaceTokenizer

tokenizer: Any = None


def load(path: str) -> None:
    """Load the tokenizer, in the parent and in each worker."""
    global tokenizer
    tokenizer = HuggingFaceTokenizer(path, use_fast=True, include_special_tokens=True)


def encode(line: str) -> tuple[list[int], list[int]]:
    """Return the ids of a document and the length of its sequence; both empty without tokens."""
    ids = tokenizer.text_to_ids(json.loads(line)["text"])
    if not ids:
        return [], []
    return [*ids, tokenizer.eod], [len(ids) + 1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--input", required=True)
    parser.add_argument("--tokenizer-model", required=True)
    parser.add_argument("--output-prefix", required=True)
    parser.add_argument("--workers", type=int, required=True)
    options = parser.parse_args()
    load(options.tokenizer_model)
    prefix = f"{options.output_prefix}_text_document"
    dtype = DType.optimal_dtype(tokenizer.vocab_size)
    builder = IndexedDatasetBuilder(f"{prefix}.bin", dtype=dtype)
    workers = multiprocessing.Pool(options.workers, load, (options.tokenizer_model,))
    with workers, open(options.input, encoding="utf-8") as lines:  # noqa: PTH123
        for ids, lengths in workers.imap(encode, lines, 32):
            builder.add_document(ids, lengths)
    builder.finalize(f"{prefix}.idx")


if __name__ == "__main__":
    main()
