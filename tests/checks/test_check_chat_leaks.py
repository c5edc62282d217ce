"""Rows, reversed pairs and sentences that are in two splits."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.chat_directories import (
    PROMPT,
    Row,
    pairs,
    questions,
    row,
    sentences,
    write_entries,
    write_splits,
)
from helpers.check_datasets import found
from helpers.command import penstock
from penstock import check
from penstock.checks.chat.template import common_template
from penstock.findings import Finding

LEAKS = ("row-leaked", "twin-leaked", "sentence-leaked", "text-overlap")


def leaks(directory: Path, **files: list[Row]) -> dict[str, Finding]:
    """Return the first finding of each kind about leaks between files."""
    findings = found(check(write_entries(directory, files)))
    leaking = {code: of[0] for code, of in findings.items() if code in LEAKS}
    assert bool(leaking) is not ("splits-apart" in findings)
    return leaking


def test_separate_splits_are_reported_as_separate(tmp_path: Path) -> None:
    (finding,) = found(check(write_splits(tmp_path)))["splits-apart"]
    assert finding.message.endswith("80 of train, 20 of validation, 20 of test")


@pytest.mark.parametrize("split", ["eval", "validation", "dev", "test"])
def test_a_row_of_train_in_another_split_is_an_error(tmp_path: Path, split: str) -> None:
    found = leaks(tmp_path, **{"a_train": pairs(0, 40), f"a_{split}": pairs(38, 50)})
    assert found.keys() == {"row-leaked"}
    leaked = found["row-leaked"]
    assert (leaked.severity, leaked.line, leaked.count) == ("error", 77, 4)
    assert (leaked.file or "").endswith("a_train.jsonl")
    assert f"a_{split}.jsonl" in leaked.message


def test_rows_are_compared_by_letters_and_digits(tmp_path: Path) -> None:
    source, target = sentences(7)
    other = row(("user", PROMPT + source.upper()), ("assistant", target.replace(",", " ,")))
    assert "row-leaked" in leaks(tmp_path, a_train=pairs(0, 40), a_eval=[other, *pairs(50, 60)])


def test_a_reversed_pair_in_another_split_is_an_error(tmp_path: Path) -> None:
    train = [*pairs(0, 40), pairs(40, 41)[0]]
    found = leaks(tmp_path, a_train=train, a_eval=[pairs(40, 41)[1], *pairs(41, 60)])
    assert found.keys() == {"twin-leaked"}
    assert (found["twin-leaked"].line, found["twin-leaked"].count) == (81, 1)


@pytest.mark.parametrize("side", [0, 1])
def test_a_sentence_of_evaluation_on_either_side_of_train_is_an_error(
    tmp_path: Path, side: int
) -> None:
    shared, new = sentences(7)[side], "Another thing was said."
    held = [row(("user", PROMPT + a), ("assistant", b)) for a, b in ((shared, new), (new, shared))]
    found = leaks(tmp_path, a_train=pairs(0, 60), a_test=[*held, *pairs(60, 90)])
    assert found.keys() == {"sentence-leaked"}
    assert (found["sentence-leaked"].line, found["sentence-leaked"].count) == (15, 2)


def test_validation_and_test_are_compared(tmp_path: Path) -> None:
    found = leaks(tmp_path, a_eval=pairs(0, 20), a_test=pairs(19, 40))
    assert (found["row-leaked"].file or "").endswith("a_eval.jsonl")
    assert found["row-leaked"].fix == "take the row out of one of the two files"


def test_shared_answers_are_no_leak(tmp_path: Path) -> None:
    assert not leaks(tmp_path, a_train=questions(0, 40), a_eval=questions(40, 60))


def test_a_question_in_two_splits_with_different_answers_is_a_warning(
    tmp_path: Path,
) -> None:
    other = row(("user", "Is 7 an even number?"), ("assistant", "never"))
    found = leaks(tmp_path, a_train=questions(0, 40), a_eval=[other, *questions(40, 60)])
    assert [(code, f.severity) for code, f in found.items()] == [("text-overlap", "warning")]


def test_files_of_parts_are_not_compared_again(tmp_path: Path) -> None:
    files = {"a_train": pairs(0, 20), "b_train": pairs(20, 40), "all_train": pairs(0, 40)}
    write_entries(tmp_path, {**files, "a_eval": pairs(39, 50), "all_eval": pairs(39, 60)})
    (finding,) = found(check(tmp_path))["row-leaked"]
    assert (finding.file or "").endswith("all_train.jsonl")


def test_a_file_of_no_split_is_checked_unless_its_rows_are_in_splits(tmp_path: Path) -> None:
    more = [*pairs(60, 70), *pairs(60, 61)]
    files = {"a_train": pairs(0, 40), "a_eval": pairs(40, 50), "a.json": pairs(0, 50), "b": more}
    write_entries(tmp_path, files)
    assert check(tmp_path).datasets[0].rows == 100
    (finding,) = found(check(tmp_path))["row-duplicated"]
    assert (finding.file or "").endswith("b.jsonl")


def test_the_splits_of_a_manifest_precede_names(tmp_path: Path) -> None:
    from helpers.token_datasets import write_manifest

    write_entries(tmp_path, {"a_train": pairs(0, 9), "b_test": pairs(0, 9), "c": pairs(9, 19)})
    manifest = write_manifest(tmp_path, format="chat")
    splits = {"a_train.jsonl": "train", "c.jsonl": "test"}
    entries = [e.model_copy(update={"split": splits.get(e.path)}) for e in manifest.files]
    manifest.model_copy(update={"files": entries}).write(tmp_path)
    findings = found(check(tmp_path))
    assert "row-leaked" not in findings
    assert findings["splits-apart"][0].message.endswith("18 of train, 20 of test")


def test_the_recipes_template_is_removed_even_from_few_rows(tmp_path: Path) -> None:
    from helpers.manifests import build_recipe
    from helpers.token_datasets import write_manifest

    def rephrase(source: str, target: str) -> Row:
        return row(("user", f"Rephrase {source} please"), ("assistant", target))

    one, other = sentences(1)
    train = [rephrase(one, other), rephrase(other, one)]
    write_entries(tmp_path, {"a_train": train, "a_test": [rephrase("Not said", one)]})
    manifest = write_manifest(tmp_path, format="chat")
    splits = {"a_train.jsonl": "train", "a_test.jsonl": "test"}
    entries = [e.model_copy(update={"split": splits.get(e.path)}) for e in manifest.files]
    steps = [{"chat": {"user": "Rephrase {source} please", "assistant": "{target}"}}]
    update = {"files": entries, "recipe": build_recipe(steps=steps)}
    manifest.model_copy(update=update).write(tmp_path)
    assert "sentence-leaked" in found(check(tmp_path))


@given(
    st.sampled_from(["Paraphrase this: ", "Say it otherwise:\n", 'Rewrite "', ""]),
    st.sampled_from(["", '"', "\n\nAnswer:"]),
    st.lists(st.text("abc .?", min_size=1), min_size=2, max_size=20, unique=True),
)
def test_a_template_leaves_the_sentence_complete(
    prefix: str, suffix: str, texts: list[str]
) -> None:
    prompts = [f"{prefix}{text}{suffix}" for text in texts]
    template = common_template((prompt, "no") for prompt in prompts)
    assert template.prefix in ("", prefix)
    for text, prompt in zip(texts, prompts, strict=True):
        assert text.strip() in template.sentence(prompt)


@pytest.mark.parametrize("count", [2, 100])
def test_shared_words_after_punctuation_are_no_template(count: int) -> None:
    prompts = [(f"Paraphrase this: The mill number {n}.", "no") for n in range(count)]
    template = common_template(prompts)
    assert (template.prefix, template.suffix) == ("Paraphrase this: ", "")


def test_answers_show_where_a_template_ends() -> None:
    both = [sentences(10 * n) for n in range(100)]
    rows = [
        (f"Q: rewrite {a} now", b) for one, other in both for a, b in ((one, other), (other, one))
    ]
    template = common_template(rows)
    assert (template.prefix, template.suffix) == ("Q: rewrite ", " now")


def test_an_outlier_does_not_hide_the_template() -> None:
    rows = [(PROMPT + sentences(n)[0], "no") for n in range(100)]
    assert common_template([*rows, ("Hello", "Hello")]).prefix == PROMPT


def test_raw_pairs_have_warnings_and_built_pairs_have_none(
    tmp_path: Path, shared_data: Path
) -> None:
    published = shared_data / "pairs" / "paws"
    files = {"paws_eval": _positives(published / "dev.tsv")}
    files["paws_test"] = _positives(published / "test.tsv")
    directory = write_entries(tmp_path / "paws", files)
    ran = penstock("check", directory, cwd=tmp_path)
    assert "7,078" in ran.stdout
    for code in ("text-tokenised", "row-duplicated", "sides-identical"):
        assert code in ran.stdout


def _positives(file: Path) -> list[Row]:
    lines = [line.split("\t") for line in file.read_text(encoding="utf-8").split("\n") if line]
    return [
        row(("user", PROMPT + source), ("assistant", target))
        for _, one, other, label in lines
        if label == "1"
        for source, target in ((one, other), (other, one))
    ]
