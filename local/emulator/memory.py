"""When the emulator's memory is written, when it is read, and what is known to be lost."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import threading
import time
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from local.emulator import backends, snapshot
from local.emulator.journal import Journal, boot_id, new_generation

if TYPE_CHECKING:
    from pathlib import Path

SETTLE_SECONDS = 2.0
"""Quiet time after the last change before a snapshot is taken."""
PATIENCE_SECONDS = 15.0
"""Longest time that a change waits for a snapshot, however busy the emulator is."""
WRITE_SECONDS = 120.0
"""A writer that takes longer hangs, and is replaced by one that writes in the foreground."""
SET_ASIDE = 3
"""How many snapshots that could not be believed are kept for a look."""
PR_SET_PDEATHSIG = 1


class Recollection(StrEnum):
    """How much of the memory the emulator started with."""

    EMPTY = "empty"
    """There was nothing to remember."""
    KEPT = "kept"
    """Everything is as it was."""
    PARTLY_LOST = "partly lost"
    """Changes after the last snapshot, or a service that can't be kept, are gone."""
    LOST = "lost"
    """There was something, and nothing of it could be had back."""


@dataclass
class Report:
    """What happened at the start, for `make status`.

    Attributes:
        generation: identity of the memory; it changes whenever something was lost.
        recollection: how much came back.
        detail: a sentence for a person; empty where nothing is to be said.
        restored: services that came back.
        lost_changes: changing requests that are gone; -1 where their number can't be known.
        excluded: services that the last snapshot could not hold, with the reason.
        started: seconds since the epoch.
    """

    generation: str
    recollection: Recollection
    detail: str = ""
    restored: tuple[str, ...] = ()
    lost_changes: int = 0
    excluded: dict[str, str] = field(default_factory=dict)
    started: float = field(default_factory=time.time)


class Memory:
    """Keeps the backends on disk. `lock` is held by whoever changes or copies them."""

    def __init__(self, folder: Path, settle: float = SETTLE_SECONDS) -> None:
        self._settle = settle
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = folder / "memory"
        self._journal = Journal(folder / "journal")
        self.lock = threading.Lock()
        self._counting = threading.Lock()
        self._changed = threading.Event()
        self._closing = threading.Event()
        self._last_change = 0.0
        self._first_change = 0.0
        self._saved_sequence = self._journal.sequence
        self._saved_at = 0.0
        self._saved_bytes = 0
        self._save_seconds = 0.0
        self._thread = threading.Thread(target=self._save_when_settled, name="memory", daemon=True)
        self.report = self._recall()

    def start(self) -> None:
        """Begin to save in the background."""
        self._thread.start()

    def changed(self) -> None:
        """Note, before it happens, that a request may change something."""
        with self._counting:
            now = time.monotonic()
            if self._journal.count() == self._saved_sequence + 1:
                self._first_change = now
            self._last_change = now
        self._changed.set()

    def close(self) -> None:
        """Write the last snapshot; call it when no request is served any more."""
        self._closing.set()
        self._changed.set()
        if self._thread.is_alive():
            self._thread.join(WRITE_SECONDS)
        with self.lock:
            self._write(self._journal.sequence, final=True)
        self._saved(self._journal.sequence)
        self._journal.close()

    def health(self) -> dict[str, object]:
        """The report, and the age of what is on disk."""
        unsaved = self._journal.sequence - self._saved_sequence
        return {
            **asdict(self.report),
            "changes": self._journal.sequence,
            "snapshot": {
                "age_seconds": round(time.time() - self._saved_at, 3) if self._saved_at else None,
                "bytes": self._saved_bytes,
                "seconds": round(self._save_seconds, 3),
                "unsaved_changes": unsaved,
            },
        }

    # At the start

    def _recall(self) -> Report:
        counted = self._journal
        try:
            header, payload = snapshot.read(self._path)
            restored = backends.restore(payload)
        except FileNotFoundError:
            if counted.sequence == 0:
                return self._begin(Report(new_generation(), Recollection.EMPTY), 0)
            detail = f"there is no snapshot, and {counted.sequence} changes had been made"
            report = Report(new_generation(), Recollection.LOST, detail, lost_changes=counted.sequence)
            return self._begin(report, counted.sequence)
        except Exception as error:  # noqa: BLE001 - whatever a damaged memory raises, the emulator starts empty and says so
            detail = f"the snapshot could not be believed ({error}); it is set aside as {self._set_aside()}"
            report = Report(new_generation(), Recollection.LOST, detail, lost_changes=counted.sequence)
            return self._begin(report, counted.sequence)
        self._saved_at, self._saved_bytes = header.written, len(payload)
        gone = counted.sequence - header.sequence
        same_boot = header.boot == counted.boot == boot_id()
        known = counted.generation == header.generation and (same_boot or header.final)
        if known and gone == 0 and not header.excluded:
            report = Report(header.generation, Recollection.KEPT, restored=restored)
            return self._begin(report, header.sequence, unsaved=False)
        reasons = [f"{name} can't be kept" for name in header.excluded]
        if not known:
            gone = -1
            reasons.append(
                "the machine or the emulator ended before the last changes were known to be written"
            )
        elif gone:
            reasons.append(f"{gone} changes came after the last snapshot")
        report = Report(
            new_generation(),
            Recollection.PARTLY_LOST,
            "; ".join(reasons),
            restored=restored,
            lost_changes=gone,
            excluded=header.excluded,
        )
        return self._begin(report, max(header.sequence, counted.sequence))

    def _begin(self, report: Report, sequence: int, *, unsaved: bool = True) -> Report:
        """Count on; a new generation has to reach the disk, so it counts as a change itself."""
        backends.stop_tracking()
        self._journal.begin(report.generation, sequence)
        self._saved_sequence = sequence
        if unsaved and report.recollection is not Recollection.EMPTY:
            self.changed()
        if report.detail:
            print(f"memory: {report.recollection}: {report.detail}", file=sys.stderr, flush=True)  # noqa: T201 - its log
        return report

    def _set_aside(self) -> str:
        aside = self._path.with_name(f"memory.refused-{time.time_ns()}")
        with contextlib.suppress(FileNotFoundError):
            self._path.rename(aside)
        for old in sorted(self._path.parent.glob("memory.refused-*"))[:-SET_ASIDE]:
            old.unlink()
        return aside.name

    # While it runs

    def _save_when_settled(self) -> None:
        while not self._closing.is_set():
            self._changed.wait()
            if self._closing.is_set():
                return
            now = time.monotonic()
            due = min(self._last_change + self._settle, self._first_change + PATIENCE_SECONDS)
            if now < due:
                self._closing.wait(due - now)
                continue
            self._changed.clear()
            try:
                self._save()
            except OSError as error:
                print(f"memory: not saved: {error}; trying again", file=sys.stderr, flush=True)  # noqa: T201 - its log
                self._first_change = self._last_change = time.monotonic()
                self._changed.set()

    def _save(self) -> None:
        """Copy the process and let the copy write, so that no request waits for the disk."""
        began = time.monotonic()
        with self.lock:
            sequence = self._journal.sequence
            writer = os.fork()
            if writer == 0:
                self._write_and_leave(sequence)
            backends.stop_tracking()
        if not self._finished(writer):
            with self.lock:
                sequence = self._journal.sequence
                self._write(sequence, final=False)
        self._save_seconds = time.monotonic() - began
        self._saved(sequence)

    def _write_and_leave(self, sequence: int) -> None:
        """Body of the forked writer; it never returns, and it does not outlive the emulator."""
        status = 1
        try:
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.closerange(3, 65536)  # above all the listening socket, which a successor will want
            self._write(sequence, final=False)
            status = 0
        finally:
            os._exit(status)

    def _finished(self, writer: int) -> bool:
        deadline = time.monotonic() + WRITE_SECONDS
        while time.monotonic() < deadline:
            done, status = os.waitpid(writer, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status) == 0
            time.sleep(0.02)
        os.kill(writer, signal.SIGKILL)
        os.waitpid(writer, 0)
        return False

    def _write(self, sequence: int, *, final: bool) -> None:
        kept = backends.keep()
        header = snapshot.Header(
            generation=self.report.generation,
            sequence=sequence,
            boot=boot_id(),
            final=final,
            written=time.time(),
            excluded=kept.excluded,
            runtime=snapshot.runtime(),
        )
        snapshot.write(self._path, header, kept.payload)

    def _saved(self, sequence: int) -> None:
        with contextlib.suppress(OSError):
            status = self._path.stat()
            self._saved_at, self._saved_bytes = status.st_mtime, status.st_size
        with self._counting:
            self._saved_sequence = sequence
            if self._journal.sequence > sequence:
                self._first_change = time.monotonic()
                self._changed.set()
