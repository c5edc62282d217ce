"""Task directories: finding, recognising, opening, reading, and errors."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from penstock.errors import ConfigError, DataError
from penstock.formats import find_task_directories, open_task_directory, recognise
from penstock.manifest import describe

COPA_ROW: dict[str, Any] = {
    "premise": "It rained.",
    "choice1": "The path grew wet.",
    "choice2": "The clock stopped.",
    "question": "effect",
    "idx": 0,
    "label": 0,
}


def write(path: Path, *rows: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path.parent


def copa(directory: Path, *splits: str) -> Path:
    for split in splits or ("train", "validation"):
        write(directory / f"copa_{split}.jsonl", COPA_ROW, COPA_ROW | {"idx": 1, "label": 1})
    return directory


def arc(directory: Path) -> Path:
    return write(directory / "ARC-Challenge_train.jsonl")


def found(root: Path, **options: bool) -> list[tuple[str, str]]:
    """Return the paths below `root` and the tasks that were found there."""
    return [
        (dataset.path.relative_to(root).as_posix(), dataset.task.name)
        for dataset in find_task_directories(root, **options)
    ]


@pytest.mark.parametrize(
    ("path", "task"),
    [
        ("ArcC_Cloze", "arcc_cloze"),
        ("ArcC_MC", "arcc_mc"),
        ("arcc_mc", "arcc_mc"),
        ("ArcC_MC/mezo_gpt/version_1", "arcc_mc"),
        ("ArcC_Cloze/ArcC_MC", "arcc_mc"),
        ("ArcC_MC/ArcC_Cloze/latest", "arcc_cloze"),
    ],
)
def test_the_nearest_directory_distinguishes_the_two_arc_tasks(
    tmp_path: Path, path: str, task: str
) -> None:
    directory = arc(tmp_path / path)
    recognised = recognise(directory)
    assert recognised is not None
    assert recognised.name == task


def test_the_current_directory_is_recognised_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(arc(tmp_path / "ArcC_MC"))
    recognised = recognise(Path())
    assert recognised is not None
    assert recognised.name == "arcc_mc"


def test_every_task_directory_of_a_tree_is_found_in_order(tmp_path: Path) -> None:
    copa(tmp_path / "b" / "Copa")
    copa(tmp_path / "b" / "Copa" / "mezo_gpt" / "version_1", "train")
    copa(tmp_path / "b" / "Copa" / "mezo_gpt" / "version_10", "validation")
    write(tmp_path / "a" / "rte" / "RTE_Train.jsonl")
    (tmp_path / "a" / "CB").mkdir()
    arc(tmp_path / "ArcC_MC")
    write(tmp_path / "notes" / "train.jsonl")
    copa(tmp_path / ".Copa.partial")
    assert found(tmp_path) == [
        ("ArcC_MC", "arcc_mc"),
        ("a/CB", "cb"),
        ("a/rte", "rte"),
        ("b/Copa", "copa"),
        ("b/Copa/mezo_gpt/version_1", "copa"),
        ("b/Copa/mezo_gpt/version_10", "copa"),
    ]


def test_a_directory_of_versions_is_not_a_dataset(tmp_path: Path) -> None:
    copa(tmp_path / "Copa" / "version_1")
    assert found(tmp_path) == [("Copa/version_1", "copa")]


def test_links_to_directories_are_followed_on_request(tmp_path: Path) -> None:
    copa(tmp_path / "data" / "one")
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to(tmp_path / "data")
    (root / "back").symlink_to(tmp_path)
    (root / "here").symlink_to(".")
    assert found(root) == []
    assert found(root, follow_links=True) == [("link/one", "copa")]


def test_an_unreadable_directory_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="none: cannot be read: No such file"):
        find_task_directories(tmp_path / "none")
    (tmp_path / "a.jsonl").touch()
    with pytest.raises(DataError, match=r"a\.jsonl: cannot be read: Not a directory"):
        find_task_directories(tmp_path / "a.jsonl")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_directory_without_permission_is_an_error(tmp_path: Path) -> None:
    closed = copa(tmp_path / "Copa")
    closed.chmod(0)
    try:
        with pytest.raises(DataError, match="Copa: cannot be read: Permission denied"):
            find_task_directories(tmp_path)
    finally:
        closed.chmod(0o755)


def test_a_dataset_is_opened_by_its_files_or_a_task_name(tmp_path: Path) -> None:
    directory = copa(tmp_path / "any name")
    assert open_task_directory(directory).task.name == "copa"
    assert open_task_directory(directory, "rte").task.name == "rte"
    assert open_task_directory(directory).file("test") == directory / "copa_test.jsonl"


def test_errors_of_opening_name_the_fix(tmp_path: Path) -> None:
    copa(tmp_path / "Copa")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match=r"Cpoa: there is no such directory; did you mean 'Copa'"):
        open_task_directory(tmp_path / "Cpoa")
    with pytest.raises(ConfigError, match=r"none/none: there is no such directory$"):
        open_task_directory(tmp_path / "none" / "none")
    with pytest.raises(ConfigError, match="there is no such directory"):
        open_task_directory(tmp_path / "Copa" / "copa_train.jsonl")
    with pytest.raises(
        ConfigError, match="empty: its files have no names of a known task; name the task"
    ):
        open_task_directory(tmp_path / "empty")
    with pytest.raises(ConfigError, match="there is no task 'cpoa'; did you mean 'copa'"):
        open_task_directory(tmp_path / "Copa", "cpoa")


def test_rows_are_read_and_checked(tmp_path: Path) -> None:
    dataset = open_task_directory(copa(tmp_path / "Copa"))
    assert [row["idx"] for row in dataset.rows("train")] == [0, 1]
    write(dataset.file("validation"), COPA_ROW, COPA_ROW | {"premise": None})
    with pytest.raises(DataError, match=r"copa_validation\.jsonl:2: premise is null, must be text"):
        dataset.rows("validation")
    dataset.file("validation").write_text('{"premise": \n')
    with pytest.raises(DataError, match=r"copa_validation\.jsonl:1: column \d+: not JSON"):
        dataset.rows("validation")


def test_a_missing_or_empty_file_is_refused(tmp_path: Path) -> None:
    dataset = open_task_directory(copa(tmp_path / "Copa"), "copa")
    dataset.file("train").rename(dataset.path / "Copa_train.jsonl")
    with pytest.raises(
        DataError, match=r"copa_train\.jsonl: there is no such file; did you mean 'Copa_train"
    ):
        dataset.rows("train")
    dataset.file("validation").write_text("")
    with pytest.raises(DataError, match="the file has no rows; training on nothing is refused"):
        dataset.rows("validation")
    dataset = open_task_directory(copa(tmp_path / "other"))
    with pytest.raises(DataError, match=r"copa_test\.jsonl: there is no such file$"):
        dataset.rows("test")


def test_rows_without_an_answer_are_refused_where_answers_are_needed(tmp_path: Path) -> None:
    dataset = open_task_directory(copa(tmp_path / "Copa"))
    assert len(dataset.answered_rows("train")) == 2
    write(dataset.file("train"), COPA_ROW, COPA_ROW | {"label": -1})
    assert len(dataset.rows("train")) == 2
    with pytest.raises(DataError, match=r"copa_train\.jsonl:2: label marks a row without an"):
        dataset.answered_rows("train")


def test_a_dataset_without_a_manifest_gets_a_new_one(tmp_path: Path) -> None:
    dataset = open_task_directory(copa(tmp_path / "Copa"))
    manifest = dataset.manifest()
    assert (manifest.format, manifest.task) == ("task_jsonl", "copa")
    assert [entry.path for entry in manifest.files] == [
        "copa_train.jsonl",
        "copa_validation.jsonl",
    ]
    assert manifest.recipe.kind == "as found"
    assert manifest.mismatches(dataset.path) == []


def test_a_dataset_that_differs_from_its_manifest_is_refused(tmp_path: Path) -> None:
    dataset = open_task_directory(copa(tmp_path / "Copa"))
    names = ["copa_train.jsonl", "copa_validation.jsonl"]
    described = describe(dataset.path, names, format="task_jsonl", task="copa")
    described.write(dataset.path)
    assert dataset.manifest() == described
    write(dataset.file("train"), COPA_ROW)
    with pytest.raises(DataError, match=r"copa_train\.jsonl: has \d+ bytes, not \d+; it differs"):
        dataset.manifest()
    dataset.file("train").unlink()
    with pytest.raises(DataError, match=r"copa_train\.jsonl: is missing; it differs"):
        dataset.manifest()


def test_the_published_datasets_are_found(shared_data: Path) -> None:
    assert found(shared_data / "tasks" / "original") == [
        ("ArcC_Cloze", "arcc_cloze"),
        ("ArcC_MC", "arcc_mc"),
        ("BOOLQ", "boolq"),
        ("CB", "cb"),
        ("Copa", "copa"),
        ("RTE", "rte"),
    ]
