"""Small byte-level BPE tokenizers, saved like transformers does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tokenizers import (
    AddedToken,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

END = "<|end|>"
BEGIN = "<|begin|>"
PAD = "<|pad|>"
#: Their ids.
END_ID, BEGIN_ID, PAD_ID = 0, 1, 2

_CORPUS = ["The quick brown fox jumps over the lazy dog, and the dog doesn't mind at all. "] * 20


def small_tokenizer(
    directory: Path,
    *,
    normalizer: normalizers.Normalizer | None = None,
    begin: bool = False,
    added: tuple[AddedToken, ...] = (),
    config: dict[str, Any] | None = None,
    **model: Any,
) -> Path:
    """Write a tokenizer of 300 tokens, which are the same for every normalizer.

    With `begin` it adds BEGIN before each text. `config` is the content of tokenizer_config.json,
    which names END, BEGIN and PAD by default; `model` are settings of the BPE model.
    """
    tokenizer = Tokenizer(models.BPE(**model))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=[END, BEGIN, PAD],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_CORPUS, trainer)
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    tokenizer.add_tokens(list(added))
    if begin:
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{BEGIN} $A", special_tokens=[(BEGIN, BEGIN_ID)]
        )
    directory.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(directory / "tokenizer.json"))
    names = {"eos_token": END, "bos_token": BEGIN, "pad_token": PAD}
    text = json.dumps(names if config is None else config)
    (directory / "tokenizer_config.json").write_text(text)
    return directory
