"""Prompts, options and scores of every task are those of MeZO."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.task_cases import CASES, Case
from penstock.errors import ConfigError
from penstock.formats import TaskDirectory
from penstock.splits import SPLIT_NAMES
from penstock.tasks import TASKS, GenerationTask, all_tasks, benchmark_task

EVERY_CASE = pytest.mark.parametrize(("name", "case"), CASES.items(), ids=CASES.keys())


def test_every_benchmark_task_has_a_case() -> None:
    assert TASKS.names() == sorted([*CASES, "chat"])
    assert [task.name for task in all_tasks()] == sorted(CASES)


def test_chat_is_no_benchmark_task() -> None:
    assert TASKS.get("chat").metric == "loss"
    with pytest.raises(ConfigError, match="'chat' is no benchmark task"):
        benchmark_task("chat")


@EVERY_CASE
def test_prompt_and_options_are_those_of_mezo(name: str, case: Case) -> None:
    task = TASKS.get(name)
    assert task.prompt(case.row) == case.prompt
    assert list(task.options(case.row)) == case.options
    assert task.correct(case.row) == case.correct


@EVERY_CASE
def test_each_answer_has_its_scores(name: str, case: Case) -> None:
    task = TASKS.get(name)
    for answer, expected in case.scores.items():
        if isinstance(answer, str):
            assert isinstance(task, GenerationTask)
            scores = task.text_scores(case.row, answer)
        else:
            scores = task.scores(case.row, answer)
        assert scores == pytest.approx(expected)
        assert task.metric in scores


@EVERY_CASE
def test_a_row_without_an_answer_is_not_labelled(name: str, case: Case) -> None:
    task = TASKS.get(name)
    assert task.labelled(case.row)
    if case.unlabelled:
        assert not task.labelled(case.row | case.unlabelled)


@EVERY_CASE
def test_the_declared_fields_are_those_of_the_row(name: str, case: Case) -> None:
    task = TASKS.get(name)
    assert set(task.fields) == set(case.row)
    assert set(task.text_fields) <= set(case.row)
    assert task.label_field in case.row
    assert task.id_field is None or task.id_field in case.row


def test_copa_asks_for_effects_with_so() -> None:
    row = CASES["copa"].row | {"question": "effect", "premise": "I fell. "}
    assert TASKS.get("copa").prompt(row) == "I fell so"


@pytest.mark.parametrize(
    ("question", "asked"),
    [("is it so", "Is it so?"), ("is it so?", "Is it so?"), ("Is it so??", "Is it so??")],
)
def test_a_boolq_question_gets_a_capital_and_a_question_mark(question: str, asked: str) -> None:
    row = CASES["boolq"].row | {"question": question, "passage": "P."}
    assert TASKS.get("boolq").prompt(row) == f"P. {asked}"


def test_the_first_of_several_correct_answers_is_trained_on() -> None:
    row = CASES["record"].row | {"answers": ["Ann", "Ann Lee"]}
    assert TASKS.get("record").correct(row) == (0, 2)
    assert TASKS.get("drop").options(CASES["drop"].row) == [" 14 points\n"]


def test_files_directories_and_dev_rows_are_those_of_the_loaders() -> None:
    expected = {
        task.name: (f"{task.directory}/{task.file_name('train')}", task.dev_rows)
        for task in all_tasks()
    }
    assert expected == {
        "arcc_cloze": ("ArcC_Cloze/ARC-Challenge_train.jsonl", 500),
        "arcc_mc": ("ArcC_MC/ARC-Challenge_train.jsonl", 500),
        "boolq": ("BOOLQ/boolq_train.jsonl", 500),
        "cb": ("CB/cb_train.jsonl", 100),
        "copa": ("Copa/copa_train.jsonl", 100),
        "drop": ("DROP/drop_train.jsonl", 500),
        "multirc": ("MultiRC/multirc_train.jsonl", 500),
        "record": ("ReCoRD/record_train.jsonl", 500),
        "rte": ("RTE/rte_train.jsonl", 500),
        "squad": ("SQuAD/squad_train.jsonl", 500),
        "sst2": ("SST2/sst2_train.jsonl", 500),
        "wic": ("WIC/wic_train.jsonl", 500),
        "winogrande": ("WinoGrande/winogrande_train.jsonl", 500),
        "wsc": ("WSC/wsc_train.jsonl", 500),
    }


def test_the_tasks_that_mezo_trains_on_the_correct_option_only() -> None:
    option_only = [task.name for task in all_tasks() if not task.classification]
    assert option_only == ["copa", "drop", "record", "squad"]


@pytest.mark.parametrize("name", ["arcc_cloze", "arcc_mc", "boolq", "cb", "copa", "rte"])
def test_every_published_row_has_a_prompt_and_options(name: str, shared_data: Path) -> None:
    task = TASKS.get(name)
    dataset = TaskDirectory(shared_data / "tasks" / "original" / task.directory, task)
    for split in SPLIT_NAMES:
        if not dataset.file(split).is_file():
            continue
        for row in dataset.rows(split):
            assert task.prompt(row)
            options = task.options(row)
            assert len(set(options)) > 1
            if task.labelled(row):
                assert max(task.correct(row)) < len(options)
