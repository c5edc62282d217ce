"""`--pick` migrates one version, `--all-versions` each version as its own dataset."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.migration_trees import (
    VERSIONS,
    cb_rows,
    copa_rows,
    first_word,
    load_datasets,
    write_rows,
)
from penstock.errors import ConfigError, DataError
from penstock.manifest import read_manifest
from penstock.migration import migrate

TRAIN = "copa_train.jsonl"


def test_without_a_pick_the_files_of_the_dataset_directory_are_migrated(
    src: Path, dst: Path
) -> None:
    migrate(src, dst)
    assert first_word(dst / "Copa" / TRAIN) == "base"
    manifest = read_manifest(dst / "Copa")
    assert manifest and manifest.recipe.version is None


@pytest.mark.parametrize("dataset", ["Copa", "copa"])
def test_a_pick_uses_the_files_of_the_version_and_missing_splits_of_the_dataset(
    src: Path, dst: Path, dataset: str
) -> None:
    plan = migrate(src, dst, pick={dataset: "mezo_gpt/version_9-2"})
    assert first_word(dst / "Copa" / TRAIN) == "version_9-2"
    assert first_word(dst / "Copa" / "copa_validation.jsonl") == "validation"
    assert (
        "Copa: validation and test of mezo_gpt/version_9-2 come from the directory Copa"
        in plan.notes
    )


def test_a_validation_file_of_the_version_wins(src: Path, dst: Path) -> None:
    write_rows(src / "CB" / "lora" / "CB_validation.jsonl", cb_rows(3, "lora"))
    plan = migrate(src, dst, pick={"CB": "lora"})
    assert first_word(dst / "CB" / "cb_validation.jsonl") == "lora"
    assert plan.notes == ()


def test_latest_is_the_highest_number_and_never_a_name_with_a_word(src: Path, dst: Path) -> None:
    write_rows(src / "Copa" / "mezo_gpt" / "version_20-draft" / TRAIN, copa_rows(8, "draft"))
    plan = migrate(src, dst, pick={"Copa": "mezo_gpt/latest"})
    assert first_word(dst / "Copa" / TRAIN) == "version_13-2"
    assert plan.datasets[1].version == "mezo_gpt/version_13-2"
    assert plan.notes[0] == (
        "the latest version in Copa/mezo_gpt is version_13-2; the others are version_20-draft, "
        "version_13-1, version_9-2, version_5-discard, version_1"
    )


def test_latest_of_versions_directly_in_the_dataset_directory(src: Path, dst: Path) -> None:
    write_rows(src / "CB" / "v2" / "cb_train.jsonl", cb_rows(6, "second"))
    plan = migrate(src, dst, pick={"CB": "latest"})
    assert plan.notes[0] == "the latest version in CB is v2; the others are lora"
    assert first_word(dst / "CB" / "cb_train.jsonl") == "second"


def test_a_version_that_is_a_link_can_be_picked(src: Path, dst: Path) -> None:
    (src / "Copa" / "best").symlink_to("mezo_gpt/version_1")
    migrate(src, dst, pick={"Copa": "best"})
    assert first_word(dst / "Copa" / TRAIN) == "version_1"


def test_all_versions_become_complete_datasets(src: Path, dst: Path) -> None:
    migrate(src, dst, all_versions={"Copa": "mezo_gpt"}, pick={"Copa": "mezo_gpt/latest"})
    directories = {path.relative_to(dst).as_posix() for path in load_datasets(dst)}
    assert directories == {"CB", "Copa", *(f"Copa/{version}" for version in VERSIONS)}
    assert first_word(dst / "Copa" / TRAIN) == "version_13-2"
    for version in VERSIONS:
        assert first_word(dst / "Copa" / version / TRAIN) == version
        assert (dst / "Copa" / version / "copa_validation.jsonl").is_file()
        manifest = read_manifest(dst / "Copa" / version)
        assert manifest and manifest.recipe.version == f"mezo_gpt/{version}"


def test_adding_versions_later_does_not_touch_existing_files(src: Path, dst: Path) -> None:
    migrate(src, dst)
    before = (dst / "Copa" / TRAIN).stat()
    plan = migrate(src, dst, all_versions={"Copa": "mezo_gpt"})
    assert [dataset.changed for dataset in plan.datasets] == [False, False, *[True] * 5]
    after = (dst / "Copa" / TRAIN).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_version_without_train_rows_is_skipped(src: Path, dst: Path) -> None:
    lacking = src / "Copa" / "mezo_gpt" / "version_14"
    write_rows(lacking / "copa_validation.jsonl", copa_rows(4, "lacking"))
    write_rows(src / "Copa" / "mezo_gpt" / "version_15" / TRAIN, [])
    plan = migrate(src, dst, all_versions={"Copa": "mezo_gpt"})
    assert not (dst / "Copa" / "version_14").exists()
    assert [item.description for item in plan.unmigrated if "incomplete" in item.description] == [
        "Copa/mezo_gpt/version_14: an incomplete version: there is no 'copa_train.jsonl' in it",
        "Copa/mezo_gpt/version_15: an incomplete version: "
        f"'{src}/Copa/mezo_gpt/version_15/copa_train.jsonl' has no rows",
    ]
    unmigrated = migrate(src, dst, dry_run=True).unmigrated
    assert "Copa/mezo_gpt/version_14: a version without 'copa_train.jsonl'" in [
        item.description for item in unmigrated
    ]


@pytest.mark.parametrize("pick", ["mezo_gpt/version_14", "mezo_gpt/latest"])
def test_picking_a_version_without_a_train_file_is_refused(src: Path, dst: Path, pick: str) -> None:
    """Using the training rows of another version under its name would be a silent fallback."""
    lacking = src / "Copa" / "mezo_gpt" / "version_14"
    write_rows(lacking / "copa_validation.jsonl", copa_rows(4, "lacking"))
    with pytest.raises(ConfigError, match=r"version_14' has no 'copa_train.jsonl'; versions that"):
        migrate(src, dst, pick={"Copa": pick})
    assert not dst.exists()


@pytest.mark.parametrize(
    ("pick", "words"),
    [
        ({"Cupa": "lora"}, r"--pick Cupa=lora: there is no dataset 'Cupa'.*did you mean 'Copa'\?"),
        ({"CB": "lara"}, r"'lara' is not a version; did you mean 'lora'\? Available: lora"),
        ({"Copa": "mezo_gpt/version_13-3"}, r"did you mean 'mezo_gpt/version_13-\d'\?"),
        ({"Copa": "mezo_gtp/latest"}, r"no directory 'mezo_gtp'; did you mean 'mezo_gpt/latest'\?"),
        ({"Copa": "mezo_gpt"}, r"'mezo_gpt' is not a version; (did|available: ).*mezo_gpt/latest"),
        (
            {"CB": "latest"},
            r"there is no latest version: no name is only a number; available: lora",
        ),
        ({"Copa": "../CB/lora"}, r"must name a directory below .*Copa', such as"),
        ({"Copa": ""}, r"must name a directory below"),
        ({"Copa": "mezo_gpt/version_1", "COPA": "mezo_gpt/latest"}, r"'Copa' is given twice"),
    ],
)
def test_an_unknown_pick_is_refused_with_the_available_ones(
    src: Path, dst: Path, pick: dict[str, str], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        migrate(src, dst, pick=pick)


def test_a_pick_of_a_dataset_that_only_excludes_is_refused(src: Path, dst: Path) -> None:
    with pytest.raises(ConfigError, match="'Copa' is not among the datasets of --only"):
        migrate(src, dst, pick={"Copa": "mezo_gpt/latest"}, only=["CB"])


def test_two_versions_with_the_same_number_leave_no_latest(src: Path, dst: Path) -> None:
    write_rows(src / "Copa" / "mezo_gpt" / "v13-2" / TRAIN, copa_rows(8, "same"))
    with pytest.raises(ConfigError, match="v13-2 and version_13-2 have the same number"):
        migrate(src, dst, pick={"Copa": "mezo_gpt/latest"})


def test_all_versions_of_a_directory_without_versions_is_refused(src: Path, dst: Path) -> None:
    with pytest.raises(ConfigError, match=r"no versions directly in 'mezo'; did you mean 'mez"):
        migrate(src, dst, all_versions={"Copa": "mezo"})


def test_a_train_file_that_only_versions_have_needs_a_pick(src: Path, dst: Path) -> None:
    (src / "Copa" / TRAIN).unlink()
    with pytest.raises(DataError, match=r"--pick Copa=mezo_gpt/version_13-2 has one"):
        migrate(src, dst)
    assert not dst.exists()
    migrate(src, dst, pick={"Copa": "mezo_gpt/latest"})
    assert len(list(load_datasets(dst))) == 2
