"""Chat data in a grid: its keys, the identity of its runs, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from helpers.chat_entries import PLAIN, chat_line, numbers, write_chat
from helpers.grids import plan, refusal
from helpers.workspace import Workspace, append
from penstock.errors import DataError
from penstock.experiments import PlannedRun
from penstock.files import sha256_of
from penstock.manifest import describe

KEYS = {"task": "chat", "method": "fo_lora", "hyperparameters": "{learning_rate: 1e-4}"}
PATH = "{path: chat}"


@pytest.fixture(autouse=True)
def chat(workspace: Workspace) -> Path:
    """Ten training, four validation and three test conversations."""
    return write_chat(
        Path("chat"), x_train=numbers(10), x_eval=numbers(4, 20), x_test=numbers(3, 30)
    )


def the_run(*overrides: str, **keys: Any) -> PlannedRun:
    (run,) = plan(*overrides, **{**KEYS, "data": PATH, **keys}).runs
    return run


def refused(*overrides: str, **keys: Any) -> str:
    return refusal(*overrides, **{**KEYS, "data": PATH, **keys})


def test_all_rows_are_used_by_default() -> None:
    values = the_run().config.hyperparameters
    counts = [values[f"{name}_samples"] for name in ("train", "dev", "eval")]
    assert counts == [None, None, None]
    assert the_run("hyperparameters.train_samples=5").config.hyperparameters["train_samples"] == 5


def test_a_run_has_only_the_settings_of_its_task() -> None:
    chat, copa = the_run().config.hyperparameters, plan().runs[0].config.hyperparameters
    of_chat = {"packing", "mask_history", "too_long", "chat_template"}
    assert chat.keys() - copa.keys() >= of_chat
    assert copa.keys() - chat.keys() >= {"train_as_classification"}
    assert chat["packing"] is False and chat["too_long"] == "error"


@pytest.mark.parametrize(
    ("name", "value"),
    [("packing", "true"), ("mask_history", "false"), ("too_long", "drop"), ("chat_template", "x")],
)
def test_settings_of_chat_are_refused_for_benchmark_tasks(name: str, value: str) -> None:
    message = refusal(f"hyperparameters.{name}={value}")
    assert f"hyperparameters.{name}: does not apply to the task copa; remove it" in message


def test_settings_of_benchmark_tasks_are_refused_for_chat() -> None:
    message = refused("hyperparameters.train_as_classification=true")
    assert "train_as_classification: does not apply to the task chat; remove it" in message
    original = refused(data="{original: chat, synthetic: chat, mix: both}")
    assert (
        "data.original: a chat dataset has only data.path; remove it for the task chat" in original
    )
    entries = refusal(data="{path: data/original/Copa, train: a}")
    assert "data.train: only chat data has entries; remove it for the task copa" in entries


def test_the_record_lists_the_files_of_a_directory_without_a_manifest() -> None:
    (use,) = the_run().datasets
    files = {entry.path: entry.split for entry in use.manifest.files}
    splits = {"x_train.jsonl": "train", "x_eval.jsonl": "validation", "x_test.jsonl": "test"}
    assert files == {"dataset_info.json": None, **splits}
    assert (use.role, use.path) == ("path", str(Path("chat").resolve()))


def test_a_changed_row_makes_another_run() -> None:
    before = the_run().identity
    append(Path("chat/x_test.jsonl"), chat_line(numbers(1, 99)[0]))
    assert the_run().identity != before


def test_an_unused_file_changes_nothing() -> None:
    before = the_run().identity
    (Path("chat") / "notes.txt").write_text("unread")
    assert the_run().identity == before


def test_a_dataset_that_differs_from_its_manifest_is_refused(chat: Path) -> None:
    splits = {"x_train.jsonl": "train", "x_eval.jsonl": "validation"}
    describe(chat, splits, format="chat", task=None, splits=splits).write(chat)
    append(chat / "x_train.jsonl", "\n")
    with pytest.raises(DataError, match=r"x_train\.jsonl: has .* bytes, not .* restore it"):
        the_run()


def test_the_entries_to_train_on_are_a_dimension_with_names() -> None:
    write_chat(Path("two"), a_train=numbers(5), b_train=numbers(6, 10), x_eval=numbers(4, 20))
    grid = plan(**KEYS, data="{path: two, train: [a_train, b_train, 'a_train,b_train']}")
    labels = [run.config.data.label for run in grid.runs]
    assert labels == ["two-a_train", "two-b_train", "two-a_train+b_train"]
    assert len({run.identity for run in grid.runs}) == 3


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("{path: chats}", "data.path: .*chats: there is no such directory; did you mean 'chat'?"),
        ("{path: chat, train: x_trian}", "data.train: .* no entry 'x_trian'; did you mean 'x_tr"),
        ("{path: one}", "data.validation: .*dataset_info.json has no entry for validation; name"),
        ("{path: two, train: 'a_train,a_train'}", "data.train: 'a_train', for train, and 'a_tr"),
        ("{path: two, train: 'a_train,b_train'}", "data.train: every row of 'a_train' is also in"),
        ("{path: two, train: 'a_train,x_eval'}", "data.train: 'x_eval', for validation, and 'x_"),
        ("{path: two, train: a_train, test: x_eval}", "data.test: 'x_eval', for test, and 'x_ev"),
        ("{path: two}", "data.train: .* several entries for train: a_train, b_train; name those"),
    ],
)
def test_missing_entries_are_located_at_their_key(data: str, expected: str) -> None:
    write_chat(Path("one"), x_train=numbers(3))
    write_chat(Path("two"), a_train=numbers(3), b_train=numbers(3), x_eval=numbers(2))
    message = refused(data=data)
    assert message.startswith("e.yaml:5:")
    *parts, last = expected.split(".*")
    assert all(part.strip() in message for part in [*parts, last])


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('{"messages": [{"role": "user", "content": "So?"}]}', "the last turn is no answer"),
        ('{"messages": []}', "has no turn"),
        ("{", "not JSON"),
    ],
)
def test_a_bad_row_is_reported_with_file_and_line_before_anything_starts(
    line: str, expected: str
) -> None:
    append(Path("chat/x_eval.jsonl"), line + "\n")
    with pytest.raises(DataError, match=rf"x_eval\.jsonl:5: .*{expected}"):
        the_run()


def test_the_text_of_a_template_determines_the_run_not_its_path() -> None:
    Path("one.jinja").write_text(PLAIN)
    Path("two.jinja").write_text(PLAIN)
    one, two = (the_run(f"hyperparameters.chat_template={name}.jinja") for name in ("one", "two"))
    assert one.config.template_text == PLAIN
    assert one.config.hyperparameters["chat_template"] == sha256_of(Path("one.jinja"))
    assert one.identity == two.identity
    Path("two.jinja").write_text(PLAIN + " ")
    assert the_run("hyperparameters.chat_template=two.jinja").identity != one.identity


def test_a_template_with_a_key_in_it_is_refused() -> None:
    Path("key.jinja").write_text(PLAIN + "{# hf_" + "aB3" * 10 + " #}")
    message = refused("hyperparameters.chat_template=key.jinja")
    assert "hyperparameters.chat_template: contains what looks like a secret key" in message
    assert "aB3" not in message


def test_a_missing_template_is_located_at_its_key() -> None:
    Path("chatml.jinja").write_text(PLAIN)
    message = refused("hyperparameters.chat_template=chatlm.jinja")
    assert "hyperparameters.chat_template: chatlm.jinja cannot be read" in message
    assert "did you mean 'chatml.jinja'?" in message
