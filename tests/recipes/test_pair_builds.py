"""Builds of pairs: real files, counts that are known, and no sentence in two splits."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

import penstock
from helpers.recipe_worlds import files_of, write_jsonl, write_recipe
from penstock.errors import DataError
from penstock.manifest import Manifest

EXAMPLE = Path(__file__).parents[2] / "examples" / "pairs.yaml"
PAWS = {"source": "sentence1", "target": "sentence2", "label": "label"}
QQP = {"source": "question1", "target": "question2", "label": "is_duplicate"}
PAIRS: dict[str, Any] = {"pairs": {"label": "label"}}
POSITIVE: dict[str, Any] = {"filter": {"where": "label == 1", "max_dropped": 1}}


def table(kind: str, path: Path, fields: dict[str, str]) -> dict[str, Any]:
    """Return the settings of a source of pairs."""
    return {"kind": kind, "path": str(path), "text": None, "metadata": fields}


def build(
    directory: Path, sources: dict[str, Any], steps: Sequence[Any], **settings: Any
) -> tuple[Manifest, dict[str, list[dict[str, Any]]]]:
    """Build pairs as JSON Lines; return the manifest and the rows of each split."""
    settings = {"format": "jsonl", "output": str(directory / "dataset"), **settings}
    recipe = write_recipe(directory / "recipe.yaml", sources=sources, steps=list(steps), **settings)
    built = penstock.build(recipe, workers=2)
    return built.manifest, splits_of(built.path)


def splits_of(dataset: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of each split of a dataset of JSON Lines."""
    return {
        path.stem: [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        for path in dataset.glob("*.jsonl")
    }


def sentences(rows: Sequence[dict[str, Any]]) -> set[str]:
    """Return the sentences of pairs, compared as a reader would: by their letters and digits."""
    found = set()
    for row in rows:
        for side in (row["source"], row["target"]):
            plain = unicodedata.normalize("NFKD", side.lower())
            found.add("".join(filter(str.isalnum, plain)))
    return found


def shared(splits: dict[str, list[dict[str, Any]]]) -> int:
    """Return how many sentences stand in two splits."""
    found = [sentences(rows) for rows in splits.values()]
    return sum(len(one & other) for one, other in combinations(found, 2))


@pytest.mark.parametrize(
    ("name", "positives", "repeated", "identical", "contradicted"),
    [("dev", 3539, 10, 20, 0), ("test", 3536, 12, 24, 7)],
)
def test_the_known_numbers_of_paws_are_found(
    shared_data: Path,
    tmp_path: Path,
    name: str,
    positives: int,
    repeated: int,
    identical: int,
    contradicted: int,
) -> None:
    sources = {"paws": table("tsv", shared_data / f"pairs/paws/{name}.tsv", PAWS)}
    unordered = {"deduplicate": {"on": ["source", "target"], "unordered": True}}
    similar = {"filter_pairs": {"normalise": "ascii"}}
    manifest, _ = build(tmp_path, sources, [PAIRS, POSITIVE, similar, unordered])
    assert manifest.report("filter").kept == positives
    assert manifest.report("filter_pairs").dropped == {"identical": identical}
    (tmp_path / "dataset").rename(tmp_path / "first")
    manifest, splits = build(tmp_path, sources, [PAIRS, POSITIVE, unordered])
    assert manifest.report("deduplicate").dropped == {"repeated": repeated}
    assert len(splits["train"]) == positives - repeated
    (tmp_path / "dataset").rename(tmp_path / "second")
    both_labels = [PAIRS, "positives", "contradicted"]
    manifest, splits = build(tmp_path, sources, both_labels, input_split_bytes=300_000)
    report = manifest.report("contradicted")
    assert report.noted.get("distinct_pairs", 0) == contradicted
    assert report.total_dropped == contradicted
    assert len(splits["train"]) == positives - contradicted


@pytest.fixture
def world(shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the files that the example names."""
    (tmp_path / "pairs").symlink_to(shared_data / "pairs")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_example_leaks_no_sentence(world: Path) -> None:
    built = penstock.build(EXAMPLE)
    splits = splits_of(built.path)
    assert {name: len(rows) for name, rows in splits.items()} == {
        "train": built.manifest.report("components").noted["train"],
        "validation": 3407,
        "test": 3354,
    }
    assert shared(splits) == 0
    assert all(row["label"] == 1 for rows in splits.values() for row in rows)


def test_sentences_of_train_that_stand_in_given_splits_make_their_rows_leave(
    world: Path, shared_data: Path
) -> None:
    lines = (shared_data / "pairs/paws/test.tsv").read_text(encoding="utf-8").split("\n")[1:-1]
    # Sentences of the test file in new pairs, spaced otherwise; each second leads to a third.
    leaked = [line.split("\t")[1].replace(" ,", ",") for line in lines[:4000:20]]
    turned = [" ".join(reversed(text.split())) for text in leaked]
    rows = [
        f"{n}\t{one}\t{other}\t1" for n, (one, other) in enumerate(zip(leaked, turned, strict=True))
    ]
    rows += [f"{n}\t{text} {n}\t{text}\t1" for n, text in enumerate(turned[::2])]
    rows += [f"{n}\tfar {n}\taway {n}\t1" for n in range(500)]
    train = world / "train.tsv"
    train.write_text("id\tsentence1\tsentence2\tlabel\n" + "\n".join(rows), encoding="utf-8")
    override = f"sources.paws_train={json.dumps(table('tsv', train, PAWS))}"
    left = {}
    for leave in ("component", "rows"):
        overrides = [override, f"steps.7.components.leave={leave}", f"output={leave}"]
        built = penstock.build(EXAMPLE, overrides)
        assert shared(splits_of(built.path)) == 0
        left[leave] = built.manifest.report("components").dropped["from_train"]
    # Sentences that only stand in pairs with label 0 are in no split, and may be learnt from.
    assert 70 < left["rows"] < 200
    assert left["rows"] + 20 < left["component"] <= 300


def test_drawn_splits_of_real_questions_leak_no_sentence(shared_data: Path, tmp_path: Path) -> None:
    sources = {"qqp": table("csv", shared_data / "pairs/qqp/questions_sample.csv", QQP)}
    manifest, splits = build(
        tmp_path, sources, [PAIRS, {"components": {"validation": 0.1, "test": 0.2}}]
    )
    assert shared(splits) == 0
    assert {name: len(rows) for name, rows in splits.items()} == {
        "train": 4200,
        "validation": 600,
        "test": 1200,
    }
    assert manifest.report("components").dropped == {}


def test_a_test_set_that_is_no_source_is_kept_out_of_train(world: Path) -> None:
    named = table("tsv", Path("pairs/paws/test.tsv"), PAWS)
    step = {"decontaminate": {"against": {"paws_test": named}}}
    dev = table("tsv", world / "dev.tsv", PAWS)
    lines = Path("pairs/paws/dev.tsv").read_text(encoding="utf-8").split("\n")[:2001]
    held = Path("pairs/paws/test.tsv").read_text(encoding="utf-8").split("\n")[1:101]
    (world / "dev.tsv").write_text("\n".join([*lines, *held]), encoding="utf-8")
    steps = [PAIRS, "detokenize", step]
    manifest, splits = build(world, {"dev": dev}, steps)
    assert manifest.report("decontaminate").dropped == {"paws_test": 100}
    assert len(splits["train"]) == 2000
    assert [Path(entry.path).name for entry in manifest.inputs] == ["dev.tsv", "test.tsv"]


def test_the_number_of_workers_changes_no_byte(world: Path) -> None:
    made = []
    overrides = [
        "input_split_bytes=100000",
        "steps.6.take.rows.qqp=1000",
        "steps.7.components.test=0.1",
    ]
    for workers in (1, 2, 3):
        penstock.build(EXAMPLE, overrides, workers=workers)
        made.append(files_of(world / "datasets/pairs"))
        (world / "datasets/pairs").rename(world / f"pairs{workers}")
    assert made[0] == made[1] == made[2]
    assert set(made[0]) == {"train.jsonl", "validation.jsonl", "test.jsonl", "penstock.json"}


HEADER = "id\tsentence1\tsentence2\tlabel\r\n"
GOOD = "1\ta b c\td e f\t1\r\n"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (HEADER.replace("\t", ",") + GOOD, ":1: the first line is one field; it has 4 with `deli"),
        (HEADER.replace("sentence2", "two") + GOOD, ":1: has no column 'sentence2' among the 4 na"),
        (HEADER + GOOD + GOOD.replace("\t1\r", "\tyes\r"), ":3: the field 'label' is text, must"),
        (HEADER + GOOD + GOOD.replace("d e f", " "), ":3: the field 'target' is empty; fix the"),
        (HEADER + GOOD + GOOD.replace("b", "\n"), ":3: 2 fields, must be 4"),
        (HEADER + GOOD + GOOD.replace("b", "\udc92"), ":3: column 5: byte 0x92 is not UTF-8; `un"),
    ],
)
def test_bad_input_is_named_with_file_line_and_mend(
    tmp_path: Path, content: str, expected: str
) -> None:
    path = tmp_path / "pairs.tsv"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(DataError) as caught:
        build(tmp_path, {"paws": table("tsv", path, PAWS)}, [PAIRS], input_split_bytes=30)
    assert str(caught.value).startswith(f"{path}{expected}")


def test_quotes_and_newlines_within_a_field_are_part_of_it(tmp_path: Path) -> None:
    path = tmp_path / "q.csv"
    path.write_text('question1,question2,is_duplicate\r\n"a ""b""\nc","d, e",1\r\n', newline="")
    _, splits = build(tmp_path, {"qqp": table("csv", path, QQP)}, [PAIRS])
    assert splits == {"train": [{"source": 'a "b"\nc', "target": "d, e", "label": 1}]}


def test_a_step_that_leaves_nothing_is_named(tmp_path: Path) -> None:
    path = tmp_path / "pairs.tsv"
    path.write_text("sentence1\tsentence2\tlabel\na\tb\t0\na\tb\t1\n")
    with pytest.raises(DataError, match="no row is left after contradicted; check what"):
        steps = [PAIRS, "positives", {"contradicted": {"max_dropped": 1}}]
        build(tmp_path, {"paws": table("tsv", path, PAWS)}, steps)


@pytest.mark.parametrize("step", ["metadata", "filter", "tokenize", "deduplicate"])
def test_steps_on_text_name_a_row_that_has_none(
    tmp_path: Path, tiny_tokenizer: Path, step: str
) -> None:
    path = tmp_path / "pairs.tsv"
    path.write_text("sentence1\tsentence2\tlabel\na\tb\t0\n")
    settings = {
        "metadata": {"template": "x"},
        "filter": {"min_words": 1},
        "tokenize": {"tokenizer": str(tiny_tokenizer)},
        "deduplicate": {},
    }[step]
    form = "megatron" if step == "tokenize" else "jsonl"
    with pytest.raises(DataError, match=r"pairs\.tsv:2: .*text"):
        build(tmp_path, {"a": table("tsv", path, PAWS)}, [PAIRS, {step: settings}], format=form)


@pytest.mark.parametrize(
    ("share", "source", "split"),
    [(0.2, "one", "test"), (0.2, "two", "validation"), (0.0, "three", "train")],
)
def test_a_split_that_was_promised_a_row_and_has_none_ends_the_build(
    tmp_path: Path, share: float, source: str, split: str
) -> None:
    """One component of all rows; evaluation whose rows repeat others; train that repeats others."""
    same = [{"source": "a", "target": f"b{number}"} for number in range(20)]
    own = [{"source": f"c{number}", "target": f"d{number}"} for number in range(20)]
    rows = {"one": [same, []], "two": [[*own], [*own]], "three": [own, [*own]]}[source]
    sources = {}
    for name, found in zip(("first", "second"), rows, strict=True):
        path = write_jsonl(tmp_path / f"{name}.jsonl", found)
        sources[name] = {"kind": "jsonl", "path": str(path), "text": None}
    given = {"two": {"second": "validation"}, "three": {"first": "test"}}.get(source, {})
    steps = [
        "pairs",
        {"deduplicate": {"on": ["source", "target"]}},
        {"components": {"test": share, "given": given}},
    ]
    with pytest.raises(DataError, match=f"no row is left in {split} after the steps on the whole"):
        build(tmp_path, sources, steps)
