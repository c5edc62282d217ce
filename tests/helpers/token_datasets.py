"""Token datasets to break: real text, written in each format, and its tokenizer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from helpers.manifests import build_recipe
from penstock.findings import CheckReport, Severity
from penstock.formats import FORMATS, OutputSpec, RowBlock, SplitShape
from penstock.formats.megatron import write_pair
from penstock.manifest import FileEntry, Manifest, manifest_path
from penstock.tokenization import load_tokenizer

Ids = NDArray[Any]
CONTEXT = 128


def prose() -> list[str]:
    """Return paragraphs of Python's language reference."""
    paragraphs = (text for page in topics.values() for text in page.split("\n\n"))
    return list(islice((text.strip() for text in paragraphs if len(text) > 80), 300))


def train_tokenizer(directory: Path, texts: Iterable[str], size: int = 2000) -> Path:
    """Train a small byte-level BPE tokenizer and write it into a directory."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        show_progress=False,
        initial_alphabet=alphabet,
        special_tokens=["<|endoftext|>"],
    )
    tokenizer.train_from_iterator(texts, trainer)
    directory.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(directory / "tokenizer.json"))
    (directory / "tokenizer_config.json").write_text('{"eos_token": "<|endoftext|>"}')
    return directory


def encode(tokenizer: Path, texts: Iterable[str]) -> list[Ids]:
    """Return the ids of each text."""
    native = Tokenizer.from_file(str(tokenizer / "tokenizer.json"))
    return [np.array(found.ids, np.int64) for found in native.encode_batch_fast(list(texts))]


def write_megatron(prefix: Path, documents: Sequence[Ids], dtype: str = "<u2") -> Path:
    """Write a pair with one sequence per document; return the prefix."""
    prefix.parent.mkdir(parents=True, exist_ok=True)
    count = len(documents)
    with write_pair(prefix, np.dtype(dtype), sequences=count, documents=count) as out:
        lengths = np.array([len(ids) for ids in documents], np.int32)
        out.add(np.concatenate(documents).astype(dtype), lengths, np.ones(count, np.int64))
    return prefix


def write_packed(
    kind: str, directory: Path, documents: Sequence[Ids], *, rows_per_shard: int = 8, **options: Any
) -> Path:
    """Write documents, split at the context and packed in order, as rows of a format."""
    rows = _packed(documents)
    segments = [segment for row in rows for segment in row]
    first = np.cumsum([0, *map(len, rows)])
    tokens = sum(map(len, segments))
    target = OutputSpec(
        directory,
        directory.parent.name,
        {"train": SplitShape(len(rows), len(segments), tokens)},
        np.dtype(np.int32),
        context=CONTEXT,
        pad_id=0,
    )
    format = FORMATS.get(kind)(rows_per_shard=rows_per_shard, **options)
    format.verify(target)
    directory.mkdir(parents=True)
    written = []
    for shard in format.shards(target):
        part = segments[first[shard.start] : first[shard.stop]]
        block = RowBlock(
            np.concatenate(part).astype(np.int32),
            np.array([len(segment) for segment in part], np.int32),
            (first[shard.start : shard.stop + 1] - first[shard.start]).astype(np.int64),
        )
        written += format.write(directory, shard, target, [block])
    format.finish(directory, target, written)
    return directory


def _packed(documents: Sequence[Ids]) -> list[list[Ids]]:
    rows: list[list[Ids]] = [[]]
    for ids in documents:
        for start in range(0, len(ids), CONTEXT):
            part = ids[start : start + CONTEXT]
            if sum(map(len, rows[-1])) + len(part) > CONTEXT:
                rows.append([])
            rows[-1].append(part)
    return rows


def write_manifest(
    dataset: Path, *, format: str, tokenizer: Path | None = None, **recipe: Any
) -> Manifest:
    """Write the manifest of a dataset (a directory or a prefix) as a build does."""
    beside = dataset.parent.glob(f"{dataset.name}.*")
    files = sorted(dataset.iterdir() if dataset.is_dir() else beside)
    base_dir = dataset if dataset.is_dir() else dataset.parent
    identity = load_tokenizer(tokenizer, "tokenizers").identity if tokenizer else None
    manifest = Manifest(
        format=format,
        files=[FileEntry.of(base_dir, file.name) for file in files],
        tokenizer=identity.to_dict() if identity else None,
        recipe=build_recipe(**recipe),
        inputs=[],
    )
    manifest_path(dataset).write_bytes(manifest.to_json())
    return manifest


def errors(report: CheckReport) -> set[str]:
    """Return the codes of all errors in a report."""
    findings = [finding for dataset in report.datasets for finding in dataset.findings]
    return {finding.code for finding in findings if finding.severity is Severity.ERROR}
