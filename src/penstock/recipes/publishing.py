"""The last step of a build: the manifest, and the name under which the dataset is known."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence

from penstock.batches import KEPT_ERRORS
from penstock.errors import ConflictError
from penstock.files import sync, write_atomic
from penstock.manifest import (
    FileEntry,
    InputEntry,
    Manifest,
    SkippedRow,
    manifest_path,
)
from penstock.recipes.bench import Bench
from penstock.recipes.card import add_card
from penstock.recipes.parts import PartReport
from penstock.recipes.plan import Plan, publishing_mark
from penstock.recipes.tokenizers import tokenizer_of


def describe_dataset(
    plan: Plan,
    bench: Bench,
    inputs: Sequence[InputEntry],
    files: Sequence[FileEntry],
    counts: Mapping[str, int],
    reports: Mapping[str, PartReport],
) -> Manifest:
    """Return the manifest of a dataset whose files are all written; its card is, now."""
    recipe = plan.recipe
    assert bench.arrangement is not None
    settings = {"kind": "build", "key": plan.identity, **recipe.settings()}
    if any(source.synthetic for source in recipe.sources.values()):
        settings["synthetic"] = True
    if any(source.confidential for source in recipe.sources.values()):
        settings["redact"] = True
    of_parts = [reports[work.part] for work in plan.input_splits]
    errors = [row for report in of_parts for row in report.errors][:KEPT_ERRORS]
    left_out = [row for report in of_parts for row in report.left_out][:KEPT_ERRORS]
    manifest = Manifest(
        format=recipe.format.name,
        counts={**counts, **_shape_counts(bench)},
        files=list(files),
        tokenizer=tokenizer_of(recipe),
        recipe=settings,
        inputs=list(inputs),
        statistics=bench.arrangement.statistics,
        skipped=[SkippedRow(file=f, line=n, reason=why) for f, n, why in errors + left_out],
    )
    return add_card(manifest, bench.dataset, recipe.name) if recipe.file.card else manifest


def publish(plan: Plan, bench: Bench, manifest: Manifest) -> None:
    """Write the manifest, give the dataset its name, and remove what the build needed.

    A directory gets its name whole. Files with a prefix come one by one, the manifest last: a
    process that is killed in between leaves no manifest, and the next build goes on. Raises
    ConflictError where a file stands in the place of one of them.
    """
    output = plan.recipe.output
    if plan.recipe.file.as_prefix:
        _publish_files(plan, bench, manifest)
    else:
        manifest.write(bench.dataset)
        bench.dataset.rename(output)
    sync(output.parent)
    shutil.rmtree(plan.work)


def _publish_files(plan: Plan, bench: Bench, manifest: Manifest) -> None:
    output = plan.recipe.output
    mark = plan.work / publishing_mark(plan.key)
    if not mark.is_file():
        for entry in manifest.files:
            if (output.parent / entry.path).exists():
                raise ConflictError(f"{output.parent / entry.path}: stands already; remove it")
        write_atomic(mark, "")
    for entry in manifest.files:
        (bench.dataset / entry.path).replace(output.parent / entry.path)
    sync(output.parent)
    write_atomic(manifest_path(output), manifest.to_json())


def _shape_counts(bench: Bench) -> dict[str, int]:
    """Return rows, tokens and padding of each split."""
    assert bench.target is not None
    unit = "tokens" if bench.recipe.in_tokens else "bytes"
    counts = {}
    for split, shape in bench.target.splits.items():
        counts[f"{split}.rows"] = shape.rows
        counts[f"{split}.{unit}"] = shape.tokens
        if bench.target.context is not None and bench.target.pad_id is not None:
            counts[f"{split}.padding"] = shape.rows * bench.target.context - shape.tokens
    return counts
