"""Cohort JSON to packed TFRecord for TFDS: `penstock build` against three hand-written scripts.

The cohorts of `--data` are written several times with other patients and shuffled sentences, so
that no note occurs twice. Then `penstock build` and `_three_scripts.py` run alternately, each with
two workers; the times are those of complete processes. Both results must contain the same
documents, token for token; the rows differ because penstock packs better.

    python benchmarks/cohorts_tfrecord.py --data DIR --tokenizer DIR [--copies 12] [--rounds 3]
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from statistics import median

import numpy as np

from penstock.config import dump_yaml
from penstock.formats import FORMATS

CONTEXT = 4096
SCRIPTS = Path(__file__).with_name("_three_scripts.py")


def write_cohorts(data: Path, out: Path, copies: int) -> int:
    """Write the cohorts `copies` times, each note with its sentences shuffled; return the bytes."""
    generator = random.Random(0)
    out.mkdir()
    for copy in range(copies):
        for path in sorted(data.glob("*.json")):
            cohort = json.loads(path.read_text())
            for patient in cohort["patients"]:
                patient["patient_id"] += f"-{copy}"
                for note in patient["notes"]:
                    sentences = note["note_text"].split(". ")
                    generator.shuffle(sentences)
                    note["note_text"] = ". ".join(sentences)
            (out / f"{path.stem}-{copy:02d}.json").write_text(json.dumps(cohort))
    return sum(path.stat().st_size for path in out.iterdir())


def recipe(cohorts: Path, tokenizer: Path, output: Path) -> str:
    return dump_yaml(
        {
            "source": {
                "kind": "cohorts",
                "path": f"{cohorts}/*.json",
                "records": "patients[*].notes[*]",
                "text": "note_text",
                "metadata": {"type": "note_type", "date": "note_date"},
            },
            "steps": [
                {"metadata": {"template": "Type: {type}\nDate: {date}\n\n"}},
                {"tokenize": {"tokenizer": str(tokenizer), "append_eod": True}},
                {"split": {"context": CONTEXT}},
                {"pack": {"context": CONTEXT}},
                "pad",
            ],
            "format": "tfrecord",
            "output": str(output),
        }
    )


def run(*command: object) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, *map(str, command)], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def documents(dataset: Path) -> tuple[Counter[bytes], int]:
    """Return the frequency of every segment, and the number of rows."""
    found: Counter[bytes] = Counter()
    rows = 0
    for row in FORMATS.get("tfrecord").open(dataset).rows("train"):
        segments = row.columns["inputs_segmentation"]
        cuts = np.flatnonzero(np.diff(segments)) + 1
        for ids, segment in zip(
            np.split(row.columns["inputs"], cuts), np.split(segments, cuts), strict=True
        ):
            if segment[0]:
                found[ids.astype(np.int32).tobytes()] += 1
        rows += 1
    return found, rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="cohorts as JSON documents")
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--copies", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        size = write_cohorts(options.data, base / "cohorts", options.copies)
        ours, theirs = base / "ours/notes/1.0.0", base / "theirs/notes/1.0.0"
        (base / "notes.yaml").write_text(recipe(base / "cohorts", options.tokenizer, ours))
        packed, records = base / "packed", base / "records"
        seconds: dict[str, list[float]] = {"penstock build": [], "three scripts": []}
        for _ in range(options.rounds):
            for path in (ours.parent, theirs.parent, packed, records):
                shutil.rmtree(path, ignore_errors=True)
            seconds["penstock build"].append(
                run("-m", "penstock", "build", base / "notes.yaml", "--workers", 2, "-q")
            )
            seconds["three scripts"].append(
                run(SCRIPTS, "pack", base / "cohorts", options.tokenizer, packed, CONTEXT)
                + run(SCRIPTS, "convert", packed, records)
                + run(SCRIPTS, "describe", records, theirs, CONTEXT)
            )
        our_documents, our_rows = documents(ours)
        their_documents, their_rows = documents(theirs)
        assert our_documents == their_documents, "the documents differ"
    count = sum(our_documents.values())
    print(f"{size / 1e6:.1f} MB of cohorts, {count:,} documents, identical in both")
    print(f"rows of {CONTEXT} tokens: penstock {our_rows:,}, three scripts {their_rows:,}")
    for name, measured in seconds.items():
        print(f"{name:16}{median(measured):8.2f} s")
    print(f"ratio {median(seconds['three scripts']) / median(seconds['penstock build']):.1f}")


if __name__ == "__main__":
    main()
