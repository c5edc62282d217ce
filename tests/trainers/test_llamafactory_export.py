"""`penstock export llamafactory`: the training YAML for chat rows, and notes about it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from helpers.command import penstock
from helpers.llamafactory_world import chat_row, write_chat, write_rows
from helpers.manifests import build_recipe
from penstock.errors import ConfigError, DataError
from penstock.manifest import FileEntry, Manifest
from penstock.trainers import Export, export
from penstock.trainers.llamafactory.export import LlamaFactoryExporter
from penstock.trainers.llamafactory.settings import option_names

LLAMA = "meta-llama/Llama-3.2-3B-Instruct"


@pytest.fixture
def lamps(tmp_path: Path) -> Path:
    return write_chat(tmp_path / "lamps")


def change_entry(dataset: Path, name: str, **settings: Any) -> None:
    """Change settings of an entry; None removes one."""
    file = dataset / "dataset_info.json"
    info = json.loads(file.read_text())
    entry = info[name] | settings
    info[name] = {key: value for key, value in entry.items() if value is not None}
    file.write_text(json.dumps(info))


def exported(dataset: Path, *overrides: str, **options: Any) -> Export:
    return export("llamafactory", dataset, overrides, **({"model": LLAMA} | options))


def described(dataset: Path) -> Manifest:
    """Write a manifest and return it."""
    splits = {"lamps_train": "train", "lamps_eval": "validation", "lamps_test": "test"}
    files = [FileEntry.of(dataset, f"{n}.jsonl", split=split) for n, split in splits.items()]
    manifest = Manifest(format="chat", files=files, recipe=build_recipe(), inputs=[])
    manifest.write(dataset)
    return manifest


def test_train_and_evaluation_rows_are_the_datasets_splits(lamps: Path) -> None:
    found = exported(lamps)
    assert found.settings["dataset"] == "lamps_train"
    assert found.settings["eval_dataset"] == "lamps_eval"
    assert found.settings["dataset_dir"] == str(lamps)
    assert "val_size" not in found.settings
    assert found.keeps == [
        "24 rows of lamps_train, to train on",
        "7 rows of lamps_eval, to evaluate on every 100 steps",
    ]
    assert "5 rows of lamps_test: not used by the training" in found.loses


def test_batches_depend_on_the_models_size_and_are_reported(lamps: Path) -> None:
    three, eight = exported(lamps), exported(lamps, model="meta-llama/Llama-3.1-8B-Instruct")
    assert three.settings["per_device_train_batch_size"] == 4
    assert eight.settings["per_device_train_batch_size"] == 2
    assert eight.settings["gradient_accumulation_steps"] == 8
    assert "batches: 2 x 8 rows per step, for a model of 8 billion weights" in eight.advice


def test_without_an_evaluation_split_a_note_says_so(tmp_path: Path) -> None:
    found = exported(write_chat(tmp_path / "lamps", eval=0))
    assert not any("eval" in key for key in found.settings)
    assert any("no evaluation split" in line for line in found.advice)


def test_the_yaml_begins_with_the_datasets_hash(lamps: Path) -> None:
    manifest = described(lamps)
    text = exported(lamps).to_yaml()
    assert text.startswith(f"# dataset {lamps} is {manifest.content_hash}, by penstock ")
    assert yaml.safe_load(text) == exported(lamps).settings


def test_a_dataset_that_differs_from_its_manifest_is_refused(lamps: Path) -> None:
    described(lamps)
    write_rows(lamps / "lamps_train.jsonl", [chat_row(1)])
    with pytest.raises(DataError, match=r"lamps_train\.jsonl: has .* bytes"):
        exported(lamps)


def test_a_row_that_would_be_dropped_is_an_error_with_its_line(lamps: Path) -> None:
    rows = [chat_row(1), chat_row(2)]
    rows[1]["messages"].reverse()
    write_rows(lamps / "lamps_train.jsonl", rows)
    with pytest.raises(DataError, match=r"lamps_train\.jsonl:2: "):
        exported(lamps)


def test_missing_tags_are_an_error_of_the_entry(lamps: Path) -> None:
    change_entry(lamps, "lamps_train", tags=None)
    with pytest.raises(ConfigError, match=r"'lamps_train' has the role_tag 'from'.* give all of"):
        exported(lamps)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"formatting": "openai"}, "detailed thinking off.*; set formatting to sharegpt"),
        ({"formatting": "sharegtp"}, "did you mean 'sharegpt'"),
        ({"num_samples": 5}, "has num_samples, 5 rows at random; remove it"),
    ],
)
def test_an_entry_that_reads_other_rows_is_refused(
    lamps: Path, settings: dict[str, Any], words: str
) -> None:
    change_entry(lamps, "lamps_eval", **settings)
    with pytest.raises(ConfigError, match=words):
        exported(lamps)


def test_an_unknown_key_of_an_entry_is_a_warning(lamps: Path) -> None:
    change_entry(lamps, "lamps_train", formating="alpaca")
    (warning,) = exported(lamps, "compute_dtype=bfloat16").warnings
    assert warning.startswith("'lamps_train' has an unknown key, 'formating'")


def test_a_missing_file_is_an_error_with_its_fix(lamps: Path, tmp_path: Path) -> None:
    (lamps / "lamps_train.jsonl").unlink()
    done = penstock("export", "llamafactory", lamps, "--model", LLAMA, cwd=tmp_path)
    assert done.returncode == 2
    assert "lamps_train.jsonl: does not exist, but dataset_info.json names it" in done.stderr


def test_parquet_is_read_and_csv_is_refused(lamps: Path) -> None:
    rows = [chat_row(number) for number in range(9)]
    pq.write_table(pa.Table.from_pylist(rows), lamps / "rows.parquet")
    change_entry(lamps, "lamps_train", file_name="rows.parquet")
    assert exported(lamps).keeps[0] == "9 rows of lamps_train, to train on"
    (lamps / "rows.csv").write_text("a,b\n")
    change_entry(lamps, "lamps_train", file_name="rows.csv")
    with pytest.raises(DataError, match=r"reads no \.csv file of chat rows; write it as"):
        exported(lamps)


def test_an_unknown_template_is_a_warning_with_the_nearest_name(lamps: Path) -> None:
    found = exported(lamps, "compute_dtype=bfloat16", template="lama3")
    assert found.warnings == ["LLaMA-Factory 0.9.5 has no template 'lama3'; did you mean 'llama3'?"]
    assert "# warning: LLaMA-Factory 0.9.5 has no template" in found.to_yaml()


def test_evaluation_on_the_test_split_is_a_warning(lamps: Path) -> None:
    found = exported(lamps, "validation=lamps_test", "compute_dtype=bfloat16")
    assert found.settings["eval_dataset"] == "lamps_test"
    assert found.warnings == [
        "lamps_test: of the test split; its score no longer measures generalization"
    ]


@pytest.mark.parametrize("names", ["lamps_test", "lamps_train, lamps_test"])
def test_training_on_the_test_split_is_refused(lamps: Path, names: str) -> None:
    with pytest.raises(
        ConfigError, match="lamps_test: of the test split, on which a score"
    ) as caught:
        exported(lamps, f"train={names}")
    assert caught.value.field == "train"


def test_training_on_the_same_rows_twice_is_refused(lamps: Path) -> None:
    info = json.loads((lamps / "dataset_info.json").read_text())
    info["part"] = info["lamps_train"] | {"file_name": "part.jsonl"}
    (lamps / "dataset_info.json").write_text(json.dumps(info))
    write_rows(lamps / "part.jsonl", [chat_row(900)])
    assert exported(lamps, "train=part,lamps_train").settings["dataset"] == "part,lamps_train"
    lines = (lamps / "lamps_train.jsonl").read_text().splitlines(keepends=True)
    (lamps / "part.jsonl").write_text("".join(lines[:3]))
    for names in ("part,lamps_train", "lamps_train,part"):
        with pytest.raises(ConfigError, match="every row of 'part' is also in 'lamps_train'") as e:
            exported(lamps, f"train={names}")
        assert e.value.field == "train"


def test_one_entry_for_two_splits_is_an_error_of_the_option(lamps: Path) -> None:
    with pytest.raises(ConfigError, match="are the same rows") as caught:
        exported(lamps, "train=lamps_eval")
    assert caught.value.field == "train"


def test_options_have_penstocks_names(lamps: Path) -> None:
    settings = exported(lamps, "lora_rank=8", "epochs=1", "warmup=10").settings
    assert (settings["lora_rank"], settings["num_train_epochs"]) == (8, 1.0)
    assert settings["warmup_steps"] == 10


def test_full_fine_tuning_has_its_own_learning_rate(lamps: Path) -> None:
    settings = exported(lamps, "method=fo_full").settings
    assert (settings["finetuning_type"], settings["learning_rate"]) == ("full", 1e-5)
    with pytest.raises(ConfigError, match="lora_rank: unknown key"):
        exported(lamps, "method=fo_full", "lora_rank=8")


def test_other_entries_can_be_named(lamps: Path) -> None:
    settings = exported(lamps, "train=lamps_eval", "validation=lamps_train").settings
    assert settings["dataset"] == "lamps_eval"
    assert settings["eval_dataset"] == "lamps_train"


@pytest.mark.parametrize("tracker", ["none", "wandb", "trackio"])
def test_trackers_are_set_by_name(lamps: Path, tracker: str) -> None:
    found = exported(lamps, f"report_to={tracker}")
    assert found.settings["report_to"] == tracker
    assert found.settings["run_name"] == "llama-3.2-3b-instruct-lamps-lora"
    assert ("project" in found.settings) == (tracker == "trackio")
    from_environment = [line for line in found.advice if "only from the environment" in line]
    assert bool(from_environment) == (tracker != "none")


def test_other_keys_are_passed_on_unchecked_with_a_note(lamps: Path) -> None:
    found = exported(lamps, "llamafactory.deepspeed=ds.json")
    assert found.settings["deepspeed"] == "ds.json"
    assert any("not checked by penstock: deepspeed" in line for line in found.advice)


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("lora_rnk=8", "unknown key; did you mean 'lora_rank'"),
        ("llamafactory.val_size=0.1", "val_size is refused: .* reversed pairs"),
        ("val_size=0.1", "val_size: is refused: .* reversed pairs"),
        ("llamafactory.tokenized_path=t", "tokenized_path is refused"),
        ("llamafactory.max_samples=3", "max_samples is refused: .* step `take`"),
        (
            "llamafactory.cutoff_len=512",
            "cutoff_len is penstock's option max_length; give max_length=",
        ),
        ("llamafactory.neat_packing=true", "neat_packing is penstock's option packing"),
        (
            "llamafactory.learning_rate=3",
            "is penstock's option learning_rate; give learning_rate=...",
        ),
        ("llamafactory.stage=pt", "stage is refused: penstock sets it"),
        ("llamafactory.hf_hub_token=hf_aaaaaaaaaaaaaaaaaaaaaaaa", "environment variable HF_TOKEN"),
        ("report_to=mlflow", "report_to: must be 'none', 'wandb' or 'trackio'"),
        ("model=own/model", "template: the chat template of 'model' is unknown"),
        ("model=model.gguf", "does not train .gguf files"),
    ],
)
def test_invalid_options_are_errors_with_their_fix(lamps: Path, override: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        exported(lamps, override)


@pytest.mark.parametrize("key", [*option_names(), "report_to", "run_name", "project"])
def test_keys_that_penstock_sets_are_refused(lamps: Path, key: str) -> None:
    with pytest.raises(ConfigError, match=rf"{key} is (refused|penstock's option)"):
        exported(lamps, f"llamafactory.{key}=1")


@pytest.mark.parametrize("method", ["fo_lora", "fo_full"])
@pytest.mark.parametrize("more", [(), ("packing=true", "warmup=9", "steps=3")])
@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
def test_every_written_key_is_in_option_names(
    lamps: Path, method: str, more: tuple[str, ...], dtype: str
) -> None:
    found = exported(lamps, f"method={method}", f"compute_dtype={dtype}", *more)
    assert found.settings.keys() <= {*option_names(), "report_to", "run_name"}


def test_option_names_are_options() -> None:
    words = set(option_names().values()) - {None}
    assert words <= LlamaFactoryExporter().options({}).model_fields.keys()


@pytest.mark.parametrize(
    ("visible", "capability", "dtype", "words"),
    [
        ("0", "9.0", "bfloat16", "note precision: bfloat16, for "),
        ("0", "7.5", "float16", "change it with compute_dtype=bfloat16"),
        ("", "9.0", "float32", "warning no GPU is visible: neither bf16 nor fp16 is set"),
    ],
    ids=["a new GPU", "an old GPU", "a hidden GPU"],
)
def test_the_gpu_determines_the_precision_and_the_other_is_proposed(
    lamps: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    visible: str,
    capability: str,
    dtype: str,
    words: str,
) -> None:
    driver = tmp_path / "nvidia-smi"
    driver.write_text(f"#!/bin/sh\necho '0, NVIDIA, 143771 MiB, {capability}'\n")
    driver.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    done = penstock("export", "llamafactory", lamps, "--model", LLAMA, cwd=tmp_path)
    written = {"bf16": "bfloat16", "fp16": "float16"}
    settings = yaml.safe_load(done.stdout)
    assert [written[key] for key in settings.keys() & written] == [dtype] * bool(visible)
    assert words in done.stderr
    assert ("# warning: no GPU is visible" in done.stdout) == (dtype == "float32")


def test_another_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"text": "a"}\n')
    with pytest.raises(ConfigError, match=r"holds no dataset of a known format \(chat\)"):
        exported(tmp_path)


def test_the_command_writes_the_training_yaml(lamps: Path, tmp_path: Path) -> None:
    done = penstock(
        *("export", "llamafactory", lamps, "lora_rank=8"),
        *("--model", "own/model", "--template", "llama3", "--output", "train.yaml"),
        cwd=tmp_path,
    )
    assert done.returncode == 0
    settings = yaml.safe_load((tmp_path / "train.yaml").read_text())
    assert (settings["template"], settings["lora_rank"]) == ("llama3", 8)
    assert (tmp_path / "train.yaml").read_text() == done.stdout
    assert "keeps 24 rows of lamps_train, to train on" in done.stderr


def test_a_trainer_without_options_refuses_them(lamps: Path, tmp_path: Path) -> None:
    done = penstock("export", "maxtext", lamps, "--model", LLAMA, cwd=tmp_path)
    assert done.returncode == 2
    assert "model: unknown key" in done.stderr


def test_json_has_the_settings(lamps: Path, tmp_path: Path) -> None:
    command = ("export", "llamafactory", lamps, "--model", LLAMA, "--format", "json")
    document = json.loads(penstock(*command, cwd=tmp_path).stdout)
    assert document["settings"]["lora_alpha"] == 32
    assert document["head"]
