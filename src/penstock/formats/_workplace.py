"""Where a dataset is made of others: hidden beside its place, by one process at a time."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from penstock.errors import ConflictError
from penstock.files import staging_path, sync


@dataclass(frozen=True)
class Workplace:
    """`directory` is empty; what is made there under the names of `finals` is published in order.

    The last of them makes the dataset whole.
    """

    directory: Path
    finals: Sequence[Path]

    @property
    def mark(self) -> Path:
        """The file that stands while things are published."""
        return self.directory.with_name("publishing")

    def publish(self) -> None:
        """Give everything its name; when that fails, nothing has it."""
        sync(self.directory)
        self.mark.touch()
        sync(self.mark.parent)
        moved: list[Path] = []
        try:
            for final in self.finals:
                (self.directory / final.name).rename(final)
                moved.append(final)
        except BaseException:
            for final in moved:
                final.rename(self.directory / final.name)
            raise
        sync(self.finals[-1].parent)

    def clear(self) -> None:
        """Empty the directory.

        What a process that was killed had published of a dataset is removed; raises ConflictError
        for anything else that stands in its place.
        """
        for final in reversed(self.finals):
            if not final.exists() and not final.is_symlink():
                continue
            ours = self.mark.is_file() and not (self.directory / final.name).exists()
            if not ours or final == self.finals[-1]:
                raise ConflictError(f"{final} is there already; remove it or choose another output")
            final.unlink()
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir()


@contextmanager
def workplace(output: Path, finals: Sequence[Path]) -> Iterator[Workplace]:
    """Yield the place where `finals`, which lie beside `output`, are made; it goes with the block.

    Raises ConflictError where one of them is there, and where another process makes them.
    """
    work = staging_path(output)
    work.mkdir(parents=True, exist_ok=True)
    lock = FileLock(work / "lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ConflictError(
            f"{output}: another process is making it; wait for it, or stop it"
        ) from None
    place = Workplace(work / "merged", finals)
    try:
        place.clear()
        yield place
    finally:
        shutil.rmtree(place.directory, ignore_errors=True)
        place.mark.unlink(missing_ok=True)
        (work / "lock").unlink(missing_ok=True)
        with suppress(OSError):  # a build that was interrupted has its parts there
            work.rmdir()
        lock.release()
