"""Keys, tokens and passwords of the environment never reach what a run leaves behind."""

from __future__ import annotations

import subprocess
from pathlib import Path

from helpers.workplace import Workplace, until

SECRETS = {
    "HF_TOKEN": "hf_" + "aBcDeFgHiJ" * 3,
    "OPENAI_API_KEY": "sk-proj-" + "Zy9" * 12,
    "WANDB_API_KEY": "0123456789abcdef" * 2,
    "SERVICE_PASSWORD": "correct horse battery",
}
REMOTE_PASSWORD = "hunter2hunter2"


def with_secrets(place: Workplace) -> dict[str, str]:
    """Return an environment with secrets, after making the place a repository with one more."""
    url = f"https://me:{REMOTE_PASSWORD}@git.example.org/me/project.git"
    git = ["git", "-c", "user.name=me", "-c", "user.email=me@example.org"]
    for arguments in (
        ["init", "--quiet"],
        ["remote", "add", "origin", url],
        ["commit", "--quiet", "--allow-empty", "--message", "start"],
    ):
        subprocess.run([*git, *arguments], cwd=place.path, check=True)
    return {**SECRETS, "REMOTE": url, "TOLD": " ".join(SECRETS)}


def leaks(directory: Path) -> list[str]:
    """Return which secret stands in which file below a directory."""
    words = [*SECRETS.values(), REMOTE_PASSWORD]
    return [
        f"{word} in {path}"
        for path in directory.rglob("*")
        if path.is_file()
        for word in words
        if word.encode() in path.read_bytes()
    ]


def test_a_trainer_that_tells_every_secret_leaves_none_of_them(place: Workplace) -> None:
    secrets = with_secrets(place)
    failed = place.run("train", place.experiment(behaviour="tell_secrets"), environment=secrets)
    assert failed.returncode == 3
    (run,) = place.runs()
    record = run.read()
    assert leaks(place.path / "Results") == []
    out = run.log_file(record.config, "out").read_text()
    assert "WANDB_API_KEY=[redacted]" in out, "it was told, and masked"
    assert record.failure is not None
    assert record.failure.message.count("[redacted]") == len(SECRETS)
    assert record.git is not None
    printed = failed.stdout + failed.stderr
    assert not [word for word in [*SECRETS.values(), REMOTE_PASSWORD] if word in printed]


def test_a_grid_in_the_background_leaves_none_of_them(place: Workplace) -> None:
    secrets = with_secrets(place)
    file = place.experiment(behaviour="tell_secrets", wait_for_completion=False)
    place.run("train", file, environment=secrets)
    until(lambda: place.states() == ["failed"], "the end of the run")
    assert list((place.path / "Results/p").glob("train_*.log"))
    assert leaks(place.path / "Results") == []


def test_a_key_in_the_file_is_refused_before_anything_is_written(place: Workplace) -> None:
    file = place.experiment()
    file.write_text(file.read_text() + f"  hub_token: {SECRETS['HF_TOKEN']}\n")
    refused = place.run("train", file)
    assert refused.returncode == 2
    assert "set the environment variable HF_TOKEN instead" in refused.stderr
    assert SECRETS["HF_TOKEN"] not in refused.stdout + refused.stderr
    assert not (place.path / "Results").exists()
