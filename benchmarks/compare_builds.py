"""Do two versions of penstock write the same bytes? Builds every example recipe with both.

    python benchmarks/compare_builds.py OLD_TREE NEW_TREE [--data DIR]

OLD_TREE and NEW_TREE are checkouts; each builds its own examples/*.yaml with its own src/ on the
same input, which is generated, or linked from DIR (with text/, tokenizers/, cohorts/, pairs/).
Every file is compared except penstock.json and README.md, which describe the build.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

DESCRIPTIONS = {"penstock.json", "README.md"}
WORDS = ["the", "water", "in", "a", "penstock", "falls", "on", "its", "wheel", "and", "turns", "it"]


def sentence(random_: random.Random, words: int = 8) -> str:
    return " ".join(random_.choices(WORDS, k=words)) + f" {random_.randrange(400)}."


def write_jsonl(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = "".join(f"{json.dumps(row)}\n" for row in rows)
    path.write_bytes(
        gzip.compress(data.encode(), mtime=0) if path.suffix == ".gz" else data.encode()
    )


def generate_chat(root: Path, rng: random.Random) -> None:
    """Write corrections, questions and instructions, some of them repeated."""
    pairs = [{"sentence": sentence(rng), "correction": sentence(rng)} for _ in range(300)]
    write_jsonl(root / "chat/corrections.jsonl", [*pairs, *pairs[:20]])
    passages = [sentence(rng, 30) for _ in range(60)]
    write_jsonl(
        root / "chat/questions.jsonl",
        [
            {"passage": rng.choice(passages), "question": sentence(rng), "answer": sentence(rng)}
            for _ in range(200)
        ],
    )
    asked = [
        {"instruction": sentence(rng), "input": "", "output": sentence(rng)} for _ in range(90)
    ]
    write_jsonl(root / "chat/instructions.jsonl", [*asked, *asked[:9]])


def generate_pairs(root: Path, rng: random.Random) -> None:
    """Write pairs with both labels, reversed pairs, equal sides and shared sentences."""
    sentences = [f"{sentence(rng)} {n}" for n in range(4000)]
    rows = [(rng.choice(sentences), rng.choice(sentences), rng.randrange(2)) for _ in range(1500)]
    rows += [(b, a, 1 - label) for a, b, label in rows[:12]]
    (root / "pairs/paws").mkdir(parents=True)
    (root / "pairs/qqp").mkdir()
    for name, part in (("dev", rows[:300]), ("test", rows[300:600])):
        lines = [f"{n}\t{a}\t{b}\t{label}\r\n" for n, (a, b, label) in enumerate(part)]
        text = "id\tsentence1\tsentence2\tlabel\r\n" + "".join(lines)
        (root / f"pairs/paws/{name}.tsv").write_text(text, newline="")
    with (root / "pairs/qqp/questions_sample.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["id", "qid1", "qid2", "question1", "question2", "is_duplicate"])
        for number, (a, b, label) in enumerate(rows[600:]):
            writer.writerow([number, 2 * number, 2 * number + 1, a, b, label])


def generate_text(root: Path, rng: random.Random) -> None:
    """Write books, cohorts of notes and a byte-level tokenizer."""
    from tokenizers import ByteLevelBPETokenizer

    for name in ("books", "peps"):
        rows = [{"id": n, "source": name, "text": sentence(rng, 5 + n % 900)} for n in range(400)]
        write_jsonl(root / f"text/{name}.jsonl.gz", [*rows, *rows[:30]])
    for year in (2009, 2010):
        patients = [
            {
                "patient_id": f"{year}-{p}",
                "notes": [
                    {
                        "note_type": "ED",
                        "note_date": f"{year}-01-0{n + 1}",
                        "note_text": sentence(rng, 40),
                    }
                    for n in range(3)
                ],
            }
            for p in range(60)
        ]
        path = root / f"cohorts/{year}-01.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"patients": patients}))
    tokenizer = ByteLevelBPETokenizer()
    tokenizer.train_from_iterator([" ".join(WORDS)] * 9, 400, special_tokens=["<|endoftext|>"])
    (root / "tokenizers/gpt2").mkdir(parents=True)
    tokenizer.save(str(root / "tokenizers/gpt2/tokenizer.json"))
    config = '{"eos_token": "<|endoftext|>"}'
    (root / "tokenizers/gpt2/tokenizer_config.json").write_text(config)


def build(tree: Path, root: Path, recipe: Path, output: Path) -> dict[str, str]:
    """Build a recipe with the code of a tree; return the hash of every file."""
    environment = {**os.environ, "PYTHONPATH": str(tree / "src")}
    command = [
        sys.executable,
        "-m",
        "penstock",
        "build",
        str(recipe),
        f"output={output}",
        "--quiet",
    ]
    subprocess.run(command, cwd=root, env=environment, check=True, stdout=subprocess.DEVNULL)
    return {
        str(path.relative_to(output)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(output.rglob("*"))
        if path.is_file() and path.name not in DESCRIPTIONS
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--data", type=Path)
    given = parser.parse_args()
    trees = {"old": given.old.resolve(), "new": given.new.resolve()}
    different = 0
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        rng = random.Random(0)
        generate_chat(root, rng)
        if given.data:
            for name in ("text", "tokenizers", "cohorts", "pairs"):
                (root / name).symlink_to(given.data.resolve() / name)
        else:
            generate_pairs(root, rng)
            generate_text(root, rng)
        for path in sorted((trees["new"] / "examples").glob("*.yaml")):
            settings = yaml.safe_load(path.read_text(encoding="utf-8"))
            if "experiment" in settings:
                continue
            # TFDS takes name and version from the last two parts of the output.
            name = Path(settings["output"]).relative_to("datasets")
            files = {
                side: build(tree, root, tree / "examples" / path.name, root / side / name)
                for side, tree in trees.items()
            }
            same = files["old"] == files["new"]
            different += not same
            state = "same bytes" if same else "DIFFERENT"
            print(f"{path.name:30} {len(files['new']):3} files  {state}", flush=True)
            for file in sorted({*files["old"], *files["new"]}):
                if files["old"].get(file) != files["new"].get(file):
                    print(f"    {file}")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
