"""A build on Ray or through submitit writes the same bytes as a local one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import penstock
from helpers.recipe_worlds import files_of, rows, write_jsonl, write_recipe
from penstock.executors import executor
from penstock.recipes import execute

OPTIONS: dict[str, dict[str, Any]] = {
    "ray": {},
    "slurm": {"cluster": "local", "timeout_min": 5},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("kind", ["megatron", "tfrecord", "chat"])
def test_every_executor_builds_the_same_bytes(
    name: str, kind: str, tmp_path: Path, tiny_tokenizer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip({"ray": "ray", "slurm": "submitit"}[name])
    monkeypatch.chdir(tmp_path)
    for stem, count in (("rows", 200), ("more", 40)):
        labelled = [{**row, "label": int(row["id"] % 5 > 0)} for row in rows(count)]
        write_jsonl(Path(f"{stem}.jsonl"), [*labelled, {**labelled[5], "label": 1}])
    tokenize: dict[str, Any] = {"tokenize": {"tokenizer": str(tiny_tokenizer), "append_eod": True}}
    partition = {"partition": {"key": "patient", "validation": 0.4}}
    pack = [{"split": {"context": 64}}, {"pack": {"context": 64}}, "pad"]
    pairs = {"pairs": {"source": "text", "target": "patient", "label": "label"}}
    contradicted = {"contradicted": {"max_dropped": 0.5}}
    components = {"components": {"on": ["source"], "validation": 0.4}}
    chat = {"chat": {"user": "Who says: {source}?", "assistant": "{target}"}}
    steps = {
        "megatron": [tokenize],
        "tfrecord": [partition, tokenize, *pack],
        "chat": [pairs, "positives", chat, contradicted, components, "shuffle"],
    }
    forms = {
        "tfrecord": {"kind": "tfrecord", "rows_per_shard": 8},
        "chat": {"kind": "chat", "parts": {"few": ["more"], "both": ["more", "rows"]}},
    }
    stems = ("rows", "more") if kind == "chat" else ("rows",)
    recipe = write_recipe(
        Path("recipe.yaml"),
        sources={stem: {"kind": "jsonl", "path": f"{stem}.jsonl"} for stem in stems},
        steps=steps[kind],
        format=forms.get(kind, kind),
        output="rows/1.0.0",
        input_split_bytes=4000,
    )
    built = penstock.build(recipe, workers=1)
    expected = files_of(built.path)
    built.path.rename("local")
    plan = penstock.load_recipe(recipe)
    remote = execute(plan, executor(name, 2, OPTIONS[name]))
    assert files_of(remote.path) == expected


@pytest.mark.slow
def test_reused_workers_of_ray_do_not_remember_an_earlier_build(
    tmp_path: Path, tiny_tokenizer: Path
) -> None:
    ray = pytest.importorskip("ray")
    write_jsonl(tmp_path / "rows.jsonl", rows(20))
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        made = []
        for word in ("ONE", "TWO"):
            recipe = write_recipe(
                tmp_path / "recipe.yaml",
                source={"kind": "jsonl", "path": str(tmp_path / "rows.jsonl")},
                steps=[{"metadata": {"template": f"{word} "}}],
                format="jsonl",
                output=str(tmp_path / "rows"),
            )
            built = execute(penstock.load_recipe(recipe), executor("ray", 2, {}))
            built.path.rename(tmp_path / word)
            made.append((tmp_path / word / "train.jsonl").read_text())
    finally:
        ray.shutdown()
    assert all('"text":"ONE ' in line for line in made[0].splitlines())
    assert all('"text":"TWO ' in line for line in made[1].splitlines())
