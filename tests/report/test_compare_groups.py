"""`compare --by`: what may be named, what is never averaged over, what is told apart."""

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
    assert [c.to_dict()["lora_rank"] for c in comparison.contenders] == [32, 8]
    assert {contender.settings for contender in comparison.contenders} == {2}
    by_two = compare(runs.root, by=["learning_rate", "lora_rank", "learning_rate"])
    assert by_two.by == ("learning_rate", "lora_rank")
    assert len(by_two.contenders) == 4


def test_runs_without_a_hyperparameter_are_a_group_of_their_own(runs: ComposedRuns) -> None:
    runs.add(method="fo_lora", lora_rank=8)
    runs.add(method="zo")
    comparison = compare(runs.root, by=["method", "lora_rank"])
    assert {tuple(c.group.values()) for c in comparison.contenders} == {
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
def test_what_is_never_averaged_over_is_added_with_a_note(
    runs: ComposedRuns, key: str, values: dict[str, str]
) -> None:
    runs.add(seed=0, batch_size=16)
    runs.add(seed=1, batch_size=16, **values)
    comparison = compare(runs.root, by=["batch_size"])
    assert comparison.by == ("batch_size", key)
    assert [contender.seeds for contender in comparison.contenders] == [1, 1]
    assert f"runs differ in their {key}, which is never averaged over: added to --by" in (
        comparison.notes
    )


def test_an_unknown_name_is_an_error_with_the_nearest_one(runs: ComposedRuns) -> None:
    runs.add()
    with pytest.raises(ConfigError, match="--by: runs have no 'metod'; did you mean 'method'"):
        compare(runs.root, by=["metod"])


def test_a_name_like_no_other_is_an_error_that_lists_those_there_are(runs: ComposedRuns) -> None:
    runs.add(batch_size=16)
    with pytest.raises(ConfigError, match=r"have purpose, model, task.*batch_size"):
        compare(runs.root, by=["zzz"])
    with pytest.raises(ConfigError, match=r"--by: names nothing; runs have purpose"):
        compare(runs.root, by=[])


def test_no_done_run_is_an_error_that_says_how_many_there_are(runs: ComposedRuns) -> None:
    runs.fail()
    with pytest.raises(ConfigError, match="holds 1 run, and none is done; see penstock results"):
        compare(runs.root)


def test_data_of_one_label_and_other_content_is_told_apart_by_its_hash(runs: ComposedRuns) -> None:
    first = used(runs.data)
    runs.add(seed=0, dev=0.6)
    shutil.rmtree(runs.data)
    second = used(write_copa(runs.data, word="hail"))
    runs.add(seed=1, dev=0.9)
    comparison = compare(runs.root, by=["method"])
    assert comparison.by == ("method", "data")
    assert {c.group["data"] for c in comparison.contenders} == {
        f"original ({use.manifest.content_hash[7:15]})" for use in (first, second)
    }
    assert (
        "copa: 2 different sets of data are called 'original'; their hashes tell them apart"
        in comparison.notes
    )


def test_mixes_of_one_label_are_told_apart(runs: ComposedRuns) -> None:
    synthetic = write_copa(runs.data.parent / "synthetic", word="hail")
    uses = [used(runs.data, "original"), used(synthetic, "synthetic")]
    for mix in ("synthetic", "both"):
        runs.add(label="mine", mix=mix, datasets=uses)
    groups = {c.group["data"] for c in compare(runs.root).contenders}
    assert {group.split()[1] for group in groups} == {"(synthetic", "(both"}


def test_models_of_one_name_and_other_weights_are_told_apart(runs: ComposedRuns) -> None:
    for digit in "ab":
        runs.add(model=f"/models/{digit}/tiny", model_hash=f"sha256:{digit * 64}")
    comparison = compare(runs.root, by=["method"])
    assert {c.group["model"] for c in comparison.contenders} == {
        "tiny (aaaaaaaa)",
        "tiny (bbbbbbbb)",
    }


def test_the_same_model_at_two_places_is_one_model(runs: ComposedRuns) -> None:
    for seed, place in enumerate(("here", "there")):
        runs.add(seed=seed, model=f"/{place}/tiny", model_hash=f"sha256:{'a' * 64}")
    (contender,) = compare(runs.root).contenders
    assert contender.seeds == 2


def test_the_data_of_two_tasks_may_have_one_label(runs: ComposedRuns) -> None:
    rte = write_copa(runs.data.parent / "RTE", word="hail")
    runs.add(task="copa")
    runs.add(task="rte", datasets=[used(rte)])
    comparison = compare(runs.root, by=["task", "data"])
    assert [tuple(c.group.values()) for c in comparison.contenders] == [
        ("copa", "original"),
        ("rte", "original"),
    ]
    assert comparison.notes == []


def test_uneven_numbers_of_seeds_are_noted(runs: ComposedRuns) -> None:
    runs.add(method="zo", seed=0)
    runs.add(method="zo", seed=1)
    runs.add(method="fo_full", seed=0)
    assert compare(runs.root).notes == ["contenders have between 1 and 2 seeds"]


def test_scores_of_different_evaluation_rows_are_noted(runs: ComposedRuns) -> None:
    runs.add(method="zo")
    runs.add(method="fo_full", rows=50)
    assert compare(runs.root).notes == ["copa: scores are of 2 different sets of evaluation rows"]


def test_the_json_form_has_the_group_flat_among_the_fields(runs: ComposedRuns) -> None:
    runs.add(method="zo", score=0.75, dev=0.5, chance=0.5, rows=100)
    document = compare(runs.root).to_dict()
    (contender,) = document["contenders"]
    assert set(document) == {"by", "contenders", "notes"}
    assert list(contender) == [
        *("method", "data", "learning_rate", "setting", "settings", "seeds", "dev_score"),
        *("score", "deviation", "metric", "chance", "rows", "p_value", "unfinished", "directories"),
        "above_chance",
    ]
