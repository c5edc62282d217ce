"""The source cohorts: records in nested lists of JSON documents, with fields of their parents."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from helpers.source_rows import make, read, rows_of, texts_of
from penstock.errors import DataError

NOTES = "patients[*].notes[*]"
COHORT = {
    "cohort": "2009-01",
    "site": {"name": "north"},
    "patients": [
        {
            "notes": [
                {"note_type": "ED", "note_text": "one"},
                {"note_type": "Lab", "note_text": "two", "by": {"unit": "x"}},
            ],
            "patient_id": "P1",
            "birth": {"month": "2009-01"},
        },
        {"patient_id": "P2", "birth": {"month": "2009-02"}, "notes": []},
        {
            "patient_id": "P3",
            "birth": {"month": "2009-03"},
            "notes": [{"note_type": None, "note_text": "three"}],
        },
    ],
}
METADATA = {
    "type": "note_type",
    "patient": "^patient_id",
    "birth": "^birth.month",
    "cohort": "^^cohort",
    "site": "^^site.name",
}
ROWS = [
    {"text": text, "type": kind, "patient": patient, "birth": birth, "cohort": "2009-01"}
    | {"site": "north"}
    for text, kind, patient, birth in [
        ("one", "ED", "P1", "2009-01"),
        ("two", "Lab", "P1", "2009-01"),
        ("three", None, "P3", "2009-03"),
    ]
]


def write(path: Path, document: Any) -> Path:
    """Write a document as JSON."""
    path.write_text(json.dumps(document))
    return path


def notes(path: Path | str, **settings: Any) -> Any:
    """Return a source of the notes of cohort documents."""
    return make("cohorts", **{"path": str(path), "records": NOTES, "text": "note_text", **settings})


def test_rows_have_fields_of_the_record_and_of_its_parents(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", COHORT)
    assert rows_of(notes(path, metadata=METADATA)) == ROWS


def test_document_fields_may_come_after_the_records(tmp_path: Path) -> None:
    behind = {"patients": COHORT["patients"]} | {k: COHORT[k] for k in ("site", "cohort")}
    assert list(behind) == ["patients", "site", "cohort"]
    path = write(tmp_path / "a.json", behind)
    assert rows_of(notes(path, metadata=METADATA)) == ROWS


def test_without_metadata_all_fields_of_the_record_are_kept(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", COHORT)
    assert rows_of(notes(path))[1] == {"note_type": "Lab", "by": {"unit": "x"}, "text": "two"}


@pytest.mark.parametrize(
    ("document", "records", "metadata"),
    [
        ([{"id": 1, "notes": [{"t": "a"}, {"t": "b"}]}], "[*].notes[*]", {"id": "^id"}),
        ({"x": {"y": [{"t": "a"}, {"t": "b"}]}, "id": 1}, "x.y[*]", {"id": "^id"}),
        ([{"t": "a", "id": 1}, {"t": "b", "id": 1}], "[*]", {"id": "id"}),
        (
            {"id": 1, "a": [{"b": [{"in": {"c": [{"t": "a"}]}}, {"in": {"c": [{"t": "b"}]}}]}]},
            "a[*].b[*].in.c[*]",
            {"id": "^^^id"},
        ),
    ],
)
def test_lists_may_be_at_any_depth(
    tmp_path: Path, document: Any, records: str, metadata: dict[str, str]
) -> None:
    source = make(
        "cohorts",
        path=str(write(tmp_path / "a.json", document)),
        records=records,
        text="t",
        metadata=metadata,
    )
    assert rows_of(source) == [{"text": "a", "id": 1}, {"text": "b", "id": 1}]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"records": "patients"}, "must name a list"),
        ({"records": "patients[*].notes"}, "must name a list"),
        ({"records": "patients[0].notes[*]"}, "must name a list"),
        ({"records": "patients[*][*]"}, "must name a list"),
        ({"records": "patients[*]notes[*]"}, "must name a list"),
        ({"records": ""}, "must name a list"),
        ({"metadata": ["^^^x"]}, r"'\^\^\^x' goes up more levels than 'patients\[\*\]"),
        ({"records": "[*]", "metadata": ["^x"]}, r"'\^x' goes up more levels"),
        ({"metadata": ["^"]}, r"'\^' names no field"),
        ({"text": "^note"}, "the text must be a field of the record itself"),
    ],
)
def test_invalid_paths_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        notes("a.json", **settings)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            lambda p: p[0]["notes"][1].pop("note_text"),
            "patients[0].notes[1]: the field 'note_text'",
        ),
        (
            lambda p: p[0]["notes"][1].update(note_text=7),
            "patients[0].notes[1]: the field 'note_text' is a number, must be text",
        ),
        (lambda p: p[0]["notes"].insert(1, "x"), "patients[0].notes[1]: text, must be an object"),
        (lambda p: p[1].update(notes={}), "patients[1].notes: an object, must be a list"),
        (lambda p: p.insert(1, None), "patients[1]: null, must be an object"),
        (
            lambda p: p[2].pop("patient_id"),
            "patients[2].notes[0]: the field '^patient_id' is missi",
        ),
    ],
)
def test_a_bad_record_is_reported_with_its_path(tmp_path: Path, change: Any, reason: str) -> None:
    document = json.loads(json.dumps(COHORT))
    change(document["patients"])
    source = notes(write(tmp_path / "a.json", document), metadata=METADATA)
    with pytest.raises(DataError) as caught:
        read(source)
    assert reason in str(caught.value)
    assert str(tmp_path / "a.json") in str(caught.value)
    rows, errors, counts = read(source, skip=True)
    assert counts["unusable"] == len(errors) == 1
    assert errors[0][1] == (3 if "patients[2]" in reason or "patients[1]" in reason else 2)
    assert all(row in ROWS for row in rows)


def test_a_missing_optional_field_is_null(tmp_path: Path) -> None:
    source = notes(
        write(tmp_path / "a.json", COHORT),
        metadata={"unit": "by.unit", "ward": "^ward", "study": "^^study"},
        optional=["unit", "ward", "study"],
    )
    assert [row["unit"] for row in rows_of(source)] == [None, "x", None]
    assert {(row["ward"], row["study"]) for row in rows_of(source)} == {(None, None)}


def test_elements_without_the_list_are_counted(tmp_path: Path) -> None:
    document = {"patients": [{"notes": [{"note_text": "a"}]}, {}, {"notes": None}]}
    rows, errors, counts = read(notes(write(tmp_path / "a.json", document)))
    assert (len(rows), errors, counts) == (1, [], {"without_records": 2})


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"patient": []}, "has no list 'patients'; did you mean 'patient'"),
        ([], "has no list 'patients'"),
        ({"patients": {"a": 1}}, "'patients' is not a list"),
        ({"patients": [{"note": []}, {}]}, r"none of 2 elements of patients\[\*\] has the list"),
    ],
)
def test_a_missing_list_is_an_error(tmp_path: Path, document: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(notes(write(tmp_path / "a.json", document)), skip=True)


def test_a_document_without_patients_has_no_rows(tmp_path: Path) -> None:
    assert rows_of(notes(write(tmp_path / "a.json", {"patients": []}))) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is truncated"),
        (b'{"patients": [{"notes": [{"note_text": "secret"}]}, {"no', "is truncated"),
        (b'{"patients": [{"notes": [{"note_text": "secret"}]}, secret]}', "not JSON"),
        (b'{"patients": [{"notes": [{"note_text": "secret \xff"}]}]}', "not UTF-8"),
        (b'{"patients": [{"notes": [{"note_text": "secret \xed\xa0\x80"}]}]}', "not UTF-8"),
        (b'{"patients": [{"notes": [{"note_text": "secret"}]}]} x', "not JSON"),
        (b'{"patients": [{"notes": [{"note_text": "secret", "n": NaN}]}]}', "not JSON"),
        (
            b'{"patients": [{"notes": [{"note_text": "secret", "n": 123456789012345678901}]}]}',
            "a number of more than 64 bits",
        ),
        (b'{"patients": [{"notes": [{"note_text": "secret \\ud83d"}]}]}', "a lone surrogate"),
        (
            b'{"patients": [{"notes": [{"note_text": "secret", "note_text": ""}]}]}',
            "the key 'note_text' occurs twice",
        ),
        (b'{"patients": [{"a secret": 1, "a secret": 2}]}', "the key of 8 characters occurs"),
    ],
)
@pytest.mark.parametrize("skip", [False, True])
def test_invalid_json_is_fatal_and_its_text_is_not_shown(
    tmp_path: Path, content: bytes, message: str, skip: bool
) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read(notes(path), skip=skip)
    assert str(caught.value).startswith(f"{path}: {message}")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "document",
    [
        '{"patients": [{"notes": []}], "x": 1, "patients": []}',
        '{"patients": [], "patients": [{"notes": []}]}',
        '{"patients": [{"notes": []}], "patients": null}',
        '{"patients": [{"notes": []}], "a": "%s", "patients": []}' % ("x" * 65_500),
    ],
)
def test_a_repeated_list_is_refused(tmp_path: Path, document: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(document)
    with pytest.raises(DataError, match=r"a\.json: the key 'patients' occurs twice in one object"):
        read(notes(path))


def test_a_repeated_object_around_the_list_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"é": {"ü": [{"note_text": "a"}]}, "\\u00e9": {"\\u00fc": []}}')
    with pytest.raises(DataError, match="the key 'é' occurs twice in one object"):
        read(notes(path, records="é.ü[*]"))


def test_the_name_of_the_list_may_occur_elsewhere(tmp_path: Path) -> None:
    patient = {"patients": "patients", "notes": [{"note_text": "patients", "patients": []}]}
    path = write(tmp_path / "a.json", {"x": {"patients": 1}, "patients": [patient] * 2})
    assert texts_of(notes(path)) == ["patients"] * 2


def test_a_truncated_document_is_reported_with_its_last_element(tmp_path: Path) -> None:
    patient = {"notes": [{"note_text": "x" * 10_000}]}
    content = json.dumps({"patients": [patient] * 100})
    path = tmp_path / "a.json"
    path.write_text(content[: len(content) // 2])
    with pytest.raises(DataError, match=r"is truncated after patients\[4\d\]; copy"):
        read(notes(path))


@given(st.lists(st.integers(0, 70_000), min_size=1, max_size=4), st.booleans())
def test_lone_surrogates_are_detected_at_every_chunk_boundary(
    tmp_path_factory: pytest.TempPathFactory, fill: list[int], lone: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "surrogates.json"
    escapes = r"\\\ud83d\ude00" + (r"\ud83d" if lone else r"\\ud83d")
    text = "".join("x" * count + escapes for count in fill)
    path.write_text('{"patients": [{"notes": [{"note_text": "' + text + '"}]}]}')
    rows, _, counts = read(notes(path, surrogates="replace"))
    expected = "".join(
        "x" * count + "\\\U0001f600" + ("\ufffd" if lone else "\\ud83d") for count in fill
    )
    assert rows[0]["text"] == expected
    assert counts.get("surrogates_replaced", 0) == (len(fill) if lone else 0)


def test_compressed_documents_are_read_and_a_truncated_archive_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.json.gz"
    data = gzip.compress(json.dumps(COHORT).encode())
    path.write_bytes(data)
    assert texts_of(notes(path)) == ["one", "two", "three"]
    path.write_bytes(data[:-10])
    with pytest.raises(DataError, match=r"a\.json\.gz: is truncated; copy"):
        read(notes(path))


def test_real_cohorts_are_read_like_the_json_module_reads_them(shared_data: Path) -> None:
    metadata = {"type": "note_type", "patient": "^patient_id", "cohort": "^^cohort"}
    source = notes(shared_data / "cohorts" / "*.json", metadata=metadata)
    expected = [
        {
            "text": note["note_text"],
            "type": note["note_type"],
            "patient": patient["patient_id"],
            "cohort": document["cohort"],
        }
        for path in sorted((shared_data / "cohorts").glob("*.json"))
        for document in [json.loads(path.read_bytes())]
        for patient in document["patients"]
        for note in patient["notes"]
    ]
    assert len(expected) > 1000
    assert rows_of(source) == expected
