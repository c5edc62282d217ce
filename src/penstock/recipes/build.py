"""Build the dataset of a recipe: input splits to partial outputs, to an order, to shards."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from penstock.batches import KEPT_LOCATIONS
from penstock.errors import ConfigError, ConflictError, DataError
from penstock.executors import Executor
from penstock.files import plural, sync, write_atomic
from penstock.formats import Written
from penstock.manifest import (
    BuildRecipe,
    DroppedRow,
    FileEntry,
    InputEntry,
    Manifest,
    manifest_path,
    read_manifest,
)
from penstock.recipes.card import add_card
from penstock.recipes.order import OrderedDataset, order_dataset
from penstock.recipes.partial import Partial, PartialReport
from penstock.recipes.partition import prepare
from penstock.recipes.plan import BuildPlan, is_done, list_inputs
from penstock.recipes.store import Store, StoredPartial
from penstock.recipes.worker import (
    BuildContext,
    HashInput,
    MakePartial,
    Task,
    TaskRunner,
    WriteShard,
    forget_context,
    publish_context,
)
from penstock.sources import input_state
from penstock.step_report import STORE, StepReport
from penstock.steps import DatasetStep


@dataclass
class Progress:
    """The progress of a build. `tokens` are bytes if the dataset holds rows of text."""

    bytes_total: int
    bytes_done: int = 0
    documents: int = 0
    tokens: int = 0
    shards_total: int = 0
    shards_done: int = 0
    in_tokens: bool = True


ProgressCallback = Callable[[Progress], None]


@dataclass(frozen=True)
class Built:
    """A complete dataset. `fresh` is False if it existed already.

    `documents` and `tokens` (bytes for rows of text) are those after the steps on rows and tokens.
    """

    path: Path
    manifest: Manifest
    fresh: bool = True
    documents: int = 0
    tokens: int = 0


def execute(
    plan: BuildPlan, executor: Executor, on_progress: ProgressCallback = lambda _: None
) -> Built:
    """Build the dataset of a plan, from the partial outputs that exist already.

    Raises DataError for unusable input, StepError past a threshold, ConflictError if another
    process builds the same dataset. Partial outputs stay for the next attempt.
    """
    output = plan.recipe.output
    with _locked_staging(plan):
        # Check once more under the lock, unless it was done: its inputs are hashed already.
        try:
            done = plan.done or is_done(plan)
        except ConflictError:
            if not any(plan.partials.iterdir()):
                shutil.rmtree(plan.staging)
            raise
        if done and (manifest := read_manifest(output)) is not None:
            shutil.rmtree(plan.staging)  # also of a build that was killed after its last rename
            return Built(output, manifest, fresh=False)
        return _Build(plan, executor, on_progress).run()


@contextmanager
def _locked_staging(plan: BuildPlan) -> Iterator[None]:
    """Lock the staging directory of a build; partial outputs with other keys are removed."""
    try:
        plan.staging.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"cannot be written: {error.strerror}; name another output", file=plan.recipe.output
        ) from None
    lock = FileLock(plan.staging / "lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ConflictError(
            f"{plan.recipe.output}: another process is building it; wait for it, or stop it"
        ) from None
    try:
        for directory in plan.staging.glob("parts-*"):
            if directory != plan.partials:
                shutil.rmtree(directory)
        plan.partials.mkdir(exist_ok=True)
        yield
    finally:
        lock.release()


class _Build:
    """One running build."""

    def __init__(self, plan: BuildPlan, executor: Executor, on_progress: ProgressCallback) -> None:
        self.plan = plan
        self.recipe = plan.recipe
        self.executor = executor
        self.on_progress = on_progress
        self.progress = Progress(plan.input_bytes, in_tokens=plan.recipe.in_tokens)
        self.context = BuildContext(plan.recipe, plan.staging.resolve(), plan.key)
        self.partials: dict[str, PartialReport] = {}
        self.inputs: dict[str, InputEntry] = {}

    def run(self) -> Built:
        try:
            self._make_partials()
            reports = self._reports()
            ordered = self._order()
            for index, report in ordered.reports.items():
                reports[index + 1].add(report)
            files = self._write_shards(ordered)
        finally:
            forget_context(self.context)
        manifest = self._manifest(ordered, reports, files)
        self._publish(manifest)
        done = self.progress
        return Built(self.recipe.output, manifest, True, done.documents, done.tokens)

    def _make_partials(self) -> None:
        tasks = {task.partial: task for task in self.plan.input_splits}
        for name in sorted(self.plan.finished):
            report = Partial(self.plan.partials, name).read_report()
            if report is not None:
                self._add_partial(name, tasks[name].input_split.size, report)
        missing = [task for name, task in tasks.items() if name not in self.partials]
        # Even if nothing is missing: the manifest says how the tokenizer's engine was chosen.
        prepare(self.recipe)
        hashes: list[Task] = [HashInput(path) for path in self.plan.inputs]
        for task, result in self._execute([*hashes, *map(MakePartial, missing)]):
            if isinstance(task, MakePartial):
                self._add_partial(task.task.partial, task.task.input_split.size, result)
            elif isinstance(task, HashInput):
                for source in self.recipe.sources.values():
                    if source.known_hashes().get(task.path, result.sha256) != result.sha256:
                        raise DataError(
                            "differs from the manifest of its dataset; see `penstock check`, and "
                            "build that dataset again",
                            file=task.path,
                        )
                self.inputs[task.path] = result

    def _execute(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, Any]]:
        context = self.context
        publish_context(context, on_disk=not self.executor.shares_memory)
        return self.executor.map(TaskRunner(context.staging, context.key, context.stage), tasks)

    def _add_partial(self, name: str, size: int, report: PartialReport) -> None:
        self.partials[name] = report
        self.progress.bytes_done += size
        self.progress.documents += report.documents
        self.progress.tokens += report.tokens
        unusable = sum(partial.unusable for partial in self.partials.values())
        allowed = self.recipe.file.max_errors
        if unusable > allowed:
            errors = [partial.errors[0] for partial in self.partials.values() if partial.errors]
            file, line, reason = errors[0]
            raise DataError(
                f"{reason}; {plural(unusable, 'row')} cannot be used so far, more than max_errors "
                f"({allowed}) allows",
                file=file,
                line=line,
            )
        self.on_progress(self.progress)

    def _reports(self) -> list[StepReport]:
        """Add up the reports of all partial outputs; raises StepError past a threshold."""
        labels = ("read", *self.recipe.labels, STORE)
        reports = [StepReport(label) for label in labels]
        for task in self.plan.input_splits:
            for total, report in zip(reports, self.partials[task.partial].steps, strict=True):
                total.add(report)
        for index, step in enumerate(self.recipe.steps):
            if not isinstance(step, DatasetStep):
                with self.recipe.locating(index):
                    step.check_report(reports[index + 1])
        return reports

    def _order(self) -> OrderedDataset:
        codes = {name: code for code, name in enumerate(self.recipe.sources)}
        parts = [
            StoredPartial(Partial(self.plan.partials, name), self.partials[name], codes[source])
            for source, name in ((task.source, task.partial) for task in self.plan.input_splits)
        ]
        store = Store(parts)
        if not store.parts:
            raise DataError(
                "no document is left; check what the steps drop", file=self.recipe.output
            )
        return order_dataset(self.recipe, store)

    def _write_shards(self, ordered: OrderedDataset) -> list[FileEntry]:
        recipe, context = self.recipe, self.context
        spec = ordered.output_spec(recipe)
        recipe.format.verify(spec)
        context.ordered, context.spec = ordered, spec
        shutil.rmtree(context.dataset, ignore_errors=True)
        context.dataset.mkdir()
        recipe.format.prepare()
        shards = recipe.format.shards(spec)
        name = recipe.output.name
        for shard in shards:
            if recipe.file.as_prefix and not shard.path.startswith(name):
                raise ConfigError(
                    f"the output is the prefix {name}, but the format would write {shard.path}; "
                    "write a directory, or set the prefix of the format",
                    field="as_prefix",
                )
            (context.dataset / shard.path).parent.mkdir(parents=True, exist_ok=True)
        self.progress.shards_total = len(shards)
        found: dict[int, Sequence[FileEntry]] = {}
        numbers = {shard: number for number, shard in enumerate(shards)}
        for task, entries in self._execute([WriteShard(shard) for shard in shards]):
            assert isinstance(task, WriteShard)
            found[numbers[task.shard]] = entries
            self.progress.shards_done += 1
            self.on_progress(self.progress)
        files = [entry for number in sorted(found) for entry in found[number]]
        written = [Written(entry.path, entry.rows) for entry in files]
        metadata = recipe.format.finish(context.dataset, spec, written)
        return files + [FileEntry.of(context.dataset, name) for name in metadata]

    def _manifest(
        self, ordered: OrderedDataset, reports: list[StepReport], files: list[FileEntry]
    ) -> Manifest:
        """Return the manifest of a dataset whose files are all written; writes its card."""
        recipe = self.recipe
        partials = [self.partials[task.partial] for task in self.plan.input_splits]
        rows = [
            *[row for report in partials for row in report.errors][:KEPT_LOCATIONS],
            *[row for report in partials for row in report.dropped_rows][:KEPT_LOCATIONS],
        ]
        synthetic = any(source.synthetic for source in recipe.sources.values())
        manifest = Manifest(
            format=recipe.format.name,
            counts=self._sizes(),
            steps=[r for r in reports if r.name != STORE or r.dropped],
            files=files,
            tokenizer=recipe.tokenizer(),
            recipe=BuildRecipe(**recipe.settings(), synthetic=synthetic),
            inputs=self._unchanged_inputs(),
            statistics=ordered.statistics,
            skipped=[DroppedRow(file=f, line=n, reason=why) for f, n, why in rows],
            skipped_rows=sum(report.unusable + report.dropped_singly for report in partials),
        )
        return (
            add_card(manifest, self.context.dataset, recipe.name) if recipe.file.card else manifest
        )

    def _unchanged_inputs(self) -> list[InputEntry]:
        """Return the entries of the inputs; raises DataError for one that changed meanwhile."""
        for path, state in self.plan.states.items():
            if input_state(path) != state:
                raise DataError("changed while it was read; build again", file=path)
        new = set(list_inputs(self.recipe)) - set(self.plan.inputs)
        if new:
            raise DataError("appeared while the others were read; build again", file=min(new))
        return [self.inputs[path] for path in self.plan.inputs]

    def _sizes(self) -> dict[str, int]:
        """Return rows, tokens and padding of each split (or other view)."""
        spec = self.context.spec
        assert spec is not None
        unit = "tokens" if self.recipe.in_tokens else "bytes"
        sizes = {}
        for split, shape in spec.splits.items():
            sizes[f"{split}.rows"] = shape.rows
            sizes[f"{split}.{unit}"] = shape.tokens
            if spec.context is not None and spec.pad_id is not None:
                sizes[f"{split}.padding"] = shape.rows * spec.context - shape.tokens
        return sizes

    def _publish(self, manifest: Manifest) -> None:
        """Write the manifest, rename the dataset to its final name, remove the staging directory.

        A directory is renamed at once. Files with a prefix are renamed one by one, the manifest
        last: if the process is killed in between there is no manifest, and the next build
        continues. Raises ConflictError if one of the files exists.
        """
        output, dataset = self.recipe.output, self.context.dataset
        if not self.recipe.file.as_prefix:
            manifest.write(dataset)
            dataset.rename(output)
        else:
            if not self.plan.publishing_mark.is_file():
                for entry in manifest.files:
                    if (path := output.parent / entry.path).exists():
                        raise ConflictError(f"{path}: exists already; remove it")
                write_atomic(self.plan.publishing_mark, "")
            for entry in manifest.files:
                (dataset / entry.path).replace(output.parent / entry.path)
            sync(output.parent)
            write_atomic(manifest_path(output), manifest.to_json())
        sync(output.parent)
        shutil.rmtree(self.plan.staging)
