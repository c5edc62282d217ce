"""Keys, tokens and passwords of the environment never reach the files of a run."""

from __future__ import annotations

import subprocess
from pathlib import Path

from helpers.processes import wait_for
from helpers.workspace import Workspace

SECRETS = {
    "HF_TOKEN": "hf_" + "aBcDeFgHiJ" * 3,
    "OPENAI_API_KEY": "sk-proj-" + "Zy9" * 12,
    "WANDB_API_KEY": "0123456789abcdef" * 2,
    "SERVICE_PASSWORD": "correct horse battery",
}
REMOTE_PASSWORD = "hunter2hunter2"


def with_secrets(workspace: Workspace) -> dict[str, str]:
    """Return an environment with secrets; the remote of a new git repository has one more."""
    url = f"https://me:{REMOTE_PASSWORD}@git.example.org/me/project.git"
    git = ["git", "-c", "user.name=me", "-c", "user.email=me@example.org"]
    for arguments in (
        ["init", "--quiet"],
        ["remote", "add", "origin", url],
        ["commit", "--quiet", "--allow-empty", "--message", "start"],
    ):
        subprocess.run([*git, *arguments], cwd=workspace.path, check=True)
    return {**SECRETS, "REMOTE": url, "SECRET_NAMES": " ".join(SECRETS)}


def leaks(directory: Path) -> list[str]:
    """Return which secret is in which file below a directory."""
    words = [*SECRETS.values(), REMOTE_PASSWORD]
    return [
        f"{word} in {path}"
        for path in directory.rglob("*")
        if path.is_file()
        for word in words
        if word.encode() in path.read_bytes()
    ]


def test_secrets_that_a_trainer_prints_are_masked(workspace: Workspace) -> None:
    secrets = with_secrets(workspace)
    failed = workspace.run(
        "train", workspace.experiment(behaviour="print_secrets"), environment=secrets
    )
    assert failed.returncode == 3
    (run,) = workspace.runs()
    record = run.read()
    assert leaks(workspace.path / "Results") == []
    out = run.log_file(record.config, "out").read_text()
    assert "WANDB_API_KEY=[redacted]" in out, "it was printed, and masked"
    assert record.failure is not None
    assert record.failure.message.count("[redacted]") == len(SECRETS)
    assert record.git is not None
    printed = failed.stdout + failed.stderr
    assert not [word for word in [*SECRETS.values(), REMOTE_PASSWORD] if word in printed]


def test_secrets_of_a_background_grid_are_masked(workspace: Workspace) -> None:
    secrets = with_secrets(workspace)
    file = workspace.experiment(behaviour="print_secrets", wait_for_completion=False)
    workspace.run("train", file, environment=secrets)
    wait_for(lambda: workspace.states() == ["failed"], "the end of the run")
    assert list((workspace.path / "Results/p").glob("train_*.log"))
    assert leaks(workspace.path / "Results") == []


def test_a_key_in_the_file_is_refused_before_anything_is_written(workspace: Workspace) -> None:
    file = workspace.experiment()
    file.write_text(file.read_text() + f"  hub_token: {SECRETS['HF_TOKEN']}\n")
    refused = workspace.run("train", file)
    assert refused.returncode == 2
    assert "set the environment variable HF_TOKEN instead" in refused.stderr
    assert SECRETS["HF_TOKEN"] not in refused.stdout + refused.stderr
    assert not (workspace.path / "Results").exists()
