"""Rows per second of `penstock.check`, compared with the same checks in plain Python.

Both read the same 200,000 COPA-like rows from the same files in one process. The plain version uses
`json.loads`, an `if` for each error, and `unicodedata` and `re` to compare texts. The benchmark
fails unless both count the same findings.

    python benchmarks/check_rows.py [--rows 200000] [--rounds 3]
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
import unicodedata
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from penstock import check

WHO = ("The baker", "A sailor", "My neighbour", "The girl's brother", "Our teacher", "The crew")
DID = ("lost the keys", "opened the window", "won the race", "missed the last train", "fell ill")
SO = ("The room grew cold.", "The crowd cheered.", "A taxi came.", "The doctor was called.")
WHEN = ("in the morning", "after dinner", "on the way home", "during the storm")
VALIDATION_ROWS = 1000


def compose_row(idx: int) -> dict[str, Any]:
    """Return a valid row with a unique premise."""
    who, did, when = WHO[idx % 6], DID[idx % 5], WHEN[idx % 4]
    return {
        "premise": f"{who} {did} {when}, and it was noted as case {idx}.",
        "choice1": SO[idx % 4],
        "choice2": SO[(idx + 1) % 4],
        "question": "effect" if idx % 2 else "cause",
        "idx": idx,
        "label": idx % 2,
    }


def compose_line(idx: int) -> str:
    """Return a line of the train file; one in a hundred has an error."""
    row = compose_row(idx)
    if idx % 100 == 0:
        match idx // 100 % 10:
            case 0:
                row["premise"] = None
            case 1:
                row["choice1"] = " "
            case 2:
                row["label"] = 7
            case 3:
                row["label"] = -1
            case 4:
                row["question"] = "why"
            case 5:
                row["score"] = 0.5
            case 6:
                del row["choice2"]
            case 7:
                row["idx"] = idx - 1
            case 8:
                row |= {"premise": compose_row(-idx)["premise"].upper()}
            case 9:
                return json.dumps(row)[:-1]
    return json.dumps(row)


def write_dataset(directory: Path, rows: int) -> None:
    """Write a COPA dataset; one in a thousand train premises is in its validation file."""
    directory.mkdir(parents=True)
    with (directory / "copa_train.jsonl").open("w") as stream:
        for idx in range(rows):
            stream.write(f"{compose_line(idx)}\n")
    with (directory / "copa_validation.jsonl").open("w") as stream:
        for number in range(VALIDATION_ROWS):
            row = compose_row(-(800 + 1000 * number)) | {"idx": number}
            stream.write(f"{json.dumps(row)}\n")


def check_with_penstock(directory: Path) -> Counter[str]:
    """Count findings by code."""
    counts: Counter[str] = Counter()
    for finding in check(directory).datasets[0].findings:
        counts[finding.code] += finding.count
    return counts


def check_in_plain_python(directory: Path) -> Counter[str]:
    """Count the same findings with plain Python."""
    counts: Counter[str] = Counter()
    evaluated, leaking = set(), set()
    for split in ("validation", "train"):
        seen_ids, seen_rows = set(), set()
        with (directory / f"copa_{split}.jsonl").open(encoding="utf-8") as stream:
            for line in stream:
                try:
                    row = json.loads(line)
                except json.JSONDecodeError:
                    counts["json-invalid"] += 1
                    continue
                if not isinstance(row, dict):
                    counts["not-an-object"] += 1
                    continue
                if "idx" in row:
                    if row["idx"] in seen_ids:
                        counts["id-duplicated"] += 1
                    seen_ids.add(row["idx"])
                problems = row_problems(row)
                counts.update(problems)
                if problems:
                    continue
                if row["label"] == -1:
                    counts["label-missing"] += 1
                premise = normalise(row["premise"])
                content = (
                    premise,
                    normalise(row["choice1"]),
                    normalise(row["choice2"]),
                    row["question"],
                )
                if content in seen_rows:
                    counts["row-duplicated"] += 1
                seen_rows.add(content)
                if split == "validation":
                    evaluated.add(premise)
                    leaking.add(content)
                elif premise in evaluated:
                    counts["text-overlap"] += 1
                    counts["row-leaked"] += content in leaking
    return +counts


def row_problems(row: dict[str, Any]) -> list[str]:
    """Return what is wrong with the fields of a row."""
    problems = []
    for name in ("premise", "choice1", "choice2"):
        if name not in row:
            problems.append("field-missing")
        elif row[name] is None:
            problems.append("field-null")
        elif not isinstance(row[name], str):
            problems.append("field-type")
        elif not row[name].strip():
            problems.append("field-empty")
    if "question" not in row:
        problems.append("field-missing")
    elif not isinstance(row["question"], str):
        problems.append("field-type")
    elif row["question"] not in ("cause", "effect"):
        problems.append("field-value")
    for name in ("idx", "label"):
        if name not in row:
            problems.append("field-missing")
        elif not isinstance(row[name], int) or isinstance(row[name], bool):
            problems.append("field-type")
    if isinstance(row.get("label"), int) and row["label"] not in (-1, 0, 1):
        problems.append("label-range")
    for name in row:
        if name not in ("premise", "choice1", "choice2", "question", "idx", "label"):
            problems.append("field-extra")
    return problems


def normalise(text: str) -> str:
    """Return a text without case, punctuation and spacing."""
    text = unicodedata.normalize("NFKC", text).casefold()
    return re.sub(r"\s+", " ", re.sub(r"[^\w\s]|_", " ", text)).strip()


def best_time(run: Callable[[Path], Counter[str]], directory: Path, rounds: int) -> float:
    """Return the shortest CPU time of several runs, in seconds."""
    times = []
    for _ in range(rounds):
        start = time.process_time()
        run(directory)
        times.append(time.process_time() - start)
    return min(times)


def main() -> int:
    """Print both speeds and their ratio; return 1 if the findings differ."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with TemporaryDirectory() as home:
        directory = Path(home) / "Copa"
        write_dataset(directory, options.rows)
        ours, peer = check_with_penstock(directory), check_in_plain_python(directory)
        if ours != peer:
            print(f"the findings differ\n  penstock {sorted(ours.items())}", file=sys.stderr)
            print(f"  plain    {sorted(peer.items())}", file=sys.stderr)
            return 1
        rows = options.rows + VALIDATION_ROWS
        speeds = {
            name: rows / best_time(run, directory, options.rounds)
            for name, run in (("penstock", check_with_penstock), ("plain", check_in_plain_python))
        }
    print(f"{rows:,} rows, {sum(ours.values()):,} findings of {len(ours)} kinds")
    for name, speed in speeds.items():
        print(f"{name:<10}{speed:>12,.0f} rows/s")
    print(f"{'ratio':<10}{speeds['penstock'] / speeds['plain']:>12.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
