"""Entries of `dataset_info.json` at which LLaMA-Factory stops, or that it silently misreads."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from helpers.chat_directories import LAYOUT, TAGS, pairs, row, write_entries, write_splits
from helpers.check_datasets import check_without_rights, found
from helpers.command import penstock
from penstock import check
from penstock.errors import ConfigError
from penstock.findings import Finding

PROOF = {"rows-trained", "splits-apart"}


def of_entry(directory: Path, rows: list[Any] | None = None, **settings: Any) -> Finding:
    """Return the only finding of an entry besides those of every directory."""
    rows = pairs(0, 3) if rows is None else rows
    write_entries(directory, {"notes": rows}, {"notes": settings})
    findings = [f for f in check(directory).datasets[0].findings if f.code not in PROOF]
    assert len(findings) == 1, [f"{f.code}: {f.message}" for f in findings]
    return findings[0]


def test_a_correct_directory_exits_with_0(tmp_path: Path) -> None:
    write_splits(tmp_path / "data")
    ran = penstock("check", "data", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert "ok data  chat, 120 rows: 2 infos" in ran.stdout
    taken = "80 rows of train, 20 of validation, 20 of test: LLaMA-Factory uses all"
    assert taken in ran.stdout
    assert "no row, reversed pair or sentence is in two splits" in ran.stdout


def test_invalid_json_is_reported_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "dataset_info.json").write_text('{\n  "a": {"file_name": "a.jsonl",}\n}\n')
    (finding,) = found(check(tmp_path))["info-unreadable"]
    assert (finding.line, "not JSON" in finding.message) == (2, True)


@pytest.mark.parametrize("text", ["[]", '{"a": {"file_name": "a.jsonl"}, "b": []}'])
def test_dataset_info_must_be_an_object_of_objects(tmp_path: Path, text: str) -> None:
    (tmp_path / "dataset_info.json").write_text(text)
    assert "must be an object" in found(check(tmp_path))["info-unreadable"][0].message


def test_dataset_info_of_other_programs_is_ignored(tmp_path: Path) -> None:
    saved = {"citation": "", "features": {"text": {"dtype": "string"}}, "builder_name": "csv"}
    (tmp_path / "dataset_info.json").write_text(json.dumps(saved))
    with pytest.raises(ConfigError, match="holds no dataset of a known format"):
        check(tmp_path)


def test_a_finding_about_an_entry_has_its_line(tmp_path: Path) -> None:
    write_entries(tmp_path, {"a": pairs(0, 2), "b": pairs(2, 4)}, {"b": {"file_name": "c.jsonl"}})
    (finding,) = found(check(tmp_path))["entry-file-missing"]
    text = (tmp_path / "dataset_info.json").read_text().splitlines()
    assert '"b": {' in text[(finding.line or 0) - 1]


def test_a_missing_file_is_reported_with_the_nearest_name(tmp_path: Path) -> None:
    finding = of_entry(tmp_path, file_name="nots.jsonl")
    assert finding.code == "entry-file-missing"
    assert "did you mean 'notes.jsonl'?" in finding.message


def test_an_entry_must_name_a_location(tmp_path: Path) -> None:
    assert of_entry(tmp_path, file_name=None).code == "entry-file-missing"


def test_a_file_type_that_does_not_load_is_reported(tmp_path: Path) -> None:
    (tmp_path / "notes.yaml").write_text("a: 1\n")
    finding = of_entry(tmp_path, file_name="notes.yaml")
    assert (finding.code, ".parquet" in finding.message) == ("entry-file-missing", True)


@pytest.mark.parametrize(
    ("where", "code", "severity"),
    [
        ({"hf_hub_url": "a/b"}, "entry-unread", "info"),
        ({"file_name": "notes.csv"}, "file-unread", "warning"),
    ],
)
def test_rows_that_are_not_checked_are_reported(
    tmp_path: Path, where: dict[str, str], code: str, severity: str
) -> None:
    (tmp_path / "notes.csv").write_text("instruction,output\na,b\n")
    finding = of_entry(tmp_path, **where)
    assert (finding.code, finding.severity) == (code, severity)


def test_rows_of_parquet_are_checked(tmp_path: Path) -> None:
    rows = [*pairs(0, 3), row(("user", "Say a."))]
    write_entries(tmp_path, {"notes": []}, {"notes": {"file_name": "notes.parquet"}})
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "notes.parquet")
    (dataset,) = check(tmp_path).datasets
    assert dataset.rows == 7
    (finding,) = found(check(tmp_path))["row-dropped"]
    assert (finding.line, Path(finding.file or "").name) == (7, "notes.parquet")
    (tmp_path / "notes.parquet").write_bytes(b"PAR1")
    (finding,) = found(check(tmp_path))["file-unreadable"]
    assert finding.message == "cannot be read as Parquet; make it again"
    assert "chmod" not in finding.fix


@pytest.mark.parametrize("described", [False, True])
def test_an_unreadable_file_is_one_finding_among_others(described: bool) -> None:
    from helpers.token_datasets import write_manifest

    rows = [*pairs(2, 4), row(("user", "Say a."))]
    with TemporaryDirectory() as home:
        Path(home).chmod(0o755)
        data = write_entries(Path(home) / "data", {"a": rows, "b": pairs(0, 2)})
        if described:
            write_manifest(data, format="chat")
        (data / "b.jsonl").chmod(0)
        printed = {
            tuple(line.split("|")[:3]) for line in check_without_rights(data).stdout.splitlines()
        }
    assert ("file-unreadable", "error", f"{data}/b.jsonl") in printed
    assert ("row-dropped", "error", f"{data}/a.jsonl") in printed


def test_an_unreadable_dataset_info_is_a_finding_with_its_fix() -> None:
    with TemporaryDirectory() as home:
        Path(home).chmod(0o755)
        data = write_splits(Path(home) / "data")
        (data / "dataset_info.json").chmod(0)
        (printed,) = check_without_rights(data).stdout.splitlines()
    assert printed.startswith(f"info-unreadable|error|{data}/dataset_info.json|")
    assert "chmod u+r" in printed


@pytest.mark.parametrize("verb", ["check", "show"])
def test_a_missing_file_of_a_split_is_an_error_with_its_fix(tmp_path: Path, verb: str) -> None:
    data = write_splits(tmp_path / "data")
    (data / "all_train.jsonl").rename(data / "all_trian.jsonl")
    ran = penstock(verb, "data", cwd=tmp_path)
    assert ran.returncode == {"check": 1, "show": 2}[verb]
    assert "did you mean 'all_trian.jsonl'?" in ran.stdout + ran.stderr
    assert "Traceback" not in ran.stderr


def test_rows_of_every_split_are_counted(
    tmp_path: Path,
) -> None:
    same = {f"a_{split}": pairs(0, 30) for split in ("train", "eval", "test")}
    assert check(write_entries(tmp_path / "same", same)).datasets[0].rows == 180
    files = {"a_train": pairs(0, 20), "all_train": pairs(0, 40), "all.json": pairs(0, 40)}
    (dataset,) = check(write_entries(tmp_path / "parts", files)).datasets
    (finding,) = (f for f in dataset.findings if f.code == "rows-trained")
    assert (dataset.rows, finding.message[:17]) == (80, "80 rows of train:")


def test_files_of_no_split_are_reported_as_uncompared(tmp_path: Path) -> None:
    write_entries(tmp_path, {"first": pairs(0, 4), "second": pairs(3, 6)})
    (finding,) = found(check(tmp_path))["splits-unknown"]
    assert finding.severity == "info"
    assert finding.message.endswith("not compared: first.jsonl, second.jsonl")
    for part in ("a", "b"):
        write_entries(
            tmp_path / "parts" / part, {"rows": pairs(0, 4) if part == "a" else pairs(5, 9)}
        )
        (tmp_path / "parts" / part / "dataset_info.json").unlink()
    names = {
        "a": {"file_name": "parts/a/rows.jsonl"},
        "b": {"file_name": str(tmp_path / "parts" / "b" / "rows.jsonl")},
    }
    write_entries(tmp_path, {"a": [], "b": []}, names)
    (finding,) = found(check(tmp_path))["splits-unknown"]
    assert finding.message.endswith("not compared: parts/a/rows.jsonl, parts/b/rows.jsonl")
    assert "NAME_train" in finding.fix
    assert "splits-unknown" not in found(check(write_splits(tmp_path / "named")))


def test_the_files_of_a_directory_are_one_entry(tmp_path: Path) -> None:
    write_entries(tmp_path / "parts", {"a": pairs(0, 2), "b": pairs(2, 4)})
    (tmp_path / "parts" / "dataset_info.json").unlink()
    write_entries(tmp_path, {"notes": []}, {"notes": {"file_name": "parts"}})
    assert check(tmp_path).datasets[0].rows == 8


def test_openai_formatting_is_a_warning(tmp_path: Path) -> None:
    finding = of_entry(tmp_path, formatting="openai")
    assert (finding.code, finding.severity) == ("formatting-openai", "warning")
    assert "detailed thinking off" in finding.message


def test_an_unknown_formatting_has_the_nearest_name(tmp_path: Path) -> None:
    finding = of_entry(tmp_path, formatting="sharegtp")
    assert (finding.code, "did you mean 'sharegpt'?" in finding.message) == ("entry-invalid", True)


@pytest.mark.parametrize(
    "settings",
    [{"columns": []}, {"ranking": "yes"}, {"num_samples": "5"}, {"columns": {"messages": 5}}],
)
def test_a_setting_of_the_wrong_type_is_reported(tmp_path: Path, settings: dict[str, Any]) -> None:
    assert of_entry(tmp_path, **settings).code == "entry-invalid"


@pytest.mark.parametrize(
    ("settings", "meant"),
    [
        ({"formating": "sharegpt"}, "formatting"),
        ({"columns": {"messages": "messages", "sytem": "system"}}, "system"),
        ({"tags": {**TAGS, "usertag": "user"}}, "user_tag"),
    ],
)
def test_an_unknown_key_has_the_nearest_name(
    tmp_path: Path, settings: dict[str, Any], meant: str
) -> None:
    finding = of_entry(tmp_path, **settings)
    assert finding.code == "entry-key-unknown"
    assert f"did you mean '{meant}'?" in finding.message


def test_an_entry_with_only_a_file_name_is_read_as_alpaca(
    tmp_path: Path,
) -> None:
    finding = of_entry(tmp_path, formatting=None, columns=None, tags=None)
    assert finding.code == "entry-column-missing"
    assert "alpaca (the default) and reads the column 'instruction'" in finding.message
    assert "they have 'messages'" in finding.message


def test_sharegpt_without_columns_reads_conversations(tmp_path: Path) -> None:
    finding = of_entry(tmp_path, columns=None)
    assert (finding.code, "'conversations'" in finding.message) == ("entry-column-missing", True)


def test_sharegpt_without_tags_reads_from(tmp_path: Path) -> None:
    finding = of_entry(tmp_path, tags=None)
    assert finding.code == "entry-tag-missing"
    assert "has the role_tag 'from' (the default)" in finding.message
    assert "they have 'content', 'role'" in finding.message
    assert '"role_tag":"role"' in finding.fix


def test_exchanged_tags_show_no_text_of_rows(tmp_path: Path) -> None:
    turned = {**TAGS, "role_tag": "content", "content_tag": "role"}
    rows = [row(("user", "Secret?"), ("assistant", "secret"))]
    finding = of_entry(tmp_path, rows, tags=turned)
    assert finding.code == "entry-tag-missing"
    assert finding.message.endswith("which is in no message; they have 2 others")


def test_wrong_role_tags_list_the_common_roles(tmp_path: Path) -> None:
    finding = of_entry(tmp_path, tags={**TAGS, "user_tag": "human"})
    assert finding.message.endswith("they have 'assistant', 'system', 'user'")


def test_incomplete_tags_have_no_defaults(tmp_path: Path) -> None:
    finding = of_entry(tmp_path, tags={"role_tag": "role", "content_tag": "content"})
    assert finding.code == "entry-tag-missing"
    assert "without user_tag, assistant_tag" in finding.message


def test_incomplete_columns_have_no_defaults(tmp_path: Path) -> None:
    finding = of_entry(tmp_path, columns={"system": "system"})
    assert finding.code == "entry-column-missing"
    assert "without messages" in finding.message


def test_a_role_that_no_message_has_is_reported(tmp_path: Path) -> None:
    finding = of_entry(tmp_path, tags={**TAGS, "user_tag": "human"})
    assert finding.code == "entry-tag-missing"
    assert "has the user_tag 'human', which is in no message" in finding.message


def test_alpaca_rows_do_not_fit_sharegpt(tmp_path: Path) -> None:
    finding = of_entry(tmp_path, [{"instruction": "Say a.", "input": "", "output": "a"}])
    assert (finding.code, "'messages'" in finding.message) == ("entry-column-missing", True)


def test_ranking_needs_two_answers(tmp_path: Path) -> None:
    finding = of_entry(tmp_path, ranking=True)
    assert (finding.code, "chosen, rejected" in finding.message) == ("entry-column-missing", True)


@pytest.mark.parametrize(("samples", "words"), [(4, "left out"), (9, "more than once")])
def test_num_samples_that_differs_from_the_rows_is_a_warning(
    tmp_path: Path, samples: int, words: str
) -> None:
    finding = of_entry(tmp_path, num_samples=samples)
    assert (finding.code, words in finding.message) == ("entry-sampled", True)
    assert "entry-sampled" not in found(check(write_splits(tmp_path / "other")))


def test_preferences_and_labels_of_kto_are_read(tmp_path: Path) -> None:
    asked = row(("user", "Say a."))
    answers = {"chosen": {"role": "assistant", "content": "a"}, "rejected": None}
    bad = {**asked, **answers}
    good = {**bad, "rejected": {"role": "assistant", "content": "b"}}
    columns = {"messages": "messages", "chosen": "chosen", "rejected": "rejected"}
    labelled = [{**pairs(0, 1)[0], "good": True}, {**pairs(1, 2)[0], "good": None}]
    write_entries(
        tmp_path,
        {"ranked": [good, bad], "kto": labelled},
        {
            "ranked": {"ranking": True, "columns": columns},
            "kto": {"columns": {"messages": "messages", "kto_tag": "good"}},
        },
    )
    findings = found(check(tmp_path))
    kept = [finding.message for finding in findings["rows-trained"]]
    assert kept == [f"1 of 2 rows of '{name}' would be used" for name in ("kto", "ranked")]
    assert [Path(f.file or "").stem for f in findings["row-dropped"]] == ["kto"]


def test_a_directory_is_compared_with_its_manifest(tmp_path: Path) -> None:
    from helpers.token_datasets import write_manifest

    directory = write_splits(tmp_path / "data")
    write_manifest(directory, format="chat")
    assert "manifest-mismatch" not in found(check(directory))
    with (directory / "all_train.jsonl").open("a") as out:
        out.write(json.dumps(pairs(90, 91)[0]) + "\n")
    assert "manifest-mismatch" in found(check(directory))


def test_there_is_no_original_to_compare_with(tmp_path: Path) -> None:
    directory = write_splits(tmp_path / "data")
    with pytest.raises(ConfigError, match="--against compares task data only"):
        check(directory, against=directory)


def test_the_layout_of_these_tests_is_penstocks() -> None:
    from penstock.formats.chat import entry_of

    assert entry_of("a", "a.jsonl", "sharegpt").settings == {"file_name": "a.jsonl", **LAYOUT}
