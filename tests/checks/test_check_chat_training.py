"""Training YAML: settings that LLaMA-Factory refuses or that train something unintended."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from helpers.chat_directories import (
    pairs,
    questions,
    row,
    write_entries,
    write_splits,
    write_training,
)
from helpers.check_datasets import found
from helpers.command import penstock
from penstock import check
from penstock.errors import ConfigError
from penstock.findings import Finding

PROOF = {"rows-trained", "splits-apart"}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_splits(tmp_path / "data")


def findings_of(data: Path, **settings: Any) -> dict[str, list[Finding]]:
    """Return the findings of a training on a directory, besides those of every training."""
    file = write_training(data.parent / "train.yaml", data, **settings)
    return {code: of for code, of in found(check(file)).items() if code not in PROOF}


def test_a_correct_training_has_no_finding(data: Path) -> None:
    assert findings_of(data) == {}
    (dataset,) = check(data.parent / "train.yaml").datasets
    assert (dataset.path, dataset.rows) == (str(data.parent / "train.yaml"), 100)
    assert [finding.message for finding in dataset.findings if finding.code == "rows-trained"] == [
        "80 rows of all_train to train on, 20 of all_eval to evaluate on: LLaMA-Factory uses all"
    ]


@pytest.mark.parametrize("place", ["in", "beside"])
def test_a_training_of_the_directory_is_checked_with_it(data: Path, place: str) -> None:
    home = data if place == "in" else data.parent
    write_training(home / "train.yaml", data, fp16=True)
    write_training(home / "other.yaml", home / "elsewhere", fp16=True)
    (finding,) = found(check(data))["precision-both"]
    assert finding.file == str(home / "train.yaml")


def test_a_training_beside_the_working_directory_is_found(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_training(data.parent / "train.yaml", data, fp16=True)
    for here, named, shown in ((data, ".", "../train.yaml"), (data.parent, "data", "train.yaml")):
        monkeypatch.chdir(here)
        assert found(check(named))["precision-both"][0].file == shown


def test_other_yaml_is_no_training(data: Path) -> None:
    (data / "recipe.yaml").write_text("name: notes\nsteps: []\n")
    assert check(data).ok
    with pytest.raises(ConfigError, match="is a file; name the directory"):
        check(data / "recipe.yaml")


def test_a_training_is_checked_from_the_command_line(data: Path) -> None:
    write_training(data.parent / "train.yaml", data, dataset="all_trian", packing=True)
    ran = penstock("check", "train.yaml", cwd=data.parent)
    assert ran.returncode == 1
    assert "not ok train.yaml  chat, 20 rows: 1 error, 1 warning" in ran.stdout
    assert "error dataset-unknown train.yaml:5" in ran.stdout
    assert "did you mean 'all_train'?" in ran.stdout
    assert "set neat_packing: true" in ran.stdout


def test_a_relative_dataset_dir_is_also_looked_up_beside_the_yaml(data: Path) -> None:
    assert findings_of(data, dataset_dir="data") == {}


def test_a_missing_dataset_dir_has_the_nearest_name(data: Path) -> None:
    findings = findings_of(data, dataset_dir="dtaa")
    assert "did you mean 'data'?" in findings["dataset-dir-missing"][0].message
    assert findings_of(data, dataset_dir="REMOTE:someone/notes") == {}


def test_a_directory_without_dataset_info_cannot_be_trained_on(data: Path) -> None:
    (data / "dataset_info.json").unlink()
    assert findings_of(data).keys() == {"info-unreadable"}


def test_invalid_yaml_is_reported_with_its_line(data: Path) -> None:
    file = write_training(data.parent / "train.yaml", data)
    file.write_text(file.read_text() + "dataset: all_eval\n")
    (finding,) = found(check(file))["training-unreadable"]
    assert (finding.line, "duplicate key" in finding.message) == (9, True)


@pytest.mark.parametrize("text", ["", "# nothing\n", "\tdataset: [a\n", "- a\n"])
def test_a_given_file_without_yaml_is_a_finding(data: Path, text: str) -> None:
    (data.parent / "train.yaml").write_text(text)
    assert found(check(data.parent / "train.yaml")).keys() == {"training-unreadable"}
    assert check(data).ok


def test_a_secret_is_reported_and_not_shown(data: Path) -> None:
    secret = "hf_" + "a1B2" * 6
    write_training(data.parent / "train.yaml", data, hf_hub_token=secret)
    ran = penstock("check", "train.yaml", cwd=data.parent)
    assert ran.returncode == 1
    assert "error secret-present train.yaml:9" in ran.stdout
    assert "HF_TOKEN" in ran.stdout
    assert secret not in ran.stdout + ran.stderr


@pytest.mark.parametrize("key", ["dataset", "eval_dataset"])
def test_a_dataset_without_entry_is_an_error(data: Path, key: str) -> None:
    (finding,) = findings_of(data, **{key: "all_train,other"})["dataset-unknown"]
    assert "'other'" in finding.message


def test_training_on_nothing_is_an_error(data: Path) -> None:
    assert "dataset-unknown" in findings_of(data, dataset=None)
    assert findings_of(data, dataset=None, do_train=False) == {}


def test_an_unused_evaluation_split_is_a_warning(data: Path) -> None:
    (finding,) = findings_of(data, eval_dataset=None)["evaluation-missing"]
    assert (finding.severity, finding.fix) == ("warning", "eval_dataset: all_eval")


def test_evaluation_on_the_training_entry_is_an_error(data: Path) -> None:
    (finding,) = findings_of(data, eval_dataset="all_train")["evaluation-trained"]
    assert (finding.severity, finding.line, finding.count) == ("error", 6, 80)


def test_evaluation_on_training_rows_of_another_file_is_an_error(tmp_path: Path) -> None:
    files = {"a_train": pairs(0, 40), "a_eval": pairs(40, 50), "a.json": pairs(0, 50)}
    data = write_entries(tmp_path / "data", files)
    findings = findings_of(data, dataset="a", eval_dataset="a_eval")
    assert findings.keys() == {"evaluation-trained"}
    message = findings["evaluation-trained"][0].message
    assert message.startswith("20 of 20 rows of 'a_eval' are trained on: they are in ")
    assert findings_of(data, dataset="a_train", eval_dataset="a_eval") == {}


def test_training_on_the_test_split_is_an_error(tmp_path: Path) -> None:
    files = {"a_train": pairs(0, 40), "a_eval": pairs(40, 50), "part_test": pairs(50, 55)}
    data = write_entries(tmp_path / "data", {**files, "a_test": pairs(50, 60), "a": pairs(0, 60)})
    for names in ("a_train, part_test", "a_train,a_test"):
        (finding,) = findings_of(data, dataset=names, eval_dataset="a_eval")["test-trained"]
        assert (finding.severity, finding.line) == ("error", 5)
    assert "test-trained" in findings_of(data, dataset="a", eval_dataset="a_eval")
    assert findings_of(data, dataset="a_train", eval_dataset="a_eval") == {}


def test_training_rows_of_two_entries_are_a_warning(tmp_path: Path) -> None:
    files = {"part_train": pairs(0, 10), "all_train": pairs(0, 40), "other_train": pairs(50, 55)}
    data = write_entries(tmp_path / "data", {**files, "all_eval": pairs(60, 70)})
    for names, share in (
        ("part_train,all_train", "20 of 80 rows of 'all_train'"),
        ("all_train,part_train", "20 of 20 rows of 'part_train'"),
        ("other_train,other_train", "10 of 10 rows of 'other_train'"),
    ):
        (finding,) = findings_of(data, dataset=names)["row-duplicated"]
        assert (finding.severity, finding.line) == ("warning", 5)
        assert finding.message.startswith(f"{share} are in the entries before it too")
    assert "row-duplicated" not in findings_of(data, dataset="all_train,other_train")


def test_selecting_weights_by_the_test_split_is_a_warning(data: Path) -> None:
    (finding,) = findings_of(data, eval_dataset="all_test")["test-chooses"]
    assert (finding.severity, finding.line, finding.count) == ("warning", 6, 20)
    assert findings_of(data, eval_dataset="all_test", dataset=None, do_train=False) == {}


def test_max_samples_that_leaves_rows_out_is_a_warning(data: Path) -> None:
    (finding,) = findings_of(data, max_samples=30)["max-samples"]
    assert finding.message == "max_samples uses only the first 30 rows of all_train"
    trained = found(check(data.parent / "train.yaml"))["rows-trained"]
    assert [each.message for each in trained] == [
        "20 rows of all_eval to evaluate on: LLaMA-Factory uses all",
        "30 of 80 rows of all_train to train on would be used",
    ]
    assert findings_of(data, max_samples=80) == {}


def test_an_unknown_setting_has_the_nearest_name(data: Path) -> None:
    (finding,) = findings_of(data, eval_datset="all_eval")["setting-unknown"]
    assert (finding.severity, finding.line) == ("error", 9)
    assert "did you mean 'eval_dataset'?" in finding.message


def test_reversed_pairs_leak_between_entries_of_no_split(tmp_path: Path) -> None:
    one, other = pairs(0, 40)[::2], pairs(0, 40)[1::2]
    data = write_entries(tmp_path / "data", {"first": [*one, *pairs(50, 100)], "second": other})
    assert check(data).ok
    assert findings_of(data, dataset="first", eval_dataset="second").keys() == {"twin-leaked"}


def test_val_size_beside_eval_dataset_is_refused(data: Path) -> None:
    (finding,) = findings_of(data, val_size=0.1)["val-size"]
    assert "refuses to start" in finding.message


def test_val_size_replaces_the_evaluation_split(tmp_path: Path) -> None:
    files = {"a_train": questions(0, 900), "a_eval": questions(900, 1000)}
    data = write_entries(tmp_path / "data", {**files, "a.json": questions(0, 1000)})
    for size in (0.1, 100):
        (finding,) = findings_of(data, dataset="a", eval_dataset=None, val_size=size)["val-size"]
        assert "about 90 of the 100 rows of " in finding.message
    (finding,) = findings_of(data, dataset="a_train", eval_dataset=None, val_size=0.1)["val-size"]
    assert finding.message.endswith(f"random training rows instead of {data / 'a_eval.jsonl'}")


def test_val_size_separates_reversed_pairs(tmp_path: Path) -> None:
    data = write_entries(tmp_path / "data", {"a_train": pairs(0, 40), "b_train": questions(0, 40)})
    settings = {"eval_dataset": None, "val_size": 0.1}
    (finding,) = findings_of(data, dataset="a_train", **settings)["val-size"]
    assert finding.message.startswith("100.0% of the rows have their reversed pair")
    assert findings_of(data, dataset="b_train", **settings) == {}


@pytest.mark.parametrize(("age", "code"), [(-60, "tokenized-stale"), (60, "tokenized-used")])
def test_existing_tokens_replace_the_data(data: Path, age: int, code: str) -> None:
    tokens = data.parent / "tokens"
    tokens.mkdir()
    assert findings_of(data, tokenized_path=str(tokens)) == {}
    (tokens / "dataset_dict.json").write_text('{"splits": ["train"]}')
    changed = (data / "all_train.jsonl").stat().st_mtime + age
    for path in (tokens / "dataset_dict.json", data / "all_eval.jsonl"):
        os.utime(path, (changed, changed))
    (finding,) = findings_of(data, tokenized_path=str(tokens))[code]
    assert str(tokens) in finding.message


def test_a_broken_link_among_the_tokens_is_ignored(data: Path) -> None:
    tokens = data.parent / "tokens"
    tokens.mkdir()
    (tokens / "cache.arrow").symlink_to("nowhere")
    assert findings_of(data, tokenized_path=str(tokens)) == {}
    (tokens / "dataset_dict.json").write_text('{"splits": ["train"]}')
    assert findings_of(data, tokenized_path=str(tokens)).keys() == {"tokenized-used"}


def test_tokens_with_another_number_of_rows_are_stale(data: Path) -> None:
    tokens = data.parent / "tokens" / "train"
    tokens.mkdir(parents=True)
    table = pa.table({"input_ids": [[1, 2]] * 79})
    file = str(tokens / "data-00000-of-00001.arrow")
    with pa.OSFile(file, "wb") as out, pa.ipc.new_stream(out, table.schema) as stream:
        stream.write_table(table, max_chunksize=10)
    (finding,) = findings_of(data, tokenized_path=str(tokens.parent))["tokenized-stale"]
    assert "has 79 rows, the data 80" in finding.message
    settings = {"tokenized_path": str(tokens.parent), "neat_packing": True, "packing": True}
    assert findings_of(data, **settings).keys() == {"tokenized-used"}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "max_steps"),
        ({"max_steps": 9, "max_samples": 5}, "max_samples"),
        ({"max_steps": 9, "eval_dataset": None, "val_size": 0.5}, "whole number"),
    ],
)
def test_settings_that_streaming_needs_or_excludes(
    data: Path, settings: dict[str, Any], words: str
) -> None:
    (finding,) = findings_of(data, streaming=True, **settings)["streaming-settings"]
    assert words in finding.message


def test_missing_and_unknown_templates_are_reported(data: Path) -> None:
    assert findings_of(data, template=None).keys() == {"template-missing"}
    (finding,) = findings_of(data, template="lama3")["template-unknown"]
    assert "did you mean 'llama3'?" in finding.message


def test_two_precisions_and_packing_across_rows_are_reported(data: Path) -> None:
    assert findings_of(data, fp16=True).keys() == {"precision-both"}
    assert findings_of(data, packing=True).keys() == {"packing-crosses"}
    assert findings_of(data, packing=True, neat_packing=True) == {}


def test_rows_that_may_be_truncated_are_counted(tmp_path: Path) -> None:
    long = row(("user", "Tell me."), ("assistant", "a word " * 100))
    data = write_entries(tmp_path / "data", {"a_train": [*questions(0, 9), long]})
    settings = {"dataset": "a_train", "eval_dataset": None}
    (finding,) = findings_of(data, **settings, cutoff_len=128)["cutoff-short"]
    assert (finding.severity, "about 1 row " in finding.message) == ("info", True)
    assert findings_of(data, **settings) == {}


def test_a_stage_needs_rows_of_its_kind(data: Path) -> None:
    assert findings_of(data, stage="dpo").keys() == {"stage-mismatch"}
    answers = {"chosen": {"role": "assistant", "content": "a"}}
    answers["rejected"] = {"role": "assistant", "content": "b"}
    columns = {"messages": "messages", "chosen": "chosen", "rejected": "rejected"}
    rows = [{**row(("user", f"Say {n}.")), **answers} for n in range(9)]
    kto = [{**each, "good": True} for each in questions(0, 9)]
    ranked = {"ranking": True, "columns": columns}
    labelled = {"columns": {"messages": "messages", "kto_tag": "good"}}
    write_entries(data, {"best": rows, "good": kto}, {"best": ranked, "good": labelled})
    settings = {"dataset": "best", "eval_dataset": None}
    assert findings_of(data, **settings, stage="dpo") == {}
    assert findings_of(data, **settings).keys() == {"stage-mismatch"}
    settings["dataset"] = "good"
    assert findings_of(data, **settings, stage="kto") == {}
    assert findings_of(data, **settings).keys() == {"stage-mismatch"}
