"""Build the dataset of a recipe: input_splits to parts, parts to an order, an order to shards."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from penstock.errors import ConfigError, ConflictError, DataError
from penstock.executors import Executor
from penstock.files import plural
from penstock.formats import Shard, Written
from penstock.manifest import FileEntry, InputEntry, Manifest, read_manifest
from penstock.recipes.arranging import Arrangement, arrange
from penstock.recipes.bench import Bench, clear, lay
from penstock.recipes.jobs import Carrier, HashInput, Job, MakePart, WriteShard
from penstock.recipes.parts import Part, PartReport
from penstock.recipes.pieces import prepare
from penstock.recipes.plan import Plan, inputs_of, stands
from penstock.recipes.publishing import describe_dataset, publish
from penstock.recipes.store import Store, StoredPart
from penstock.recipes.targets import output_spec_of
from penstock.sources import input_state


@dataclass
class Progress:
    """How far a build is. `tokens` are bytes where the dataset holds rows of text."""

    bytes_total: int
    bytes_done: int = 0
    documents: int = 0
    tokens: int = 0
    shards_total: int = 0
    shards_done: int = 0
    in_tokens: bool = True


Listener = Callable[[Progress], None]


@dataclass(frozen=True)
class Built:
    """A dataset that stands. `fresh` is False when it stood there already.

    `documents` and `tokens` (bytes, of rows of text) came out of the steps on single documents.
    """

    path: Path
    manifest: Manifest
    fresh: bool = True
    documents: int = 0
    tokens: int = 0


def carry_out(plan: Plan, executor: Executor, listener: Listener = lambda _: None) -> Built:
    """Build the dataset of a plan, from the parts that are there already.

    Raises DataError for input that cannot be used and past a threshold, ConflictError when another
    process builds the same dataset. What was finished stays for the next try.
    """
    output = plan.recipe.output
    with _work_directory(plan):
        # Looked at once more where it did not stand, now that no other process can be at it; where
        # it did, its inputs were hashed already.
        manifest = read_manifest(output) if plan.done or _stands(plan) else None
        if manifest is not None:
            shutil.rmtree(plan.work)  # also what a build left that was killed after its last rename
            return Built(output, manifest, fresh=False)
        with _in_words_of_the_preset(plan):
            return _Build(plan, executor, listener).run()


def _stands(plan: Plan) -> bool:
    try:
        return stands(plan)
    except ConflictError:
        if not any(plan.parts.iterdir()):
            shutil.rmtree(plan.work)
        raise


@contextmanager
def _in_words_of_the_preset(plan: Plan) -> Iterator[None]:
    """Say of an error of a step which setting of the named recipe its threshold is."""
    try:
        yield
    except DataError as error:
        preset = plan.recipe.file.preset or {}
        setting = preset.get("thresholds", {}).get(str(error.file))
        if setting is None or "`max_" not in error.message:
            raise
        message = f"{error.message}; in this recipe it is `{setting}`"
        raise DataError(message, file=error.file, line=error.line) from None


@contextmanager
def _work_directory(plan: Plan) -> Iterator[None]:
    """Hold the directory of a build; the parts of other keys in it are removed."""
    try:
        plan.work.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"cannot be written: {error.strerror}; name another output", file=plan.recipe.output
        ) from None
    lock = FileLock(plan.work / "lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ConflictError(
            f"{plan.recipe.output}: another process is building it; wait for it, or stop it"
        ) from None
    try:
        for parts in plan.work.glob("parts-*"):
            if parts != plan.parts:
                shutil.rmtree(parts)
        plan.parts.mkdir(exist_ok=True)
        yield
    finally:
        lock.release()


class _Build:
    """One build on its way."""

    def __init__(self, plan: Plan, executor: Executor, listener: Listener) -> None:
        self.plan = plan
        self.executor = executor
        self.listener = listener
        self.progress = Progress(plan.input_bytes, in_tokens=plan.recipe.in_tokens)
        self.bench = Bench(plan.recipe, plan.work.resolve(), plan.key)
        self.reports: dict[str, PartReport] = {}
        self.inputs: dict[str, InputEntry] = {}
        sources = plan.recipe.sources.values()
        self.expected = {path: told for s in sources for path, told in s.expected().items()}

    def run(self) -> Built:
        """Go from input_splits to a dataset that stands."""
        try:
            self._make_parts()
            counts = self._counts()
            self._judge(counts)
            arrangement = self._arrange(counts)
            files = self._write_shards(arrangement)
        finally:
            clear(self.bench)
        manifest = describe_dataset(
            self.plan, self.bench, self._inputs(), files, counts, self.reports
        )
        publish(self.plan, self.bench, manifest)
        told = self.progress
        return Built(self.plan.recipe.output, manifest, True, told.documents, told.tokens)

    def _make_parts(self) -> None:
        works = {work.part: work for work in self.plan.input_splits}
        for name in sorted(self.plan.finished):
            report = Part(self.plan.parts, name).read_report()
            if report is not None:
                self._note_part(name, works[name].input_split.size, report)
        missing = [work for name, work in works.items() if name not in self.reports]
        # Even where nothing is missing: the manifest says how the tokenizer's engine was chosen.
        prepare(self.plan.recipe)
        hashes: list[Job] = [HashInput(path) for path in self.plan.inputs]
        for job, result in self._carried([*hashes, *map(MakePart, missing)]):
            if isinstance(job, MakePart):
                self._note_part(job.work.part, job.work.input_split.size, result)
            elif isinstance(job, HashInput):
                self._note_input(job.path, result)

    def _note_input(self, path: str, entry: InputEntry) -> None:
        if self.expected.get(path, entry.sha256) != entry.sha256:
            raise DataError(
                "is not what the manifest of its dataset says; see penstock check, and build that "
                "dataset again",
                file=path,
            )
        self.inputs[path] = entry

    def _carried(self, jobs: Sequence[Job]) -> Iterator[tuple[Job, Any]]:
        """Yield each job with its result as it ends."""
        lay(self.bench, on_disk=not self.executor.shares_memory)
        return self.executor.map(Carrier(self.bench.work, self.bench.key, self.bench.stage), jobs)

    def _note_part(self, name: str, size: int, report: PartReport) -> None:
        self.reports[name] = report
        self.progress.bytes_done += size
        self.progress.documents += report.documents
        self.progress.tokens += report.tokens
        self._refuse_errors()
        self.listener(self.progress)

    def _refuse_errors(self) -> None:
        skipped = sum(report.counts.get("skipped", 0) for report in self.reports.values())
        allowed = self.plan.recipe.file.max_errors
        if skipped > allowed:
            first = next(report.errors[0] for report in self.reports.values() if report.errors)
            file, line, reason = first
            raise DataError(
                f"{reason}; with it {plural(skipped, 'row')} cannot be used, more than "
                f"max_errors ({allowed}) allows",
                file=file,
                line=line,
            )

    def _counts(self) -> Counter[str]:
        """Add up the counts of all parts, in the order of the input_splits."""
        counts: Counter[str] = Counter()
        for work in self.plan.input_splits:
            counts.update(self.reports[work.part].counts)
        return counts

    def _inputs(self) -> list[InputEntry]:
        """Return what was read; raises DataError for an input that changed meanwhile."""
        for path, state in self.plan.states.items():
            if input_state(path) != state:
                raise DataError("changed while it was read; build again", file=path)
        new = set(inputs_of(self.plan.recipe)) - set(self.plan.inputs)
        if new:
            raise DataError("came while the others were read; build again", file=min(new))
        return [self.inputs[path] for path in self.plan.inputs]

    def _arrange(self, counts: Counter[str]) -> Arrangement:
        sources = {name: index for index, name in enumerate(self.plan.recipe.sources)}
        store = Store(
            [
                StoredPart(
                    Part(self.plan.parts, work.part), self.reports[work.part], sources[work.source]
                )
                for work in self.plan.input_splits
            ]
        )
        if not store.parts:
            raise DataError(
                "no document is left; see what the steps dropped", file=self.plan.recipe.output
            )
        arrangement = arrange(self.plan.recipe, store)
        counts.update(arrangement.counts)
        self._judge(counts)
        return arrangement

    def _judge(self, counts: Counter[str]) -> None:
        for step in self.plan.recipe.steps:
            step.judge(counts)

    def _refuse_other_names(self, shards: Sequence[Shard]) -> None:
        """Refuse files that would not be known by the prefix that the output is."""
        name = self.plan.recipe.output.name
        for shard in shards:
            if self.plan.recipe.file.as_prefix and not shard.path.startswith(name):
                raise ConfigError(
                    f"the output is the prefix {name}, and the format would write {shard.path}; "
                    "write a directory, or set the format's own prefix",
                    field="as_prefix",
                )

    def _write_shards(self, arrangement: Arrangement) -> list[FileEntry]:
        recipe = self.plan.recipe
        target = output_spec_of(recipe, arrangement, arrangement.shapes())
        recipe.format.verify(target)
        self.bench.arrangement, self.bench.target = arrangement, target
        shutil.rmtree(self.bench.dataset, ignore_errors=True)
        self.bench.dataset.mkdir()
        recipe.format.prepare()
        shards = recipe.format.shards(target)
        self._refuse_other_names(shards)
        for path in {(self.bench.dataset / shard.path).parent for shard in shards}:
            path.mkdir(parents=True, exist_ok=True)
        self.progress.shards_total = len(shards)
        found: dict[int, Sequence[FileEntry]] = {}
        numbers = {shard: number for number, shard in enumerate(shards)}
        for job, entries in self._carried([WriteShard(shard) for shard in shards]):
            assert isinstance(job, WriteShard)
            found[numbers[job.shard]] = entries
            self.progress.shards_done += 1
            self.listener(self.progress)
        files = [entry for number in sorted(found) for entry in found[number]]
        written = [Written(entry.path, entry.rows) for entry in files]
        described = recipe.format.finish(self.bench.dataset, target, written)
        return files + [FileEntry.of(self.bench.dataset, name) for name in described]
