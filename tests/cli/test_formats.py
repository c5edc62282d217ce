"""Every command prints the same results in each output format."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from helpers.cli_world import World
from helpers.command import penstock

Document = Mapping[str, Any]
Rows = list[dict[str, Any]]


def findings(document: Document) -> Rows:
    return [
        {"path": dataset["path"], "format": dataset["format"], **finding}
        for dataset in document["datasets"]
        for finding in dataset["findings"]
    ]


def steps(document: Document) -> Rows:
    return [
        {"dataset": dataset["path"], **step}
        for dataset in document["datasets"]
        for step in dataset["steps"]
    ]


def nodes(document: Document, depth: int = 0) -> Rows:
    own = {k: v for k, v in document.items() if k not in ("children", "intact")}
    below = [row for child in document["children"] for row in nodes(child, depth + 1)]
    return [{"depth": depth, **own}, *below]


#: The arguments of each command, its exit code, and the rows in its JSON document.
COMMANDS: dict[str, tuple[list[str], int, Callable[[Document], Rows]]] = {
    "check": (["check", "broken", "data"], 1, findings),
    "migrate": (
        ["migrate", "old", "new", "--pick", "Copa=mezo_gpt/latest", "--dry-run"],
        0,
        steps,
    ),
    "results": (["results", "--purpose", "baseline"], 0, lambda document: document["runs"]),
    "compare": (
        ["compare", "--by", "method,lora_rank"],
        0,
        lambda document: document["candidates"],
    ),
    "trace": (["trace", "{run}"], 0, nodes),
    "report": (["report", "{new}/report.html"], 0, lambda document: [dict(document)]),
}


@pytest.fixture(scope="module", params=COMMANDS)
def command(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def printed(world: World, command: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The output of a command in each format."""
    arguments, code, _ = COMMANDS[command]
    new = tmp_path_factory.mktemp("new")
    filled = [argument.format(run=world.run.path, new=new) for argument in arguments]
    printed = {}
    for format in ("human", "json", "jsonl", "csv"):
        done = penstock(*filled, "--format", format, cwd=world.path)
        assert done.returncode == code, done.stderr
        printed[format] = done.stdout
    return printed


def as_csv(value: Any) -> str:
    """Return a value as a CSV cell."""
    if value is None:
        return ""
    if isinstance(value, bool | list | dict):
        return json.dumps(value, separators=(",", ":"))
    return str(value)


def test_every_format_has_the_same_rows(printed: dict[str, str], command: str) -> None:
    rows = COMMANDS[command][2](json.loads(printed["json"]))
    assert rows
    assert [json.loads(line) for line in printed["jsonl"].splitlines()] == rows
    names = list(dict.fromkeys(name for row in rows for name in row))
    table = list(csv.reader(io.StringIO(printed["csv"])))
    assert table[0] == names
    assert table[1:] == [[as_csv(row.get(name)) for name in names] for row in rows]


#: The texts of a row that the human format must show.
SHOWN: dict[str, Callable[[Mapping[str, Any]], list[str]]] = {
    "check": lambda row: [row["severity"], row["code"], row["file"], row["message"], row["fix"]],
    "migrate": lambda row: [row["description"], row["dataset"]],
    "results": lambda row: [
        *(row[name] for name in ("purpose", "model", "task", "method", "data", "state")),
        "-" if row["score"] is None else f"{row['score']:.3f}",
    ],
    "compare": lambda row: [row["method"], f"{row['score']:.3f}", f"{row['dev_score']:.3f}"],
    "trace": lambda row: [row["kind"], row["name"], row["detail"], row["state"] or ""],
    "report": lambda row: [row["report"]],
}


def test_the_human_format_shows_every_row(printed: dict[str, str], command: str) -> None:
    for row in COMMANDS[command][2](json.loads(printed["json"])):
        for text in SHOWN[command](row):
            assert text in printed["human"]


def test_a_check_without_findings_prints_a_csv_header(world: World) -> None:
    done = penstock("check", "data", "--format", "csv", cwd=world.path)
    assert done.stdout == "path,format,code,severity,file,line,count,message,fix\n"


def test_the_json_form_of_a_check(world: World) -> None:
    done = penstock("check", "broken", "--format", "json", cwd=world.path)
    assert done.returncode == 1
    assert json.loads(done.stdout) == {
        "ok": False,
        "datasets": [
            {
                "path": "broken/Copa",
                "format": "task_jsonl",
                "rows": 16,
                "findings": [
                    {
                        "code": "json-invalid",
                        "severity": "error",
                        "file": "broken/Copa/copa_train.jsonl",
                        "line": 13,
                        "count": 1,
                        "message": "column 37: not JSON (unexpected end of data)",
                        "fix": "correct the line; each must be one JSON object",
                    }
                ],
            }
        ],
    }


def test_a_comparison_prints_as_latex_with_its_notes_on_stderr(world: World) -> None:
    done = penstock("compare", "--format", "latex", cwd=world.path)
    assert done.returncode == 0
    assert done.stdout.startswith("% \\usepackage{booktabs}\n\\begin{tabular}{llrrrr}\n")
    assert done.stdout.endswith("\\end{tabular}\n")
    assert "note: 1 run not done and not counted" in done.stderr


def test_the_details_of_results_name_steps_times_directories_and_failures(world: World) -> None:
    shown = penstock("results", "--detail", cwd=world.path).stdout
    assert str(world.run.path.relative_to(world.path)) in shown
    for text in (
        "baseline  org/model  copa zo original learning_rate 1e-6 seed 0  done",
        "accuracy 0.625 on 100 rows, dev 0.600, chance 0.500",
        "best step 20 of 40",
        "started 2026-01-01T00:00:01+00:00",
        'error: it broke, "badly"',
        "1e-3_train.err",
    ):
        assert text in shown
