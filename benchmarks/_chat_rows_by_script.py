"""PAWS and QQP to chat rows by a plain script: the peer of `chat_rows.py`.

Positives of PAWS, the first 50,000 of QQP whose sides have ten characters, both directions, train
shuffled; per corpus and combined files, and one JSON array of train and evaluation.

    python benchmarks/_chat_rows_by_script.py DIRECTORY OUTPUT SYSTEM
"""

from __future__ import annotations

import csv
import json
import random
import sys
from pathlib import Path
from typing import Any

Row = dict[str, Any]


def positives(path: Path, names: tuple[str, str, str], least: int, most: int | None) -> list[Row]:
    """Return the chat rows of the positives of a table, at most those of `most` pairs."""
    source, target, label = names
    tabs = path.suffix == ".tsv"
    rows: list[Row] = []
    with path.open(newline="", encoding="utf-8") as stream:
        quoting = csv.QUOTE_NONE if tabs else csv.QUOTE_MINIMAL
        for row in csv.DictReader(stream, delimiter="\t" if tabs else ",", quoting=quoting):
            one, other = row[source].strip(), row[target].strip()
            if row[label] == "1" and min(len(one), len(other)) >= least:
                rows += [chat(one, other), chat(other, one)]
                if most is not None and len(rows) == 2 * most:
                    break
    return rows


def chat(source: str, target: str) -> Row:
    """Return one direction of a pair."""
    return {
        "messages": [
            {"role": "system", "content": sys.argv[3]},
            {"role": "user", "content": f"Paraphrase this: {source}"},
            {"role": "assistant", "content": target},
        ]
    }


def write(path: Path, rows: list[Row]) -> None:
    """Write JSON Lines."""
    with path.open("w", encoding="utf-8") as out:
        for row in rows:
            out.write(json.dumps(row, ensure_ascii=False) + "\n")


def main(directory: Path, output: Path) -> None:
    """Write every file."""
    output.mkdir()
    names = ("sentence1", "sentence2", "label")
    paws = {
        split: positives(directory / f"{split}.tsv", names, 0, None)
        for split in ("train", "eval", "test")
    }
    names = ("question1", "question2", "is_duplicate")
    qqp = positives(directory / "qqp.csv", names, 10, 50_000)
    for split, rows in paws.items():
        write(output / f"paws_paraphrase_{split}.jsonl", rows)
    write(output / "qqp_paraphrase_train.jsonl", qqp)
    train = paws["train"] + qqp
    random.Random(42).shuffle(train)
    write(output / "paraphrase_combined_train.jsonl", train)
    write(output / "paraphrase_combined_eval.jsonl", paws["eval"])
    write(output / "paraphrase_combined_test.jsonl", paws["test"])
    joined = json.dumps(train + paws["eval"], ensure_ascii=False)
    (output / "paraphrase_combined.json").write_text(joined, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
