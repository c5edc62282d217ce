"""Cohort JSON to packed TFRecord for TFDS: one command beside the three scripts people write.

The cohorts of `--data` are written out several times with other patients and their words turned
round, so that no note comes twice. Then `penstock build` and `_three_scripts.py` take turns, as
whole processes with two workers each. Both must hold the same documents, token for token; the rows
differ, as penstock packs better.

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
    """Write the cohorts `copies` times, each note with its sentences in another order."""
    chance = random.Random(0)
    out.mkdir()
    for copy in range(copies):
        for path in sorted(data.glob("*.json")):
            cohort = json.loads(path.read_text())
            for patient in cohort["patients"]:
                patient["patient_id"] += f"-{copy}"
                for note in patient["notes"]:
                    sentences = note["note_text"].split(". ")
                    chance.shuffle(sentences)
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
    begun = time.perf_counter()
    subprocess.run([sys.executable, *map(str, command)], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun


def documents(dataset: Path) -> tuple[Counter[bytes], int]:
    """Return every segment of every row with how often it comes, and the number of rows."""
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
        home = Path(folder)
        size = write_cohorts(options.data, home / "cohorts", options.copies)
        ours, theirs = home / "ours/notes/1.0.0", home / "theirs/notes/1.0.0"
        (home / "notes.yaml").write_text(recipe(home / "cohorts", options.tokenizer, ours))
        packed, records = home / "packed", home / "records"
        taken: dict[str, list[float]] = {"penstock build": [], "three scripts": []}
        for _ in range(options.rounds):
            for path in (ours.parent, theirs.parent, packed, records):
                shutil.rmtree(path, ignore_errors=True)
            taken["penstock build"].append(
                run("-m", "penstock", "build", home / "notes.yaml", "--workers", 2, "-q")
            )
            taken["three scripts"].append(
                run(SCRIPTS, "pack", home / "cohorts", options.tokenizer, packed, CONTEXT)
                + run(SCRIPTS, "convert", packed, records)
                + run(SCRIPTS, "describe", records, theirs, CONTEXT)
            )
        (mine, rows), (others, more) = documents(ours), documents(theirs)
        assert mine == others, "the documents differ"
    print(f"{size / 1e6:.1f} MB of cohorts, {sum(mine.values()):,} documents, the same in both")
    print(f"rows of {CONTEXT} tokens: penstock {rows:,}, three scripts {more:,}")
    for name, seconds in taken.items():
        print(f"{name:16}{median(seconds):8.2f} s")
    print(f"ratio {median(taken['three scripts']) / median(taken['penstock build']):.1f}")


if __name__ == "__main__":
    main()
