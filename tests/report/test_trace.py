"""`trace`: from a run or dataset back to the raw files, each same, changed or missing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from helpers.composed_runs import ComposedRuns, manifest_of, used, write_copa
from penstock.errors import ConfigError, DataError
from penstock.manifest import MANIFEST_NAME, InputEntry, MergeRecipe
from penstock.migration import migrate
from penstock.report import TraceNode, trace
from penstock.runs import State, model_hash


@pytest.fixture
def migrated(tmp_path: Path) -> Path:
    """A dataset migrated from `old/Copa`."""
    write_copa(tmp_path / "old" / "Copa")
    migrate(tmp_path / "old", tmp_path / "new")
    return tmp_path / "new" / "Copa"


def derive(source: Path, target: Path, word: str) -> Path:
    """Write a dataset whose manifest lists the files of another one as inputs."""
    write_copa(target, word=word)
    files = sorted(source.glob("*.jsonl"))
    recipe = MergeRecipe(datasets=[str(source)])
    manifest = manifest_of(target).model_copy(
        update={"recipe": recipe, "inputs": [InputEntry.of(file) for file in files]}
    )
    manifest.write(target)
    return target


def states(node: TraceNode) -> dict[str, str]:
    """Return the state of every hashed node, by kind and last part of the name."""
    return {
        f"{below.kind} {Path(below.name).name}": below.state
        for _, below in node.walk()
        if below.state is not None
    }


def broken(node: TraceNode) -> list[tuple[str, str, str | None]]:
    """Return the changed and missing nodes."""
    return [(below.kind, Path(below.name).name, below.state) for below in node.broken]


def test_a_dataset_traces_to_its_files_and_raw_files(migrated: Path) -> None:
    node = trace(migrated)
    assert node.intact
    assert states(node) == {
        "file copa_train.jsonl": "same",
        "file copa_validation.jsonl": "same",
        "input copa_train.jsonl": "same",
        "input copa_validation.jsonl": "same",
    }
    raw = [below.name for _, below in node.walk() if below.kind == "input"]
    assert raw == [
        str(migrated.parents[1] / "old" / "Copa" / name)
        for name in sorted(("copa_train.jsonl", "copa_validation.jsonl"))
    ]


def test_every_hash_is_that_of_the_manifest(migrated: Path) -> None:
    manifest = manifest_of(migrated)
    node = trace(migrated)
    assert node.sha256 == manifest.content_hash
    assert [below.sha256 for below in node.children] == [
        entry.sha256 for entry in (*manifest.files, *manifest.inputs)
    ]


def test_a_changed_raw_file_is_found(migrated: Path) -> None:
    raw = migrated.parents[1] / "old" / "Copa" / "copa_train.jsonl"
    raw.write_text(raw.read_text().replace("rain", "hail"))  # as many bytes as before
    assert broken(trace(migrated)) == [("input", "copa_train.jsonl", "changed")]


def test_a_missing_raw_file_is_found(migrated: Path) -> None:
    shutil.rmtree(migrated.parents[1] / "old")
    assert broken(trace(migrated)) == [
        ("input", "copa_train.jsonl", "missing"),
        ("input", "copa_validation.jsonl", "missing"),
    ]


def test_a_changed_dataset_file_is_found(migrated: Path) -> None:
    with (migrated / "copa_train.jsonl").open("a") as file:
        file.write("\n")
    assert broken(trace(migrated)) == [("file", "copa_train.jsonl", "changed")]


def test_a_missing_dataset_file_is_found(migrated: Path) -> None:
    (migrated / "copa_validation.jsonl").unlink()
    assert broken(trace(migrated)) == [("file", "copa_validation.jsonl", "missing")]


def test_a_run_traces_to_its_model_and_datasets(
    runs: ComposedRuns, migrated: Path, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    model.mkdir()
    (model / "weights").write_text("1 2 3")
    run = runs.add(
        model=str(model),
        model_hash=model_hash(model),
        mix="synthetic",
        score=0.75,
        datasets=[used(runs.data, "original"), used(migrated, "synthetic")],
    )
    node = trace(run.path)
    assert node.intact
    assert (node.kind, node.detail) == ("run", "accuracy 0.750 on 100 rows, best step 20 of 40")
    assert [(below.kind, below.name, below.detail) for below in node.children] == [
        ("model", str(model), ""),
        ("dataset", str(runs.data), "original, as found"),
        ("dataset", str(migrated), "synthetic, migrate"),
    ]
    (model / "weights").write_text("1 2 4")
    assert broken(trace(run.path)) == [("model", "model", "changed")]
    shutil.rmtree(model)
    assert broken(trace(run.path)) == [("model", "model", "missing")]


def test_data_made_again_after_a_run_is_changed_for_that_run(
    runs: ComposedRuns, migrated: Path
) -> None:
    run = runs.add(datasets=[used(migrated)])
    raw = write_copa(migrated.parents[1] / "old" / "Copa", word="hail")
    migrate(raw.parent, migrated.parent, replace=True)
    assert trace(migrated).intact
    assert {kind for kind, _, _ in broken(trace(run.path))} == {"file", "input"}


def test_a_model_by_hub_name_is_not_hashed(runs: ComposedRuns) -> None:
    model = trace(runs.add(model="org/model").path).children[0]
    assert (model.name, model.state, model.detail) == (
        "org/model",
        None,
        "by hub name, not hashed",
    )


@pytest.mark.parametrize("state", [State.FAILED, State.INTERRUPTED])
def test_a_run_without_a_result_can_be_traced(runs: ComposedRuns, state: State) -> None:
    assert trace(runs.add(state=state).path).detail == state.value


def test_a_chain_of_datasets_is_traced_to_the_raw_files(migrated: Path, tmp_path: Path) -> None:
    middle = derive(migrated, tmp_path / "middle", "hail")
    last = derive(middle, tmp_path / "last", "snow")
    node = trace(last)
    assert node.intact
    datasets = [(depth, n.name, n.detail) for depth, n in node.walk() if n.kind == "dataset"]
    assert datasets == [
        (0, str(last), "merge"),
        (1, str(middle), "source, merge"),
        (2, str(migrated), "source, migrate"),
    ]
    raw = [(depth, n.name) for depth, n in node.walk() if n.kind == "input"]
    assert {depth for depth, _ in raw} == {3}
    assert {Path(name).parent for _, name in raw} == {tmp_path / "old" / "Copa"}


def test_a_change_anywhere_in_a_chain_is_found(migrated: Path, tmp_path: Path) -> None:
    last = derive(derive(migrated, tmp_path / "middle", "hail"), tmp_path / "last", "snow")
    (tmp_path / "old" / "Copa" / "copa_train.jsonl").unlink()
    (tmp_path / "middle" / "copa_validation.jsonl").write_text("")
    assert broken(trace(last)) == [
        ("file", "copa_validation.jsonl", "changed"),
        ("input", "copa_train.jsonl", "missing"),
    ]


def test_a_cycle_of_manifests_ends(tmp_path: Path) -> None:
    one, two = write_copa(tmp_path / "one"), write_copa(tmp_path / "two")
    derive(one, two, "rain")
    derive(two, one, "rain")
    assert trace(one).intact


def test_a_link_is_traced_to_its_file(tmp_path: Path) -> None:
    write_copa(tmp_path / "old" / "Copa")
    migrate(tmp_path / "old", tmp_path / "new", link=True)
    assert trace(tmp_path / "new" / "Copa").intact
    (tmp_path / "old" / "Copa" / "copa_train.jsonl").write_text("")
    assert broken(trace(tmp_path / "new" / "Copa")) == [
        ("file", "copa_train.jsonl", "changed"),
        ("input", "copa_train.jsonl", "changed"),
    ]


def test_the_json_tree_and_the_rows_have_the_same_nodes(migrated: Path) -> None:
    node = trace(migrated)
    document = node.to_dict()
    assert list(document) == ["kind", "name", "detail", "sha256", "state", "children"]
    children = document.pop("children")
    assert document == node.to_row()
    assert [{k: v for k, v in child.items() if k != "children"} for child in children] == [
        below.to_row() for depth, below in node.walk() if depth == 1
    ]


def test_a_directory_that_is_neither_run_nor_dataset_is_an_error(runs: ComposedRuns) -> None:
    run = runs.add()
    for path in (run.path.parent, runs.data):
        with pytest.raises(ConfigError, match=r"neither a run \(run.json\) nor a dataset"):
            trace(path)


def test_a_missing_directory_is_an_error_with_the_closest_name(migrated: Path) -> None:
    with pytest.raises(ConfigError, match="no such directory; did you mean 'Copa'"):
        trace(migrated.with_name("Cpa"))


def test_an_unreadable_manifest_is_an_error_with_its_path(migrated: Path) -> None:
    (migrated / MANIFEST_NAME).write_text("{")
    with pytest.raises(DataError, match="not JSON") as caught:
        trace(migrated)
    assert caught.value.file == migrated / MANIFEST_NAME
