"""Pairs without repetitions, split by component of shared sentences, beside plain dictionaries.

Both read the same JSON Lines, drop repeated pairs in either direction, and write train, validation
and test without a common sentence. The times are those of complete processes, whose files must be
equal. The pairs are generated: groups of sentences, most small and some connected; one in twenty
pairs has one of ten frequent sentences, which make one large component; one in ten repeats an
earlier pair, reversed and in capital letters. Peak memory is that of all processes, with shared
pages counted once.

`--large N` runs only penstock on N pairs; 10 million need 8 GB of memory and 5 GB of disk.

    python benchmarks/pairs.py [--pairs 1000000] [--large 10000000] [--workers 2]
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import yaml
from tokenize_jsonl import Run, measure

from penstock.manifest import read_manifest

HERE = Path(__file__).parent
SHARES = {"validation": 0.05, "test": 0.05}
_OF_A_GROUP, _HUBS = 4, 10
_THINGS = ["penstock", "wheel", "river", "gate", "dam", "mill", "valley", "bridge", "lake"]
_ACTS = ["holds", "turns", "fills", "leaves", "meets", "carries", "moves", "keeps"]


def sentence(number: int) -> str:
    """Return a sentence of about sixty characters."""
    thing, act = _THINGS[number % len(_THINGS)], _ACTS[number % len(_ACTS)]
    other = _THINGS[number // 7 % len(_THINGS)]
    return f"Why is it that the {thing} of number {number} {act} the {other}?"


def write_pairs(path: Path, count: int) -> None:
    """Write made-up pairs as JSON Lines."""
    chance = np.random.default_rng(0)
    groups = count // _OF_A_GROUP
    with path.open("w", encoding="utf-8") as out:
        for start in range(0, count, 100_000):
            size = min(100_000, count - start)
            group = chance.integers(groups, size=size)
            sides = group[:, None] * _OF_A_GROUP + chance.integers(_OF_A_GROUP, size=(size, 2))
            kind = chance.random(size)
            near = kind < 0.05
            sides[near, 1] += _OF_A_GROUP  # to the next group
            hub = (kind >= 0.05) & (kind < 0.1)
            sides[hub, 1] = groups * _OF_A_GROUP + chance.integers(_HUBS, size=hub.sum())
            lines: list[tuple[str, str]] = []
            for index, (one, other) in enumerate(sides.tolist()):
                if kind[index] > 0.9 and lines:
                    before = lines[int(kind[index] * 1e9) % len(lines)]
                    lines.append((before[1].upper(), before[0]))
                else:
                    lines.append((sentence(one), sentence(other)))
            for number, (source, target) in enumerate(lines, start):
                row = {"id": number, "source": source, "target": target}
                out.write(f"{json.dumps(row)}\n")


def penstock(source: Path, output: Path, workers: int) -> Run:
    """Run `penstock build`."""
    how = {"normalise": "nfkc_casefold"}
    sides = ["source", "target"]
    recipe = {
        "source": {"kind": "jsonl", "path": str(source), "text": None},
        "steps": [
            "pairs",
            {"deduplicate": {"on": sides, "unordered": True, **how}},
            {"components": {**how, **SHARES}},
        ],
        "format": "jsonl",
        "output": str(output),
    }
    path = output.with_suffix(".yaml")
    path.write_text(yaml.safe_dump(recipe), encoding="utf-8")
    command = [sys.executable, "-m", "penstock", "build", str(path), "--quiet"]
    return measure([*command, "--workers", str(workers)])


def dictionaries(source: Path, output: Path) -> Run:
    """Run the peer."""
    shares = [str(share) for share in SHARES.values()]
    return measure(
        [sys.executable, str(HERE / "_pairs_by_dict.py"), str(source), str(output), *shares]
    )


def same_files(one: Path, other: Path) -> bool:
    """Say whether two datasets have the same rows in the same order."""
    names = [f"{name}.jsonl" for name in ("train", *SHARES)]
    return all((one / name).read_bytes() == (other / name).read_bytes() for name in names)


def show(name: str, run: Run, ratio: float | None = None) -> None:
    """Print the figures of a run."""
    beside = "" if ratio is None else f"{ratio:8.1f}"
    print(f"{name:26}{run.seconds:9.1f}{run.cpu:9.1f}{run.memory:9,.0f}{beside}")


def show_counts(dataset: Path) -> None:
    """Print the counts of the steps."""
    manifest = read_manifest(dataset)
    assert manifest is not None
    counts = manifest.report("deduplicate").dropped | manifest.report("components").noted
    print("  " + ", ".join(f"{name} {count:,}" for name, count in counts.items()))


def main() -> int:
    """Compare; return 1 where the files differ."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=1_000_000)
    parser.add_argument("--large", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    same = True
    with TemporaryDirectory() as directory:
        home = Path(directory)
        write_pairs(home / "pairs.jsonl", options.pairs)
        ours = penstock(home / "pairs.jsonl", home / "ours", options.workers)
        theirs = dictionaries(home / "pairs.jsonl", home / "theirs")
        same = same_files(home / "ours", home / "theirs")
        print(f"{options.pairs:,} pairs{'s':>23}{'CPU s':>9}{'MiB':>9}   ratio")
        show("penstock build", ours)
        show("dictionaries", theirs, theirs.seconds / ours.seconds)
        show_counts(home / "ours")
        print(f"  the files are {'the same' if same else 'DIFFERENT'}")
    if options.large:
        with TemporaryDirectory() as directory:
            home = Path(directory)
            write_pairs(home / "pairs.jsonl", options.large)
            print(f"{options.large:,} pairs")
            show("penstock build", penstock(home / "pairs.jsonl", home / "ours", options.workers))
            show_counts(home / "ours")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
