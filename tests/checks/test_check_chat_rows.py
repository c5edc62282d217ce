"""Rows that LLaMA-Factory drops, stops at, or trains on without effect."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from helpers.chat_directories import PROMPT, Row, pairs, row, sentences, write_entries
from helpers.check_datasets import found
from helpers.command import penstock
from penstock import check
from penstock.findings import Finding

ASKED, ANSWERED = ("user", "Say a."), ("assistant", "a")
SYSTEM = ("system", "Be short.")
CALL = ("function", '{"name": "look", "arguments": {}}')


def findings_of(directory: Path, *rows: Any, array: bool = False) -> dict[str, list[Finding]]:
    """Return the findings of a file with these rows after two valid ones."""
    write_entries(directory, {"notes.json" if array else "notes": [*pairs(0, 1), *rows]})
    return found(check(directory))


@pytest.mark.parametrize("array", [False, True])
@pytest.mark.parametrize(
    "dropped",
    [
        row(ASKED),
        row(SYSTEM),
        row(SYSTEM, ASKED),
        row(ASKED, ANSWERED, ASKED),
        row(ANSWERED, ASKED),
        row(ASKED, ASKED),
        row(ASKED, SYSTEM, ANSWERED),
        row(SYSTEM, SYSTEM, ASKED, ANSWERED),
        row(("human", "Say a."), ANSWERED),
        row(ASKED, ("tool", "a")),
        {"messages": []},
    ],
    ids=lambda dropped: ",".join(message["role"] for message in dropped["messages"]),
)
def test_a_row_with_turns_out_of_order_is_dropped(
    tmp_path: Path, dropped: Row, array: bool
) -> None:
    findings = findings_of(tmp_path, dropped, array=array)
    assert [(f.severity, f.line) for f in findings["row-dropped"]] == [("error", 3)]
    assert "2 of 3 rows of 'notes' would be used" in findings["rows-trained"][0].message


@pytest.mark.parametrize(
    "kept",
    [
        row(ASKED, ANSWERED),
        row(SYSTEM, ASKED, ANSWERED, ASKED, ANSWERED),
        row(ASKED, CALL, ("tool", "1"), ANSWERED),
        row(ASKED, ("function", "<think>Look.</think>" + CALL[1])),
        row(ASKED, ("function", f"I look. <tool_call>{CALL[1]}</tool_call>")),
    ],
    ids=lambda kept: ",".join(message["role"] for message in kept["messages"]),
)
def test_a_row_with_turns_in_order_is_used(tmp_path: Path, kept: Row) -> None:
    assert findings_of(tmp_path, kept).keys() == {"rows-trained"}


@pytest.mark.parametrize(
    ("invalid", "words"),
    [
        ({"other": 1}, "the field 'messages' is missing"),
        ({"messages": None}, "the field 'messages' is null"),
        ({"messages": "Say a."}, "the field 'messages' is text"),
        ({"messages": ["Say a."]}, "a message is text"),
        ({"messages": [{"role": "user"}]}, "`content` of message 1 is missing"),
        ({"messages": [{"content": "Say a."}]}, "`role` of message 1 is missing"),
        (row(("user", 5), ANSWERED), "`content` of message 1 is a number"),  # type: ignore[arg-type]
        (row(ASKED, ("function", "look")), "no JSON with `name` and `arguments`"),
        (row(ASKED, ("function", "look </b>")), "no JSON with `name` and `arguments`"),
        (row(ASKED, ("function", "<think>a</think> b")), "no JSON with `name` and `arguments`"),
    ],
)
def test_a_row_without_a_conversation_is_invalid(tmp_path: Path, invalid: Row, words: str) -> None:
    (finding,) = findings_of(tmp_path, invalid)["row-invalid"]
    assert (finding.line, words in finding.message) == (3, True), finding.message


def test_an_empty_answer_is_an_error(tmp_path: Path) -> None:
    findings = findings_of(tmp_path, row(ASKED, ("assistant", "  ")))
    assert findings["answer-empty"][0].severity == "error"
    assert "3 rows of 'notes': LLaMA-Factory uses all" in findings["rows-trained"][0].message


def test_an_empty_prompt_is_a_warning(tmp_path: Path) -> None:
    findings = findings_of(tmp_path, row(("user", ""), ANSWERED))
    assert [f.severity for f in findings["prompt-empty"]] == ["warning"]


def test_rows_with_one_problem_are_one_finding_with_a_count(tmp_path: Path) -> None:
    findings = findings_of(tmp_path, row(ASKED), row(ASKED), row(ANSWERED, ASKED))
    assert sorted((f.line, f.count) for f in findings["row-dropped"]) == [(3, 2), (5, 1)]


def test_invalid_lines_are_reported_with_their_line(tmp_path: Path) -> None:
    directory = write_entries(tmp_path, {"notes": pairs(0, 1)})
    with (directory / "notes.jsonl").open("ab") as out:
        out.write(b'{"messages": [\n[]\n\n"\xe9"\n{"messages": []')
    findings = found(check(directory))
    lines = {code: findings[code][0].line for code in findings if findings[code][0].line}
    assert lines == {
        "json-invalid": 3,
        "not-an-object": 4,
        "line-empty": 5,
        "not-utf8": 6,
        "final-newline": 7,
    }
    assert findings["rows-trained"][0].message.startswith("none of 6 rows of 'notes' would be used")


@pytest.mark.parametrize(
    ("data", "code", "line"),
    [
        (b'[\n{"messages": []},\n{,\n]', "json-invalid", 2),
        (b'[\n{"messages": []}\n] {}', "json-invalid", 2),
        (b'[\n{"messages": []},\n]', "json-invalid", 2),
        (b'[\n{"messages": []}', "json-invalid", 2),
        (b'[\n"\xe9"\n]', "not-utf8", 1),
        (b'[{"messages": []}, 5]', "not-an-object", 2),
        (b'[\n{"messages": []},\n5\n]', "not-an-object", 2),
        (b'[{"messages": [], "a": 1, "a": 2}]', "key-repeated", 1),
        (b'[\n{"messages": [], "a": 1, "a": 2}\n]', "key-repeated", 1),
        (b'[{"messages": "\\ud83d"}]', "json-invalid", 1),
        (b"[]", "file-empty", None),
        (b"", "file-empty", None),
    ],
)
def test_an_invalid_array_is_reported(
    tmp_path: Path, data: bytes, code: str, line: int | None
) -> None:
    directory = write_entries(tmp_path, {"notes.json": []})
    (directory / "notes.json").write_bytes(data)
    (finding,) = found(check(directory))[code]
    assert finding.line == line


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("notes.json", "[{0}"),
        ("notes.json", "[{0}] x"),
        ("notes.json", "[{0}, 5]"),
        ("notes.json", "\ufeff[{0}]"),
        ("notes", '{0}\n{{"messages": \n'),
        ("notes", "{0}\n5\n"),
        ("notes", '{0}\n{{"a": 1, "a": 2}}\n'),
    ],
)
def test_no_row_of_a_file_that_does_not_load_is_used(tmp_path: Path, name: str, data: str) -> None:
    write_entries(tmp_path, {name: []})
    (file,) = tmp_path.glob("notes.*")
    file.write_text(data.format(json.dumps(pairs(0, 1)[0])), encoding="utf-8")
    (finding,) = found(check(tmp_path))["rows-trained"]
    assert finding.message.startswith("none of ")
    assert finding.message.endswith(f"of 'notes' would be used: {file} does not load")


def test_a_byte_order_mark_before_an_array_is_reported(tmp_path: Path) -> None:
    write_entries(tmp_path, {"notes.json": pairs(0, 3)})
    file = tmp_path / "notes.json"
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    findings = found(check(tmp_path))
    assert findings.keys() == {"byte-order-mark", "rows-trained"}
    assert check(tmp_path).datasets[0].rows == 6


def test_lines_in_a_json_file_are_read_as_lines(tmp_path: Path) -> None:
    directory = write_entries(tmp_path, {"notes.json": []})
    (directory / "notes.json").write_text("".join(json.dumps(r) + "\n" for r in pairs(0, 3)))
    assert check(directory).datasets[0].rows == 6


def test_alpaca_rows_are_read_by_their_columns(tmp_path: Path) -> None:
    right = {"instruction": "Say", "input": "a.", "output": "a"}
    columns = {"prompt": "instruction", "query": "input", "response": "output"}
    columns["history"] = "history"
    rows = [right, {"instruction": "Say a."}, {**right, "output": None}, {**right, "output": ""}]
    rows += [{"input": "Say b.", "output": "b", "history": 5}, {"instruction": "", "output": "c"}]
    settings = {"formatting": "alpaca", "columns": columns, "tags": None}
    write_entries(tmp_path, {"notes": rows}, {"notes": settings})
    findings = found(check(tmp_path))
    places = {code: (of[0].line, of[0].count) for code, of in findings.items()}
    assert places["row-dropped"] == (2, 2)
    assert (places["answer-empty"], places["prompt-empty"]) == ((4, 1), (6, 1))
    assert "4 of 6 rows of 'notes' would be used" in findings["rows-trained"][0].message


def test_an_answer_that_repeats_its_prompt_is_a_warning(tmp_path: Path) -> None:
    same = row(("user", PROMPT + "It rained."), ("assistant", "it  rained."))
    corrected = row(("user", PROMPT + "It rained."), ("assistant", "It rained!"))
    odd = row(("user", "Something else."), ("assistant", "Yes."))
    (finding,) = findings_of(tmp_path, *pairs(1, 60), odd, corrected, same)["sides-identical"]
    assert (finding.severity, finding.line, finding.count) == ("warning", 123, 1)


def test_a_repeated_row_is_a_warning_that_names_the_first(tmp_path: Path) -> None:
    first = pairs(0, 1)[0]["messages"]
    other = row(*[(m["role"], m["content"].replace(".", "!")) for m in first])
    again = row(*[(m["role"], m["content"].replace(". ", ".  ").upper()) for m in first])
    (finding,) = findings_of(tmp_path, other, again)["row-duplicated"]
    assert (finding.line, finding.count, finding.message) == (
        4,
        1,
        "the same as line 1, except for case and white space",
    )


def test_prompts_that_contain_their_answers_are_a_warning(tmp_path: Path) -> None:
    told = [
        row(("user", f"Say: {a} As in: {b}"), ("assistant", b))
        for a, b in (sentences(n) for n in range(20))
    ]
    (finding,) = findings_of(tmp_path, *told)["answer-told"]
    assert (finding.severity, finding.count) == ("warning", 20)
    passage = " ".join(sentences(n)[0] for n in range(9))
    asked = [
        row(("user", f"{passage} When, {n}?"), ("assistant", f"On day {n}.")) for n in range(9)
    ]
    assert "answer-told" not in findings_of(tmp_path, *asked)


def test_spaces_before_commas_in_many_answers_are_a_warning(tmp_path: Path) -> None:
    cut = [row(("user", f"{n}?"), ("assistant", f"In {n} , it `` rose '' .")) for n in range(20)]
    (finding,) = findings_of(tmp_path, *cut)["text-tokenised"]
    assert (finding.severity, finding.count) == ("warning", 20)
    few = [row(("user", f"{n}?"), ("assistant", f"In {n}, it rose.")) for n in range(300)]
    assert "text-tokenised" not in findings_of(tmp_path, *cut, *few)


def test_findings_contain_no_text_of_rows(tmp_path: Path) -> None:
    secret = "Zwiebelfisch"
    rows: list[Any] = [
        row(("user", secret)),
        row(("user", secret), ("assistant", "")),
        row(("user", secret), ("assistant", secret)),
        {"messages": [{"role": "user", "content": secret}, secret]},
        secret,
        row(("user", secret), ("function", secret)),
    ]
    write_entries(tmp_path / "data", {"a_train": rows, "a_eval": rows, "b.json": rows})
    ran = penstock("check", "data", "--format", "json", cwd=tmp_path)
    assert ran.returncode == 1
    assert "row-leaked" in ran.stdout
    assert secret not in ran.stdout + ran.stderr
