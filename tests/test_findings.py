"""Findings have one form, and only an error fails a check."""

from __future__ import annotations

import json

import pytest

from penstock.findings import CheckReport, DatasetFindings, Finding, Severity


def finding(severity: Severity, **values: object) -> Finding:
    return Finding(code="field-null", severity=severity, message="m", fix="f", **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("severities", "ok"),
    [
        ([], True),
        ([Severity.INFO, Severity.WARNING], True),
        ([Severity.INFO, Severity.ERROR, Severity.WARNING], False),
    ],
)
def test_only_an_error_fails_a_dataset_and_a_report(severities: list[Severity], ok: bool) -> None:
    dataset = DatasetFindings("Copa", "task_jsonl", findings=[finding(s) for s in severities])
    assert dataset.ok is ok
    assert CheckReport([DatasetFindings("CB", "task_jsonl"), dataset]).ok is ok


def test_findings_are_counted_by_severity() -> None:
    some = [finding(Severity.INFO), finding(Severity.ERROR), finding(Severity.INFO)]
    dataset = DatasetFindings("Copa", "task_jsonl", findings=some)
    assert [dataset.count(severity) for severity in Severity] == [1, 0, 2]


def test_a_report_has_one_form_in_json() -> None:
    places = {"file": "Copa/copa_train.jsonl", "line": 3, "count": 2}
    report = CheckReport(
        [
            DatasetFindings("Copa", "task_jsonl", 400, [finding(Severity.ERROR, **places)]),
            DatasetFindings("CB", "task_jsonl", 250),
        ]
    )
    assert json.loads(json.dumps(report.to_dict())) == {
        "ok": False,
        "datasets": [
            {
                "path": "Copa",
                "format": "task_jsonl",
                "rows": 400,
                "findings": [
                    {
                        "code": "field-null",
                        "severity": "error",
                        "file": "Copa/copa_train.jsonl",
                        "line": 3,
                        "count": 2,
                        "message": "m",
                        "fix": "f",
                    }
                ],
            },
            {"path": "CB", "format": "task_jsonl", "rows": 250, "findings": []},
        ],
    }
