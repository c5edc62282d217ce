"""The rows that LLaMA-Factory's own loader keeps, compared with those that the check reports."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from penstock import check
from penstock.formats.chat import TAGS
from penstock.trainers.llamafactory.environment import Environment

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parents[1] / "helpers" / "kept_by_llamafactory.py"
S, U, A, T = ("system", "Be short."), ("user", "Say a."), ("assistant", "a"), ("tool", "1")
F = ("function", '{"name": "look", "arguments": {}}')
LAYOUT = {"formatting": "sharegpt", "columns": {"messages": "messages"}, "tags": dict(TAGS)}
ALPACA = {"prompt": "instruction", "query": "input", "response": "output"}
RANKED = {"messages": "messages", "chosen": "chosen", "rejected": "rejected"}

#: Rows in and out of order; LLaMA-Factory loads the file and drops some.
ODD = [
    *([S, U, A], [U, A], [U], [S], [S, U], [U, A, U], [A, U], [U, U], [U, A, U, A], [U, F, T, A]),
    *([T, A], [U, F], [("human", "a"), A], [U, ("gpt", "a")], [U, S, A], [U, A, S, U, A]),
    *([U, ("assistant", "")], [("user", " "), A], [S, S, U, A], []),
]
INSTRUCTIONS = [
    {"instruction": "Say", "input": "a.", "output": "a"},
    {"instruction": "Say a.", "input": "", "output": None},
    {"instruction": "", "input": "Say a.", "output": "a"},
    {"instruction": None, "input": "Say a.", "output": "a"},
    {"input": "Say a.", "output": "a"},
    {"instruction": "Say a.", "output": ""},
    {"instruction": "", "input": "", "output": "a"},
    {"instruction": "Say a."},
]


def turns(*messages: tuple[str, Any]) -> dict[str, Any]:
    return {"messages": [{"role": role, "content": content} for role, content in messages]}


def answer(content: str) -> dict[str, str]:
    return {"role": "assistant", "content": content}


LOADED: Mapping[str, tuple[Sequence[Any], Mapping[str, Any]]] = {
    "odd": ([turns(*messages) for messages in ODD], LAYOUT),
    "no_system_tag": (
        [turns(*messages) for messages in ODD],
        {**LAYOUT, "tags": {k: v for k, v in TAGS.items() if k != "system_tag"}},
    ),
    "system_column": (
        [{**turns(S, U, A), "prompt": "x"}, {**turns(U, A), "prompt": "x"}, turns(U, A)],
        {**LAYOUT, "columns": {"messages": "messages", "system": "prompt"}},
    ),
    "openai": ([turns(U, A), turns(S, U, A)], {**LAYOUT, "formatting": "openai"}),
    "alpaca": (INSTRUCTIONS, {}),
    "alpaca_query": (INSTRUCTIONS, {"columns": {"query": "input", "response": "output"}}),
    "ranked": (
        [
            {**turns(U), "chosen": answer("a"), "rejected": answer("b")},
            {**turns(U, A), "chosen": answer("a"), "rejected": answer("b")},
            {**turns(U, A, U), "chosen": answer("a"), "rejected": answer("b")},
            {**turns(U), "chosen": None, "rejected": answer("b")},
        ],
        {**LAYOUT, "ranking": True, "columns": RANKED},
    ),
}
#: Each of these ends LLaMA-Factory; the check must have an error of this code.
REFUSED: Mapping[str, tuple[Sequence[Any], Mapping[str, Any], str]] = {
    "only_file": ([turns(U, A)], {}, "entry-column-missing"),
    "no_tags": ([turns(U, A)], {**LAYOUT, "tags": None}, "entry-tag-missing"),
    "no_columns": ([turns(U, A)], {**LAYOUT, "columns": None}, "entry-column-missing"),
    "some_tags": (
        [turns(U, A)],
        {**LAYOUT, "tags": {"role_tag": "role", "content_tag": "content"}},
        "entry-tag-missing",
    ),
    "misspelt": (
        INSTRUCTIONS,
        {"columns": {**ALPACA, "response": "ouput"}},
        "entry-column-missing",
    ),
    "no_response": (INSTRUCTIONS, {"columns": {"prompt": "instruction"}}, "entry-column-missing"),
    "unranked": ([turns(U, A)], {**LAYOUT, "ranking": True}, "entry-column-missing"),
    "null": ([turns(U, A), {"messages": None}], LAYOUT, "row-invalid"),
    "no_content": (
        [turns(U, A), {"messages": [{"role": "user"}, answer("a")]}],
        LAYOUT,
        "row-invalid",
    ),
    "number": ([turns(U, A), turns(("user", 5), A)], LAYOUT, "row-invalid"),
    "text": ([turns(U, A), {"messages": "Say a."}], LAYOUT, "row-invalid"),
    "no_call": ([turns(U, A), turns(U, ("function", "look"))], LAYOUT, "row-invalid"),
    "tags": ([turns(U, A), turns(U, ("function", "look </b>"))], LAYOUT, "row-invalid"),
    "no_row": ([turns(U, A), 5], LAYOUT, "not-an-object"),
}


@pytest.fixture(scope="module")
def tokenizer(tiny_tokenizer: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("loader") / "tokenizer"
    shutil.copytree(tiny_tokenizer, path)
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|endoftext|>"}
    (path / "tokenizer_config.json").write_text(json.dumps(settings))
    return path


def write(directory: Path, files: Mapping[str, tuple[Any, ...]]) -> Path:
    directory.mkdir()
    info = {}
    for name, (rows, settings, *_) in files.items():
        data = "".join(json.dumps(row) + "\n" for row in rows)
        (directory / f"{name}.jsonl").write_text(data)
        info[name] = {"file_name": f"{name}.jsonl"}
        info[name] |= {key: value for key, value in settings.items() if value is not None}
    (directory / "dataset_info.json").write_text(json.dumps(info, indent=2))
    return directory


def kept_by_llamafactory(
    llamafactory: Environment, directory: Path, tokenizer: Path
) -> dict[str, Any]:
    """Return the number of kept rows of each entry, or the name of the error."""
    home = directory.parent
    quiet = {"HF_HOME": str(home / "cache"), "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""}
    ran = subprocess.run(
        [llamafactory.python, SCRIPT, directory, tokenizer],
        env={**os.environ, **quiet},
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    (line,) = (line for line in ran.stdout.splitlines() if line.startswith("kept: "))
    found: dict[str, Any] = json.loads(line.removeprefix("kept: "))
    return found


def test_the_check_counts_the_rows_that_llamafactory_keeps(
    llamafactory: Environment, tokenizer: Path, tmp_path: Path
) -> None:
    kept = kept_by_llamafactory(llamafactory, write(tmp_path / "data", LOADED), tokenizer)
    for name in LOADED:
        alone = write(tmp_path / name, {name: LOADED[name]})
        (finding,) = (
            found for found in check(alone).datasets[0].findings if found.code == "rows-trained"
        )
        assert (name, int(finding.message.split()[0])) == (name, kept[name])


def test_what_stops_llamafactory_is_an_error_of_the_check(
    llamafactory: Environment, tokenizer: Path, tmp_path: Path
) -> None:
    kept = kept_by_llamafactory(llamafactory, write(tmp_path / "data", REFUSED), tokenizer)
    for name, (rows, settings, code) in REFUSED.items():
        assert isinstance(kept[name], str), name
        found = check(write(tmp_path / name, {name: (rows, settings)})).datasets[0].findings
        assert code in {finding.code for finding in found if finding.severity == "error"}, name
