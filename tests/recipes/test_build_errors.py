"""Errors of recipes and of their input name the location and the fix."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import penstock
from helpers.recipe_worlds import rows, write_jsonl, write_recipe
from penstock.errors import ConfigError, ConflictError, DataError, PenstockError, StepError

Recipe = Callable[..., Path]


def message(error: type[PenstockError], recipe: Path, *overrides: str) -> str:
    with pytest.raises(error) as caught:
        penstock.build(recipe, overrides, workers=1)
    return str(caught.value)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"stepz": []}, "stepz: unknown key; did you mean 'steps'?"),
        ({"steps": ["tokenise"]}, "steps.0: there is no step 'tokenise'; did you mean 'tokenize'?"),
        ({"steps": [{"tokenize": {}}]}, "steps.0.tokenize.tokenizer: required, but missing"),
        ({"steps": [{"a": {}, "b": {}}]}, "a step is its name, or one name with its settings"),
        ({"source": {"path": "x"}}, "source: kind is required: the kind of source (cohorts, "),
        ({"source": {"kind": "jsonl"}}, "source.path: required, but missing"),
        ({"source": {"kind": "jsnol"}}, "there is no source 'jsnol'; did you mean 'jsonl'?"),
        ({"source": None}, "give either `source`, or `sources` by name"),
        ({"format": "megaton"}, "format: there is no format 'megaton'; did you mean 'megatron'?"),
        ({"format": {"kind": "megatron", "kye": 1}}, "unknown key; did you mean 'key'?"),
        ({"steps": []}, "format: megatron holds tokens; add the step `tokenize`"),
        (
            {"steps": [{"split": {"context": 8}}]},
            "steps.0: `split` works on tokens; put",
        ),
        ({"steps": [{"pack": {"context": 8}}]}, "steps.0: `pack` works on tokens; put"),
        ({"on_error": "ignore"}, "on_error: must be 'fail' or 'skip', not 'ignore'"),
    ],
)
def test_a_recipe_that_does_not_fit_is_named_at_its_place(
    recipe: Recipe, changes: dict[str, Any], expected: str
) -> None:
    path = recipe(**changes)
    text = message(ConfigError, path)
    assert text.startswith(f"{path}:")
    assert expected in text


def test_a_step_on_rows_after_tokenize_is_refused(recipe: Recipe, tiny_tokenizer: Path) -> None:
    tokenize = {"tokenize": {"tokenizer": str(tiny_tokenizer)}}
    path = recipe(steps=[tokenize, {"filter": {"min_characters": 3}}])
    text = message(ConfigError, path)
    assert "steps.1: `filter` works on single rows, and `tokenize` before it on what is" in text
    assert "write: filter, tokenize" in text


def test_rows_of_text_are_not_written_in_a_format_of_tokens_nor_the_other_way(
    recipe: Recipe,
) -> None:
    text = message(ConfigError, recipe(format="jsonl"))
    assert "jsonl holds rows of text; remove `tokenize`" in text


def test_a_broken_line_is_named_with_file_and_line_and_never_with_its_text(
    recipe: Recipe, source: Path
) -> None:
    write_jsonl(source, [*rows(100), '{"text": "a secret diagnosis"', *rows(10)])
    text = message(DataError, recipe(input_split_bytes=1000))
    assert text.startswith(f"{source}:101: ")
    assert "diagnosis" not in text


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ({"id": 1}, "text"),
        ({"text": 5}, "text"),
        ("[]", "a list, must be an object"),
    ],
)
def test_a_row_without_text_is_named(
    recipe: Recipe, source: Path, line: Any, expected: str
) -> None:
    write_jsonl(source, [*rows(30), line])
    text = message(DataError, recipe(input_split_bytes=1000))
    assert text.startswith(f"{source}:31: ")
    assert expected in text


def test_skipped_rows_are_counted_and_named_in_the_manifest(recipe: Recipe, source: Path) -> None:
    write_jsonl(source, [*rows(50), "{", *rows(50), {"id": 3}])
    built = penstock.build(recipe(on_error="skip", input_split_bytes=700))
    assert (built.manifest.skipped_rows, built.manifest.report("read").dropped) == (
        2,
        {"unusable": 2},
    )
    assert built.manifest.counts["train.rows"] == 100
    assert [(row.file, row.line) for row in built.manifest.skipped] == [
        (str(source), 51),
        (str(source), 102),
    ]


def test_more_bad_rows_than_max_errors_end_the_build(recipe: Recipe, source: Path) -> None:
    write_jsonl(source, [*rows(50), *["{"] * 7])
    text = message(DataError, recipe(on_error="skip", max_errors=6, input_split_bytes=700))
    assert text.startswith(f"{source}:51: ")
    assert "7 rows cannot be used so far, more than max_errors (6) allows" in text
    assert penstock.build(recipe(on_error="skip", max_errors=7)).manifest.skipped_rows == 7


def test_a_filter_that_drops_more_than_its_threshold_ends_the_build(
    recipe: Recipe, tiny_tokenizer: Path, tmp_path: Path
) -> None:
    tokenize = {"tokenize": {"tokenizer": str(tiny_tokenizer)}}
    path = recipe(steps=[{"filter": {"where": "id < 20", "max_dropped": 0.5}}, tokenize])
    with pytest.raises(StepError) as caught:
        penstock.build(path, workers=1)
    error = caught.value
    line = path.read_text().splitlines().index("    max_dropped: 0.5") + 1
    assert (error.step, error.setting, error.line, error.column) == (
        "filter",
        "max_dropped",
        line,
        5,
    )
    assert str(error) == (
        f"{path}:{line}:5: steps.0.filter.max_dropped: 180 of 200 documents dropped (90.0%: where "
        "180), more than `max_dropped` allows (50.0%); check the input, or raise `max_dropped`\n"
        "        max_dropped: 0.5\n        ^"
    )
    assert not (tmp_path / "dataset").exists()


def test_a_build_of_nothing_is_an_error(recipe: Recipe, source: Path) -> None:
    source.write_text("")
    assert "no document is left" in message(DataError, recipe())


def test_an_input_that_is_not_there_is_named(recipe: Recipe, source: Path) -> None:
    path = recipe(source={"kind": "jsonl", "path": str(source) + ".gz"})
    assert f"{source}.gz: there is no such file; did you mean 'rows.jsonl'?" in message(
        ConfigError, path
    )


def test_the_output_may_not_hold_the_input(recipe: Recipe, tmp_path: Path, source: Path) -> None:
    assert "contains the input" in message(ConfigError, recipe(output=str(tmp_path)))


def test_something_else_in_the_place_of_the_dataset_is_left_alone(
    recipe: Recipe, tmp_path: Path
) -> None:
    (tmp_path / "dataset").mkdir()
    (tmp_path / "dataset" / "mine").write_text("mine")
    assert "exists and is not a dataset" in message(ConflictError, recipe())
    assert (tmp_path / "dataset" / "mine").read_text() == "mine"


def test_an_input_that_changes_meanwhile_ends_the_build(
    recipe: Recipe, source: Path, tmp_path: Path
) -> None:
    plan = penstock.load_recipe(recipe())
    os.utime(source, (1, 1))
    from penstock.executors import LocalExecutor
    from penstock.recipes import execute

    with pytest.raises(DataError, match=r"rows\.jsonl: changed while it was read; build again"):
        execute(plan, LocalExecutor(workers=1))
    assert not (tmp_path / "dataset").exists()


def test_two_builds_of_one_dataset_at_a_time_are_refused(recipe: Recipe, tmp_path: Path) -> None:
    from filelock import FileLock

    work = tmp_path / ".dataset.partial"
    work.mkdir()
    with FileLock(work / "lock"):
        child = os.fork()
        if child == 0:
            try:
                penstock.build(recipe(), workers=1)
            except ConflictError as error:
                os._exit(17 if "another process is building it" in str(error) else 1)
            os._exit(0)
        _, status = os.waitpid(child, 0)
    assert os.WEXITSTATUS(status) == 17


def test_overrides_replace_what_the_file_says(recipe: Recipe, tmp_path: Path) -> None:
    built = penstock.build(
        recipe(), [f"output={tmp_path / 'other'}", "steps.0.tokenize.append_eod=false"]
    )
    assert built.path == tmp_path / "other"
    assert built.manifest.recipe.steps[0]["tokenize"]["append_eod"] is False


def test_rows_left_out_by_settings_do_not_hide_those_that_cannot_be_used(tmp_path: Path) -> None:
    empty = [{"source": "", "target": "b", "label": 1}] * 30
    sound = [{"source": f"a {n}", "target": f"b {n}", "label": 1} for n in range(9)]
    write_jsonl(tmp_path / "a.jsonl", [*empty, *sound])
    write_jsonl(tmp_path / "b.jsonl", [*sound, {**sound[0], "label": 7}])
    recipe = write_recipe(
        tmp_path / "recipe.yaml",
        source={
            "kind": "jsonl",
            "path": [str(tmp_path / f"{n}.jsonl") for n in "ab"],
            "text": None,
        },
        steps=[{"pairs": {"label": "label", "empty": "drop", "max_dropped": 1}}],
        format="jsonl",
        output=str(tmp_path / "dataset"),
        on_error="skip",
    )
    skipped = penstock.build(recipe, workers=1).manifest.skipped
    assert [(Path(row.file).name, row.line) for row in skipped] == [
        ("b.jsonl", 10),
        *(("a.jsonl", line) for line in range(1, 21)),
    ]


def test_a_file_that_is_one_array_is_told_from_lines(recipe: Recipe, source: Path) -> None:
    hint = '; rows of one JSON array are read by `kind: cohorts, records: "[*]"`'
    for text in ('[{"text": "a"}]', '[\n  {"text": "a"}\n]', "\ufeff[]"):
        source.write_text(text)
        text = message(DataError, recipe())
        assert text.startswith(f"{source}:1: ")
        assert text.endswith(hint)
    write_jsonl(source, [*rows(3), "[]"])
    assert hint not in message(DataError, recipe())
