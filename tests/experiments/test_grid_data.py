"""Data, tasks and models of a cell: their names, and what is refused."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from helpers.grids import plan, refusal, values
from helpers.workspace import Workspace, write_copa, write_rte

pytestmark = pytest.mark.usefixtures("workspace")

ORIGINAL = "original: data/original/Copa"
SYNTHETIC = "synthetic: data/new/Copa/version_13-2"


@pytest.fixture(autouse=True)
def versions(workspace: Workspace) -> None:
    """Two synthetic versions beside the original."""
    write_copa(Path("data/new/Copa/version_13-2"), first=1000)
    write_copa(Path("data/new/Copa/version_1"), first=2000)


def labels(data: str, **keys: str) -> list[str]:
    """Return the names that the runs give their data."""
    return [str(label) for (label,) in values(plan(data=f"{{{data}}}", **keys), "label")]


def test_a_dataset_is_named_after_its_version() -> None:
    assert labels("path: data/new/Copa/version_13-2") == ["version_13-2"]


def test_a_directory_named_like_the_task_is_named_after_its_parent() -> None:
    write_copa(Path("data/rejection_sampling/0_data/Copa"))
    assert labels("path: data/rejection_sampling/0_data/Copa") == ["0_data"]


def test_synthetic_data_is_never_named_original_because_of_its_path() -> None:
    write_copa(Path("original/synthetic/copa_mezo_v1"))
    assert labels("path: original/synthetic/copa_mezo_v1") == ["copa_mezo_v1"]


def test_the_user_may_name_the_data() -> None:
    assert labels("path: data/new/Copa/version_1, name: rephrased") == ["rephrased"]


def test_original_and_synthetic_are_taken_from_the_file() -> None:
    grid = plan(data=f"{{{ORIGINAL}, {SYNTHETIC}, mix: synthetic}}")
    (run,) = grid.runs
    data = run.config.data
    assert (Path(str(data.original)).name, Path(str(data.synthetic)).name) == (
        "Copa",
        "version_13-2",
    )
    assert [use.role for use in run.datasets] == ["original", "synthetic"]


def test_mix_is_a_dimension() -> None:
    grid = plan(data=f"{{{ORIGINAL}, {SYNTHETIC}, mix: [original, synthetic, both]}}")
    assert values(grid, "mix", "label") == [
        ("original", "original"),
        ("synthetic", "synthetic-version_13-2"),
        ("both", "both-version_13-2"),
    ]


def test_data_that_a_mix_does_not_use_makes_no_separate_run() -> None:
    grid = plan(
        data=f"{{{ORIGINAL}, synthetic: [data/new/Copa/version_1, data/new/Copa/version_13-2], "
        "mix: [original, both]}"
    )
    assert values(grid, "label") == [("original",), ("both-version_1",), ("both-version_13-2",)]
    assert grid.notes == ["1 of 4 cells give the same run as another cell"]
    assert "synthetic" not in {use.role for use in grid.runs[0].datasets}


KEYS = ("path", "original", "synthetic", "mix")
VALID = {
    ("path",),
    ("original", "mix: original"),
    *(("original", "synthetic", f"mix: {mix}") for mix in ("original", "synthetic", "both")),
}


@pytest.mark.parametrize(
    "given",
    [
        tuple(part for part in parts if part)
        for parts in product(
            ("path", ""),
            ("original", ""),
            ("synthetic", ""),
            ("mix: original", "mix: synthetic", "mix: both", ""),
        )
    ],
    ids=lambda given: "+".join(given) or "nothing",
)
def test_every_combination_of_data_keys_is_a_run_or_a_clear_error(
    given: tuple[str, ...],
) -> None:
    written = {
        "path": "path: data/new/Copa/version_1",
        "original": ORIGINAL,
        "synthetic": SYNTHETIC,
    }
    data = "{" + ", ".join(written.get(part, part) for part in given) + "}"
    if given in VALID:
        assert len(plan(data=data).runs) == 1
    else:
        message = refusal(data=data)
        assert message.startswith("e.yaml:5:1: data: ")
        assert any(
            word in message for word in ("give either path", "is required", "path is one dataset")
        )


def test_an_unknown_mix_is_an_error_with_a_suggestion() -> None:
    message = refusal(data=f"{{{ORIGINAL}, {SYNTHETIC}, mix: sythetic}}")
    assert "data.mix: must be" in message
    assert "did you mean 'synthetic'?" in message


def test_two_datasets_with_the_same_name_in_results_are_refused() -> None:
    write_copa(Path("data/other/Copa/version_1"), first=3000)
    paths = "[data/new/Copa/version_1, data/other/Copa/version_1]"
    message = refusal(data=f"{{path: {paths}}}")
    assert message.startswith("e.yaml:5:1: data: (path ")
    assert "would both be named 'version_1' in the results; set data.name to a list" in message
    assert labels(f"path: {paths}, name: [a, b]", zip="[[path, name]]") == ["a", "b"]


def test_two_mixes_with_the_same_given_name_are_refused() -> None:
    data = f"{ORIGINAL}, {SYNTHETIC}, mix: [synthetic, both], name: mine"
    assert "would both be named 'mine' in the results" in refusal(data=f"{{{data}}}")


def test_a_data_name_with_a_slash_is_refused() -> None:
    message = refusal(data="{path: data/original/Copa, name: a/b}")
    assert "data.name: must be the name of a file or directory: no slash" in message


def test_a_path_may_contain_the_task_placeholder() -> None:
    write_rte(Path("data/original/RTE"))
    grid = plan(task="[Copa, RTE]", data="{path: 'data/original/{task}'}")
    assert [Path(str(run.config.data.path)).name for run in grid.runs] == ["Copa", "RTE"]
    assert values(grid, "task", "label") == [("copa", "original"), ("rte", "original")]
    assert [run.parent.name for run in grid.runs] == [
        "Copa_zo_original_1e-6",
        "RTE_zo_original_1e-6",
    ]


def test_a_path_may_start_with_a_tilde(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "data"))
    (run,) = plan(data="{path: ~/original/Copa}").runs
    assert run.config.data.path == str(tmp_path / "data/original/Copa")


@pytest.mark.parametrize("name", ["Copa", "copa", "COPA"])
def test_a_task_is_found_by_its_directory_and_its_registered_name(name: str) -> None:
    (run,) = plan(task=name).runs
    assert run.config.task == "copa"
    assert run.parent.name == "Copa_zo_original_1e-6"


def test_a_hub_name_with_a_slash_is_two_directories() -> None:
    (run,) = plan(model="meta-llama/Llama-3.2-1B").runs
    assert run.parent == Path("Results/p/meta-llama/Llama-3.2-1B/Copa_zo_original_1e-6")
    assert run.config.model == "meta-llama/Llama-3.2-1B"


def test_a_local_model_is_named_after_its_directory() -> None:
    Path("models/tiny").mkdir(parents=True)
    Path("models/tiny/config.json").write_text("{}")
    (run,) = plan(model="models/tiny").runs
    assert run.parent == Path("Results/p/tiny/Copa_zo_original_1e-6")
    assert run.config.model == str(Path("models/tiny").resolve())


@pytest.mark.parametrize(
    "model", ["./tiny", "../tiny", "~/tiny", "/models/tiny", "models/a/tiny", "tiny.gguf", "a b"]
)
def test_a_missing_model_that_is_not_a_hub_name_is_refused(model: str) -> None:
    assert refusal(model=model).startswith("e.yaml:2:1: model: there is no model")


def test_a_directory_without_a_model_is_refused() -> None:
    Path("models/tiny").mkdir(parents=True)
    assert "is not a model: it has no config.json" in refusal(model="models/tiny")


def test_a_misspelt_model_is_an_error_with_a_suggestion() -> None:
    Path("models/tiny").mkdir(parents=True)
    message = refusal(model="[org/m, ./models/tinny]")
    assert message.startswith("e.yaml:2:16: model.1: there is no model models/tinny; did you mean")


def test_two_models_with_the_same_name_in_results_are_refused() -> None:
    for name in ("a", "b"):
        Path(name, "tiny").mkdir(parents=True)
        Path(name, "tiny", "config.json").write_text(name)
    message = refusal(model="[a/tiny, b/tiny]")
    assert message.startswith("e.yaml:2:1: model: /")
    assert "would both be named 'tiny' in the results; rename one" in message
    assert "rename one" in message
