"""`compare --by`: valid names, what is never averaged over, and unambiguous labels."""

from __future__ import annotations

import shutil

import pytest

from helpers.composed_runs import ComposedRuns, used, write_copa
from penstock.errors import ConfigError
from penstock.report import compare


def test_runs_can_be_compared_by_any_column_and_hyperparameter(runs: ComposedRuns) -> None:
    for rank in (8, 32):
        for rate in (1e-4, 1e-3):
            runs.add(method="fo_lora", rate=rate, score=rank / 100, lora_rank=rank)
    comparison = compare(runs.root, by=["lora_rank"])
    assert comparison.by == ("lora_rank",)
    assert [c.to_dict()["lora_rank"] for c in comparison.candidates] == [32, 8]
    assert {candidate.settings for candidate in comparison.candidates} == {2}
    by_two = compare(runs.root, by=["learning_rate", "lora_rank", "learning_rate"])
    assert by_two.by == ("learning_rate", "lora_rank")
    assert len(by_two.candidates) == 4


def test_runs_without_a_hyperparameter_are_a_separate_group(runs: ComposedRuns) -> None:
    runs.add(method="fo_lora", lora_rank=8)
    runs.add(method="zo")
    comparison = compare(runs.root, by=["method", "lora_rank"])
    assert {tuple(c.group.values()) for c in comparison.candidates} == {
        ("fo_lora", 8),
        ("zo", None),
    }


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("task", {"task": "rte"}),
        ("model", {"model": "org/other"}),
        ("method", {"method": "fo_full"}),
        ("data", {"label": "synthetic"}),
    ],
)
def test_columns_that_are_never_averaged_over_are_added_with_a_note(
    runs: ComposedRuns, key: str, values: dict[str, str]
) -> None:
    runs.add(seed=0, batch_size=16)
    runs.add(seed=1, batch_size=16, **values)
    comparison = compare(runs.root, by=["batch_size"])
    assert comparison.by == ("batch_size", key)
    assert [candidate.seeds for candidate in comparison.candidates] == [1, 1]
    assert f"runs differ in their {key}, which is never averaged over: added to --by" in (
        comparison.notes
    )


def test_an_unknown_name_is_an_error_with_the_closest_name(runs: ComposedRuns) -> None:
    runs.add()
    with pytest.raises(ConfigError, match="--by: runs have no 'metod'; did you mean 'method'"):
        compare(runs.root, by=["metod"])


def test_an_unknown_name_without_a_close_one_is_an_error_that_lists_all(runs: ComposedRuns) -> None:
    runs.add(batch_size=16)
    with pytest.raises(ConfigError, match=r"have purpose, model, task.*batch_size"):
        compare(runs.root, by=["zzz"])
    with pytest.raises(ConfigError, match=r"--by: names nothing; runs have purpose"):
        compare(runs.root, by=[])


def test_no_done_run_is_an_error_with_the_number_of_runs(runs: ComposedRuns) -> None:
    runs.fail()
    with pytest.raises(ConfigError, match="holds 1 run, none of them done; see penstock results"):
        compare(runs.root)


def test_datasets_with_the_same_label_are_distinguished_by_hash(runs: ComposedRuns) -> None:
    first = used(runs.data)
    runs.add(seed=0, dev=0.6)
    shutil.rmtree(runs.data)
    second = used(write_copa(runs.data, word="hail"))
    runs.add(seed=1, dev=0.9)
    comparison = compare(runs.root, by=["method"])
    assert comparison.by == ("method", "data")
    assert {c.group["data"] for c in comparison.candidates} == {
        f"original ({use.manifest.content_hash[7:15]})" for use in (first, second)
    }
    assert (
        "copa: 2 different datasets have the label 'original'; their hashes are appended"
        in comparison.notes
    )


def test_mixes_with_the_same_label_are_distinguished(runs: ComposedRuns) -> None:
    synthetic = write_copa(runs.data.parent / "synthetic", word="hail")
    uses = [used(runs.data, "original"), used(synthetic, "synthetic")]
    for mix in ("synthetic", "both"):
        runs.add(label="mine", mix=mix, datasets=uses)
    groups = {c.group["data"] for c in compare(runs.root).candidates}
    assert {group.split()[1] for group in groups} == {"(synthetic", "(both"}


def test_models_with_the_same_label_are_distinguished_by_hash(runs: ComposedRuns) -> None:
    for digit in "ab":
        runs.add(model=f"/models/{digit}/tiny", model_hash=f"sha256:{digit * 64}")
    comparison = compare(runs.root, by=["method"])
    assert {c.group["model"] for c in comparison.candidates} == {
        "tiny (aaaaaaaa)",
        "tiny (bbbbbbbb)",
    }


def test_the_same_model_at_two_paths_is_one_model(runs: ComposedRuns) -> None:
    for seed, place in enumerate(("here", "there")):
        runs.add(seed=seed, model=f"/{place}/tiny", model_hash=f"sha256:{'a' * 64}")
    (candidate,) = compare(runs.root).candidates
    assert candidate.seeds == 2


def test_the_data_of_two_tasks_may_have_the_same_label(runs: ComposedRuns) -> None:
    rte = write_copa(runs.data.parent / "RTE", word="hail")
    runs.add(task="copa")
    runs.add(task="rte", datasets=[used(rte)])
    comparison = compare(runs.root, by=["task", "data"])
    assert [tuple(c.group.values()) for c in comparison.candidates] == [
        ("copa", "original"),
        ("rte", "original"),
    ]
    assert comparison.notes == []


def test_different_numbers_of_seeds_are_noted(runs: ComposedRuns) -> None:
    runs.add(method="zo", seed=0)
    runs.add(method="zo", seed=1)
    runs.add(method="fo_full", seed=0)
    assert compare(runs.root).notes == ["candidates have between 1 and 2 seeds"]


def test_scores_of_different_evaluation_rows_are_noted(runs: ComposedRuns) -> None:
    runs.add(method="zo")
    runs.add(method="fo_full", rows=50)
    assert compare(runs.root).notes == ["copa: scores are of 2 different sets of evaluation rows"]


def test_the_json_form_has_the_group_values_before_the_fields(runs: ComposedRuns) -> None:
    runs.add(method="zo", score=0.75, dev=0.5, chance=0.5, rows=100)
    document = compare(runs.root).to_dict()
    (candidate,) = document["candidates"]
    assert set(document) == {"by", "candidates", "notes"}
    assert list(candidate) == [
        *("method", "data", "learning_rate", "setting", "settings", "seeds", "dev_score"),
        *("score", "deviation", "metric", "chance", "rows", "p_value", "unfinished", "directories"),
        "above_chance",
    ]
