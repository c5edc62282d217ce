"""The table of codes in the documentation matches the codes in the source."""

from __future__ import annotations

import re
from pathlib import Path

from penstock.checks import _codes
from penstock.checks.chat import _codes as chat_codes
from penstock.findings import Code
from penstock.trainers.llamafactory.checks import codes as llamafactory_codes

ROOT = Path(__file__).resolve().parents[2]
CODES = {
    code.name: code
    for module in (_codes, chat_codes, llamafactory_codes)
    for code in vars(module).values()
    if isinstance(code, Code)
}
_DOCUMENTED = re.compile(r"^\| `([a-z0-9-]+)` \| (error|warning|info) \|", re.M)


def source(*packages: str) -> str:
    paths = [path for name in packages for path in (ROOT / "src/penstock" / name).rglob("*.py")]
    return "".join(path.read_text(encoding="utf-8") for path in paths)


LINES = (ROOT / "src/penstock/jsonl.py").read_text(encoding="utf-8")


def test_the_documentation_has_every_code_with_its_severity_and_no_other() -> None:
    table = _DOCUMENTED.findall((ROOT / "docs/checking.md").read_text(encoding="utf-8"))
    assert sorted(table) == sorted((code.name, str(code.severity)) for code in CODES.values())


def test_every_code_that_reading_a_row_can_give_is_known() -> None:
    rows = source("tasks", "formats") + LINES
    given = re.findall(r'"((?:field|label)-[a-z]+)"|BadLine\("([a-z0-9-]+)"', rows)
    assert {of_field or of_line for of_field, of_line in given} <= CODES.keys()


def test_every_code_is_used() -> None:
    checks, rows = source("checks", "trainers"), source("tasks", "formats") + LINES
    defined = re.findall(r'^([A-Z0-9_]+) = (?:error|warning|info)\(\s*"([a-z0-9-]+)"', checks, re.M)
    assert {name for _, name in defined} == CODES.keys()
    for constant, name in defined:
        assert len(re.findall(rf"\b{constant}\b", checks)) > 1 or f'"{name}"' in rows, name
