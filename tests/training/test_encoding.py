"""Token ids of options, where they start, and truncation."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from tokenizers.processors import TemplateProcessing

from helpers.training_data import arc_rows, cb_rows, copa_rows, squad_rows
from penstock.errors import ConfigError
from penstock.tasks import TASKS, Row
from penstock.training.encoding import EncodedOption, Encoder

ROWS = {"copa": copa_rows, "cb": cb_rows, "arcc_mc": arc_rows, "arcc_cloze": arc_rows}


@pytest.fixture
def with_bos(tokenizer: Any) -> Any:
    """The tokenizer with a BOS token before every text."""
    copied = copy.deepcopy(tokenizer)
    copied.backend_tokenizer.post_processor = TemplateProcessing(
        single=f"{copied.bos_token} $A", special_tokens=[(copied.bos_token, copied.bos_token_id)]
    )
    return copied


@pytest.mark.parametrize("kind", ["tokenizer", "with_bos"])
@pytest.mark.parametrize("task_name", ROWS)
def test_an_option_starts_after_its_prompt(
    request: pytest.FixtureRequest, kind: str, task_name: str
) -> None:
    tokenizer, task = request.getfixturevalue(kind), TASKS.get(task_name)
    rows = ROWS[task_name](6)
    for row, encoded in zip(rows, Encoder(task, tokenizer, 128).encode(rows), strict=True):
        assert encoded.row == row
        assert encoded.correct == task.correct(row)
        options = task.options(row)
        for text, option in zip(options, encoded.options, strict=True):
            assert decoded(tokenizer, option) == (task.prompt(row), text)
            assert (option.ids[0] == tokenizer.bos_token_id) == (kind == "with_bos")
        assert encoded.answer == encoded.options[task.correct(row)[0]]


def decoded(tokenizer: Any, option: EncodedOption) -> tuple[str, str]:
    """Return the texts of prompt and option."""
    prompt, text = option.ids[: option.start], option.ids[option.start :]
    return tokenizer.decode(prompt, skip_special_tokens=True), tokenizer.decode(text)


def test_spaces_around_a_row_are_ignored(tokenizer: Any) -> None:
    row = copa_rows(1)[0]
    spaced = {**row, "premise": f"   {row['premise']} ", "choice1": f"{row['choice1']}  "}
    plain, odd = Encoder(TASKS.get("copa"), tokenizer, 128).encode([row, spaced])
    assert odd.options == plain.options


def test_long_rows_are_truncated_on_the_left_and_counted(tokenizer: Any) -> None:
    task, rows = TASKS.get("copa"), copa_rows(2) + copa_rows(3, words="So it was said that " * 9)
    full = Encoder(task, tokenizer, 1000).encode(rows)
    encoder = Encoder(task, tokenizer, 30)
    cut = encoder.encode(rows)
    assert encoder.truncated == 3
    assert cut[:2] == full[:2]
    for long, short in zip(full[2:], cut[2:], strict=True):
        for one, other in zip(long.options, short.options, strict=True):
            assert len(other.ids) == 30
            assert other.ids == one.ids[-30:]
            assert other.ids[other.start :] == one.ids[one.start :]


def test_truncation_keeps_the_bos_token(with_bos: Any) -> None:
    task, rows = TASKS.get("copa"), copa_rows(3, words="So it was said that " * 9)
    full = Encoder(task, with_bos, 1000).encode(rows)
    for long, short in zip(full, Encoder(task, with_bos, 30).encode(rows), strict=True):
        for one, other in zip(long.options, short.options, strict=True):
            assert other.ids == (with_bos.bos_token_id, *one.ids[-29:])
            assert other.ids[other.start :] == one.ids[one.start :]


def test_an_option_that_does_not_fit_is_an_error(tokenizer: Any) -> None:
    with pytest.raises(ConfigError, match=r"^hyperparameters.max_length: an option has \d+ tokens"):
        Encoder(TASKS.get("copa"), tokenizer, 8).encode(copa_rows(8))


def test_a_generated_answer_that_does_not_fit_is_an_error(tokenizer: Any) -> None:
    with pytest.raises(ConfigError, match=r"^hyperparameters.max_length: an answer may have 50"):
        Encoder(TASKS.get("squad"), tokenizer, 50)


def test_prompts_leave_room_for_generated_answers(tokenizer: Any) -> None:
    rows = squad_rows(2)
    prompts = Encoder(TASKS.get("squad"), tokenizer, 60).prompts(rows)
    full = Encoder(TASKS.get("squad"), tokenizer, 1000).prompts(rows)
    assert prompts == [ids[-10:] for ids in full]


@pytest.mark.parametrize(
    ("task", "rows", "positions"),
    [("copa", copa_rows(1, words="So it was said that " * 20), 64), ("squad", squad_rows(1), 70)],
)
def test_more_tokens_than_the_model_has_positions_are_refused(
    tokenizer: Any, task: str, rows: list[Row], positions: int
) -> None:
    Encoder(TASKS.get(task), tokenizer, positions, positions).encode(rows)
    with pytest.raises(ConfigError, match=f"max_length: .* {positions} positions; set it to"):
        Encoder(TASKS.get(task), tokenizer, 1000, positions).encode(rows)
