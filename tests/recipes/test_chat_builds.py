"""Builds of chat rows: directions that stay together, files of parts, and no leak by an example."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from itertools import combinations, pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest

import penstock
from helpers.chat_worlds import (
    Row,
    corrections,
    instructions,
    questions,
    rows_by_file,
    rows_in,
    sentences,
    turns,
    write_chat_inputs,
    write_lines,
)
from helpers.recipe_worlds import files_of, write_recipe
from penstock.errors import ConfigError, DataError
from penstock.manifest import MANIFEST_NAME, Manifest

EXAMPLES = Path(__file__).parents[2] / "examples"
SCRIPT = ("-m", "helpers.killed_builds")
CHAT = {
    "chat": {
        "system": "You paraphrase.",
        "user": "Paraphrase this: {source}",
        "assistant": "{target}",
        "directions": "both",
    }
}
ASSIGN = {"assign": {"sources": {"a_eval": "validation", "a_test": "test"}}}
PARTS = {"a": ["a", "a_eval", "a_test"], "b": ["b"]}


def pairs(name: str, count: int) -> list[Row]:
    """Return pairs of sentences that no other source has."""
    found = [f"{name}: {text}" for text in sentences(count)]
    return [{"source": text, "target": text.replace("goes to", "visits")} for text in found]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with four files of pairs, and the recipe `recipe.yaml` of all four."""
    monkeypatch.chdir(tmp_path)
    sizes = {"a": 40, "a_eval": 10, "a_test": 6, "b": 60}
    for name, count in sizes.items():
        write_lines(tmp_path / f"{name}.jsonl", pairs(name, count))
    write_recipe(
        tmp_path / "recipe.yaml",
        sources={name: {"kind": "jsonl", "path": f"{name}.jsonl", "text": None} for name in sizes},
        steps=["pairs", CHAT, ASSIGN, {"shuffle": {"splits": ["train"]}}],
        format={"kind": "chat", "combined": "talk", "parts": PARTS},
        output="dataset",
        input_split_bytes=1500,
    )
    return tmp_path


def build(*overrides: str, workers: int = 1) -> tuple[Manifest, dict[str, list[Row]]]:
    """Build the recipe; return the manifest and the rows of each entry."""
    built = penstock.build("recipe.yaml", overrides, workers=workers)
    return built.manifest, rows_by_file(built.path)


def both_ways(rows: Sequence[Row]) -> list[Row]:
    """Return the chat rows that pairs should become, made plainly."""
    made = []
    for row in rows:
        for one, other in ((row["source"], row["target"]), (row["target"], row["source"])):
            system = {"role": "system", "content": "You paraphrase."}
            user = {"role": "user", "content": f"Paraphrase this: {one}"}
            made.append({"messages": [system, user, {"role": "assistant", "content": other}]})
    return made


def sentences_in(rows: Sequence[Row]) -> set[str]:
    return {text.removeprefix("Paraphrase this: ") for row in rows for text in turns(row)}


def as_sorted(rows: Sequence[Row]) -> list[str]:
    return sorted(json.dumps(row) for row in rows)


def test_files_of_parts_and_of_all_hold_exactly_the_rows(world: Path) -> None:
    manifest, found = build("format.joined=[train, validation]")
    expected = {name: both_ways(rows_in(Path(f"{name}.jsonl"))) for name in ("a", "b")}
    evaluation, test = (both_ways(rows_in(Path(f"a_{name}.jsonl"))) for name in ("eval", "test"))
    assert found["a_train"] == expected["a"]
    assert found["b_train"] == expected["b"]
    assert found["a_eval"] == found["talk_eval"] == evaluation
    assert found["a_test"] == found["talk_test"] == test
    assert as_sorted(found["talk_train"]) == as_sorted(expected["a"] + expected["b"])
    assert found["talk"] == found["talk_train"] + evaluation
    assert len(found) == 8
    assert manifest.counts["train.rows"] == 200
    splits = {entry.path: entry.split for entry in manifest.files}
    assert splits["talk_train.jsonl"] == "train"
    assert splits["talk_eval.jsonl"] == "validation"
    assert splits["a_train.jsonl"] is splits["talk.json"] is splits["dataset_info.json"] is None


def test_shuffle_parts_the_directions_and_follows_the_seed(world: Path) -> None:
    _, found = build()
    places = [sentences_in([row]) for row in found["talk_train"]]
    together = sum(one == other for one, other in pairwise(places))
    assert together < 10
    (world / "dataset").rename(world / "first")
    _, other = build("seed=1")
    assert other["talk_train"] != found["talk_train"]
    assert as_sorted(other["talk_train"]) == as_sorted(found["talk_train"])
    assert other["a_train"] == found["a_train"]


def test_like_python_is_the_order_of_a_script_that_shuffles_a_list(world: Path) -> None:
    _, found = build("seed=42", "steps.3.shuffle.like=python")
    rows = both_ways(rows_in(Path("a.jsonl")) + rows_in(Path("b.jsonl")))
    Random(42).shuffle(rows)
    assert found["talk_train"] == rows


def test_parts_hold_what_mix_was_given(world: Path) -> None:
    mix = {"mix": {"weights": {"a": 1, "b": 1}, "of": "rows"}}
    two = {name: {"kind": "jsonl", "path": f"{name}.jsonl", "text": None} for name in ("a", "b")}
    steps = f"steps={json.dumps(['pairs', CHAT, mix])}"
    parts_of = 'format.parts={"a": ["a"], "b": ["b"]}'
    manifest, found = build(f"sources={json.dumps(two)}", steps, parts_of)
    said = [turns(row)[1][0] for row in found["talk_train"]]
    parts = (len(found["a_train"]), len(found["b_train"]))
    assert abs(said.count("a") - said.count("b")) <= 1
    assert min(parts) in (said.count("a"), said.count("b"))
    assert parts[0] != parts[1]
    assert manifest.report("mix").dropped["unused"] == sum(parts) - len(said)


def test_both_directions_are_of_one_split_and_counted_as_one_pair(world: Path) -> None:
    rows = pairs("a", 40)
    turned = [{"source": row["target"], "target": row["source"]} for row in rows[:15]]
    chains = [
        {"source": one["source"], "target": other["target"]}
        for one, other in zip(rows[:10], rows[20:], strict=False)
    ]
    write_lines(world / "a.jsonl", [*rows, *turned, *chains])
    steps: list[Any] = [
        "pairs",
        CHAT,
        {"deduplicate": {"on": ["source", "target"], "unordered": True}},
        {"take": {"rows": {"a": 45, "b": 30}}},
        {"components": {"validation": 0.2, "test": 0.2}},
        "shuffle",
    ]
    manifest, found = build(f"steps={json.dumps(steps)}", "format.parts={}")
    assert manifest.report("deduplicate").dropped == {"repeated": 15}
    taken = manifest.report("take").noted
    assert (taken["a"], taken["b"]) == (45, 30)
    splits = {name: found[f"talk_{name}"] for name in ("train", "eval", "test")}
    assert manifest.report("shuffle").kept == 2 * (45 + 30 + 10 + 6)
    assert sum(map(len, splits.values())) == 2 * (45 + 30 + 10 + 6)
    for rows_of_split in splits.values():
        said = [tuple(turns(row)) for row in rows_of_split]
        asked = {(ask.removeprefix("Paraphrase this: "), answer) for ask, answer in said}
        assert asked == {(answer, ask) for ask, answer in asked}
        assert len(asked) == len(said)
    for one, other in combinations(splits.values(), 2):
        assert not sentences_in(one) & sentences_in(other)


def test_the_number_of_workers_changes_no_byte(world: Path) -> None:
    made = []
    for workers in (1, 2, 3):
        build(workers=workers)
        made.append(files_of(world / "dataset"))
        (world / "dataset").rename(world / f"dataset{workers}")
    assert made[0] == made[1] == made[2]
    assert {"talk_train.jsonl", "b_train.jsonl", "talk.json", MANIFEST_NAME} <= made[0].keys()


@pytest.mark.slow
def test_a_build_killed_at_any_change_of_the_disk_goes_on_to_the_same_bytes(world: Path) -> None:
    labelled: list[Row] = [{**row, "label": n % 3 % 2} for n, row in enumerate(pairs("a", 40))]
    write_lines(world / "a.jsonl", labelled)
    write_lines(world / "b.jsonl", [{**row, "label": 1} for row in labelled[30:]])
    two = {name: {"kind": "jsonl", "path": f"{name}.jsonl", "text": None} for name in "ab"}
    contradicted = {"contradicted": {"max_dropped": 0.5}}
    steps = [{"pairs": {"label": "label"}}, "positives", CHAT, contradicted, "shuffle"]
    overrides = [f"sources={json.dumps(two)}", f"steps={json.dumps(steps)}"]
    overrides += ["input_split_bytes=20000", "format.parts={a: [a], all: [b, a]}"]
    command = [sys.executable, *SCRIPT, "recipe.yaml", "killed", *overrides]
    subprocess.run(command, check=True, timeout=300)
    places = sorted((world / "killed").iterdir(), key=lambda path: int(path.name))
    assert len(places) > 20
    found = []
    for place in places:
        files = files_of(place / "dataset")
        manifest = json.loads(files.pop(MANIFEST_NAME))
        del manifest["recipe"]["output"]
        found.append((files, manifest))
    assert all(each == found[0] for each in found[1:])
    files, manifest = found[0]
    assert {"talk_train.jsonl", "all_train.jsonl", "talk.json"} <= files.keys()
    reports = {step["name"]: step for step in manifest["steps"]}
    assert reports["contradicted"]["dropped"]["contradicted"] > 0


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("format.parts={a: [a_evl]}", "'a' has no source 'a_evl'; did you mean 'a_eval'?"),
        (
            "steps.1.chat.user='{sorce}'",
            "`directions: both` needs {source} in a turn; use {source} and",
        ),
        ("steps.1.chat.directions=three", "'one' or 'both'"),
    ],
)
def test_settings_that_do_not_fit_are_refused_before_anything_is_read(
    world: Path, override: str, expected: str
) -> None:
    (world / "a.jsonl").unlink()
    with pytest.raises(ConfigError) as caught:
        build(override)
    assert expected in str(caught.value)


def test_a_part_of_no_source_is_shown_in_the_recipe(world: Path) -> None:
    text = (world / "recipe.yaml").read_text().replace("- a_test\n", "- a_tset\n")
    (world / "recipe.yaml").write_text(text)
    number = next(n for n, line in enumerate(text.split("\n"), 1) if line.startswith("  parts:"))
    (world / "a.jsonl").unlink()
    with pytest.raises(ConfigError) as caught:
        build()
    assert str(caught.value) == (
        f"recipe.yaml:{number}:3: format.parts: 'a' has no source 'a_tset'; did you mean "
        "'a_test'?\n      parts:\n      ^"
    )


def test_a_row_that_fills_no_turn_is_named_with_file_and_line(world: Path) -> None:
    rows: list[Row] = [{**row, "topic": "x"} for row in pairs("b", 60)]
    del rows[41]["topic"]
    for name in ("a", "a_eval", "a_test"):
        write_lines(world / f"{name}.jsonl", [{**row, "topic": "x"} for row in pairs(name, 9)])
    write_lines(world / "b.jsonl", rows)
    override = "steps.1.chat.system='About {topic}.'"
    with pytest.raises(DataError, match=r"^b\.jsonl:42: the field 'topic' is absent; see `chat`$"):
        build(override)
    manifest, found = build(override, "on_error=skip")
    assert len(found["b_train"]) == 2 * 59
    [skipped] = manifest.skipped
    assert (skipped.file, skipped.line) == ("b.jsonl", 42)


def test_rows_without_the_step_chat_are_no_chat_rows(world: Path) -> None:
    with pytest.raises(DataError, match=r"^a\.jsonl:1: the field 'messages' is absent; the step"):
        build('steps=["pairs"]', "format.parts={}")
    assert not (world / "dataset").exists()


@pytest.mark.parametrize("formatting", ["sharegpt", "alpaca"])
def test_rows_that_are_chat_rows_already_are_named_with_file_and_line_or_skipped(
    world: Path, formatting: str
) -> None:
    sound = both_ways(pairs("a", 20))
    broken = {"messages": sound[0]["messages"][:2]}
    write_lines(world / "a.jsonl", [*sound[:30], broken, *sound[30:]])
    rows = ["sources={a: {kind: jsonl, path: a.jsonl, text: null}}", "format.parts={}"]
    rows += ["steps=[shuffle]", f"format.formatting={formatting}"]
    expected = r"^a\.jsonl:31: the last turn is no answer; correct the `messages` of the row$"
    with pytest.raises(DataError, match=expected):
        build(*rows)
    manifest, found = build(*rows, "on_error=skip")
    assert len(found["talk_train"]) == 40
    assert manifest.skipped_rows == 1
    assert [(row.file, row.line) for row in manifest.skipped] == [("a.jsonl", 31)]


def test_a_field_that_alpaca_has_beside_the_turns_is_named_with_file_and_line(world: Path) -> None:
    write_lines(world / "a.jsonl", [{**row, "input": "x"} for row in pairs("a", 9)])
    only = ["sources={a: {kind: jsonl, path: a.jsonl, text: null}}", "format.parts={}"]
    chat = {"chat": {**CHAT["chat"], "metadata": ["input"]}}
    with pytest.raises(DataError, match=r"^a\.jsonl:1: has a field 'input' beside `messages`"):
        build(*only, f"steps={json.dumps([chat])}", "format.formatting=alpaca")


@pytest.fixture
def example_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the inputs that the chat examples name."""
    write_chat_inputs(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def example(name: str, *overrides: str) -> tuple[Manifest, dict[str, list[Row]]]:
    """Build an example; return its manifest and the rows of each entry."""
    built = penstock.build(EXAMPLES / f"{name}.yaml", overrides)
    return built.manifest, rows_by_file(built.path)


def test_all_corrections_of_a_sentence_are_of_one_split(example_world: Path) -> None:
    _, found = example("grammar")
    splits = [found[f"grammar_{name}"] for name in ("train", "eval", "test")]
    assert [len(rows) for rows in splits] == [480, 60, 60]
    said = [tuple(turns(row)) for rows in splits for row in rows]
    given = {(f"Correct this: {r['sentence']}", r["correction"]) for r in corrections()}
    assert set(said) == given
    asked = [{turns(row)[0] for row in rows} for rows in splits]
    answers = [{turns(row)[1] for row in rows} for rows in splits]
    for found_twice in (asked, answers):
        assert not any(one & other for one, other in combinations(found_twice, 2))


def test_joining_by_the_source_alone_keeps_its_corrections_together(example_world: Path) -> None:
    shared = [{"sentence": r["sentence"], "correction": "Go."} for r in corrections()[::9]]
    write_lines(example_world / "chat/corrections.jsonl", [*corrections(), *shared])
    manifest, found = example("grammar", "steps.3.components.on=[source]")
    assert manifest.report("components").noted["largest"] == 4
    asked = [{turns(r)[0] for r in found[f"grammar_{n}"]} for n in ("train", "eval", "test")]
    assert not any(one & other for one, other in combinations(asked, 2))
    assert sum(map(len, asked)) == 300


def test_all_questions_about_a_passage_are_of_one_split(example_world: Path) -> None:
    _, found = example("knowledge")
    splits = [found[f"knowledge_{name}"] for name in ("train", "eval", "test")]
    assert [len(rows) for rows in splits] == [240, 30, 30]
    passages = [{turns(row)[0].split("\n\n")[0] for row in rows} for rows in splits]
    assert not any(one & other for one, other in combinations(passages, 2))
    assert set.union(*passages) == {row["passage"] for row in questions()}


def test_no_prompt_of_instructions_is_in_two_splits_in_either_formatting(
    example_world: Path,
) -> None:
    _, alpaca = example("instructions")
    _, sharegpt = example("instructions", "format.formatting=sharegpt", "output=sharegpt")
    assert {name: len(rows) for name, rows in alpaca.items()} == {
        "instructions_train": 113,
        "instructions_eval": 12,
        "instructions": 113,
    }
    sharegpt = {name.replace("sharegpt", "instructions"): rows for name, rows in sharegpt.items()}
    for name, rows in alpaca.items():
        for row, same in zip(rows, sharegpt[name], strict=True):
            assert list(same) == ["messages"]
            assert turns(same) == [row["instruction"], row["output"]]
            assert row["system"] == "You are a helpful assistant."
    train, evaluation = (
        {row["instruction"] for row in alpaca[f"instructions_{n}"]} for n in ("train", "eval")
    )
    assert not train & evaluation
    asked = {"\n".join(filter(None, (r["instruction"], r["input"]))) for r in instructions()}
    assert train | evaluation == asked


def test_a_sharegpt_file_becomes_a_directory_with_splits(example_world: Path) -> None:
    rows = [
        {
            "id": number,
            "conversations": [
                {"from": "human", "value": text},
                {"from": "gpt", "value": f"Indeed, {number}."},
                {"from": "human", "value": "Why?"},
                {"from": "gpt", "value": "So it is."},
            ],
        }
        for number, text in enumerate(sentences(40) * 2)
    ]
    broken = {"conversations": rows[0]["conversations"][1:]}
    write_lines(example_world / "chat/instructions.jsonl", [*rows, broken])
    layout = ["steps.0.conversation.layout=sharegpt", "steps.0.conversation.metadata=[id]"]
    layout += ["steps.2.deduplicate.on=messages", "steps.2.deduplicate.normalise=none"]
    layout += ["steps.1.keep.fields=[messages, id]", "format.formatting=sharegpt"]
    expected = r"^chat/instructions\.jsonl:81: turn 1 is of assistant, must be of user or tool; see"
    with pytest.raises(DataError, match=expected):
        example("instructions", *layout)
    _, found = example("instructions", *layout, "on_error=skip")
    kept = [row for name in ("train", "eval") for row in found[f"instructions_{name}"]]
    assert sorted(row["id"] for row in kept) == list(range(80))
    train, evaluation = (
        {turns(r)[0] for r in found[f"instructions_{n}"]} for n in ("train", "eval")
    )
    assert (len(train), len(evaluation)) == (36, 4)
    assert not train & evaluation
