"""Pairs without repetitions, split by component, with dictionaries: the peer of `pairs.py`.

It does what the recipe there does, row by row in one process: a dictionary of the pairs seen, one
that points from each sentence to another of its component (union-find with path halving), and the
splits drawn by the same rule.

    python benchmarks/_pairs_by_dict.py PAIRS.jsonl DIRECTORY VALIDATION TEST
"""

from __future__ import annotations

import json
import sys
import unicodedata
from collections import Counter
from hashlib import blake2b
from pathlib import Path
from typing import Any

_MASK = 2**64 - 1


def normalise(text: str) -> str:
    """Return a sentence as it is compared."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def hashed(data: str) -> int:
    """Return a number of 64 bits for a text."""
    return int.from_bytes(blake2b(data.encode(), digest_size=8).digest(), "little")


def mixed(number: int) -> int:
    """Return where a component comes when splits are drawn with the seed 0 (SplitMix64)."""
    number = (number + hashed("0\0components")) & _MASK
    number = (number ^ (number >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
    number = (number ^ (number >> 27)) * 0x94D049BB133111EB & _MASK
    return number ^ (number >> 31)


def find(parent: dict[str, str], sentence: str) -> str:
    """Return the representative sentence of the component of a sentence."""
    while parent[sentence] != sentence:
        parent[sentence] = parent[parent[sentence]]
        sentence = parent[sentence]
    return sentence


def main(source: Path, directory: Path, validation: float, test: float) -> None:
    """Write train.jsonl, validation.jsonl and test.jsonl."""
    parent: dict[str, str] = {}
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    with source.open(encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            one, other = sorted((normalise(row["source"]), normalise(row["target"])))
            if (one, other) in rows:
                continue
            rows[one, other] = {"source": row["source"], "target": row["target"], "id": row["id"]}
            roots = [find(parent, side) for side in (one, other) if parent.setdefault(side, side)]
            parent[roots[0]] = roots[1]
    sizes = Counter(find(parent, one) for one, _ in rows)
    least: dict[str, int] = {}
    for sentence in parent:
        root = find(parent, sentence)
        least[root] = min(hashed(sentence), least.get(root, _MASK))
    lacking = {"test": round(test * len(rows)), "validation": round(validation * len(rows))}
    split_of = {}
    for root in sorted(sizes, key=lambda root: mixed(least[root])):
        split = next((name for name, left in lacking.items() if sizes[root] <= left), "train")
        if split != "train":
            lacking[split] -= sizes[root]
        split_of[root] = split
    directory.mkdir()
    outs = {
        name: (directory / f"{name}.jsonl").open("w", encoding="utf-8")
        for name in ("train", *lacking)
    }
    for (one, _), row in rows.items():
        line = json.dumps(row, ensure_ascii=False, separators=(",", ":"))
        outs[split_of[find(parent, one)]].write(f"{line}\n")
    for out in outs.values():
        out.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4]))
