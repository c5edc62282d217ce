"""Paraphrase pairs to LLaMA-Factory's files, beside a plain script that makes the same rows.

Generated files of the published size: 49,401 pairs of PAWS for training, 8,000 each for evaluation
and test, 404,290 pairs of QQP. `recipe: paraphrase_seed` and the script must write the same 143,658
rows for training, and the same other files; `recipe: paraphrase` filters, deduplicates and divides
the same pairs, which has no peer. Times of complete processes; peak memory is that of all of them.

    python benchmarks/chat_rows.py [--workers 2]
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from pairs import show
from tokenize_jsonl import Run, measure

from penstock.recipes.presets import PRESETS

HERE = Path(__file__).parent
_WORDS = ["river", "gate", "mill", "valley", "bridge", "lake", "dam", "wheel", "water", "stone"]
_PAWS = "id\tsentence1\tsentence2\tlabel\r\n"
_QQP = "id,qid1,qid2,question1,question2,is_duplicate\r\n"


def sides(count: int, words: int, seed: int) -> Iterator[tuple[str, str]]:
    """Yield pairs of sentences, the second with two of its words changed for each other."""
    chance = np.random.default_rng(seed)
    drawn = chance.integers(len(_WORDS), size=(count, words)).tolist()
    for number, each in enumerate(drawn):
        text = [_WORDS[index] for index in each]
        turned = [*text[2:], text[1], text[0]]
        yield f"{' '.join(text)} {seed} {number}", f"{' '.join(turned)} {number} {seed}"


def write_corpora(directory: Path) -> None:
    """Write files of the published size."""
    for seed, (name, count, positives) in enumerate(
        [("train", 49_401, 21_829), ("eval", 8_000, 3_539), ("test", 8_000, 3_536)]
    ):
        with (directory / f"{name}.tsv").open("w", newline="", encoding="utf-8") as out:
            out.write(_PAWS)
            for number, (one, other) in enumerate(sides(count, 19, seed)):
                out.write(f"{number}\t{one}\t{other}\t{label(number, count, positives)}\r\n")
    with (directory / "qqp.csv").open("w", newline="", encoding="utf-8") as out:
        out.write(_QQP)
        for number, (one, other) in enumerate(sides(404_290, 9, 3)):
            is_duplicate = label(number, 404_290, 149_263)
            out.write(f'{number},1,2,"Why, {one}?","Why, {other}?",{is_duplicate}\r\n')


def label(number: int, count: int, positives: int) -> int:
    """Return 1 for so many of a count of rows, evenly among the others."""
    return (number + 1) * positives // count - number * positives // count


def penstock(recipe: str, directory: Path, output: Path, workers: int) -> Run:
    """Run `penstock build`."""
    path = directory / f"{recipe}.yaml"
    lines = [
        f"recipe: {recipe}",
        f"paws: {{train: {directory}/train.tsv, eval: {directory}/eval.tsv, test: "
        f"{directory}/test.tsv}}",
        f"qqp: {{train: {directory}/qqp.csv}}",
        f"output: {output}",
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    command = [sys.executable, "-m", "penstock", "build", str(path), "--quiet"]
    return measure([*command, "--workers", str(workers)])


def script(directory: Path, output: Path) -> Run:
    """Run the peer."""
    system = PRESETS.get("paraphrase_seed").model_fields["system"].default
    peer = HERE / "_chat_rows_by_script.py"
    return measure([sys.executable, str(peer), str(directory), str(output), system])


def same_rows(ours: Path, theirs: Path) -> bool:
    """Say whether every file of the peer has the same rows in the same order."""
    for path in theirs.iterdir():
        one, other = (
            json.loads(each.read_text(encoding="utf-8"))
            if path.suffix == ".json"
            else [json.loads(line) for line in each.read_text(encoding="utf-8").splitlines()]
            for each in (ours / path.name, path)
        )
        if one != other:
            return False
    return True


def main() -> int:
    """Compare; return 1 where the rows differ."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        home = Path(folder)
        write_corpora(home)
        ours = penstock("paraphrase_seed", home, home / "ours", options.workers)
        theirs = script(home, home / "theirs")
        better = penstock("paraphrase", home, home / "better", options.workers)
        same = same_rows(home / "ours", home / "theirs")
        print(f"{'469,691 pairs':26}{'s':>9}{'CPU s':>9}{'MiB':>9}   ratio")
        show("recipe: paraphrase_seed", ours)
        show("script", theirs, theirs.seconds / ours.seconds)
        show("recipe: paraphrase", better)
        print(f"  the rows are {'the same' if same else 'DIFFERENT'}")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
