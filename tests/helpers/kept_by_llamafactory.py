"""The number of rows of each entry that LLaMA-Factory's loader keeps; run by its own Python.

    kept_by_llamafactory.py DATASET_DIR TOKENIZER

prints `kept: {"ENTRY": ROWS, ...}`, with the name of the error in place of ROWS if it failed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from llamafactory.data import get_dataset, get_template_and_fix_tokenizer
from llamafactory.hparams import DataArguments, ModelArguments
from transformers import AutoTokenizer, Seq2SeqTrainingArguments


def kept(directory: str, tokenizer_path: str, name: str, settings: dict[str, Any]) -> int | str:
    """Return the number of rows that become examples, or the name of the error."""
    stage = "rm" if settings.get("ranking") else "sft"
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_path)
    data = DataArguments(template="llama3", dataset=name, dataset_dir=directory)
    training = Seq2SeqTrainingArguments(output_dir="unused", use_cpu=True, report_to=[])
    template = get_template_and_fix_tokenizer(tokenizer, data)
    model = ModelArguments(model_name_or_path=tokenizer_path)
    try:
        made = get_dataset(template, model, data, training, stage, tokenizer)["train_dataset"]
    except Exception as error:
        return type(error).__name__
    return len(made)


def main() -> None:
    directory, tokenizer = sys.argv[1:]
    info = json.loads((Path(directory) / "dataset_info.json").read_text())
    found = {name: kept(directory, tokenizer, name, info[name]) for name in info}
    print("kept: " + json.dumps(found))


main()
