#!/usr/bin/env python3
"""Measures how fast `kifa query` gives a store back in each format, and prints one table.

A store of generated transactions of 200 bytes is made once (its times lie 60 ms apart, so that a
minute has 1,000 of them) and read into /dev/null: by every format in turn, several rounds, from the
page cache; then from the disk, after the kernel was told to forget the files. GB/s are of payload,
a billion bytes a second; the best round counts, for other work on the machine only takes away. What
it is compared with is the reading of the same files from end to end, in the same run. Ranges are
measured with the start and the end of the process.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

RECORD_BYTES = 200
APART_MS = 60
RANGE_RECORDS = 1000
RANGE_RUNS = 20
MEMORY_MIB_MAX = 32
FORMATS = [
    ("text, raw without prefix", ["text", "raw=true", "prefix=false"], "at least 1 GB/s"),
    ("text", ["text"], ""),
    ("text, exact", ["text", "exact=true"], ""),
    ("json", ["json"], "at least 1 GB/s"),
    ("json, embed", ["json", "embed=true"], ""),
    ("csv", ["csv"], ""),
    ("hex", ["hex"], ""),
    ("hex, dump", ["hex", "layout=dump"], ""),
]


@dataclasses.dataclass
class Run:
    seconds: float
    cpu_seconds: float
    peak_mib: float


def run(command):
    """Runs a command into /dev/null."""
    with open(os.devnull, "r+b") as null:
        started = time.monotonic()
        process = subprocess.Popen(command, stdin=null, stdout=null)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"formats.py: {' '.join(map(str, command))} ended with "
                         f"{process.returncode}")
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def output_of(command):
    return subprocess.run(command, check=True, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL).stdout


class Bench:
    """A store and what is asked of it."""

    def __init__(self, arguments, data):
        self.arguments = arguments
        self.data = data
        self.payload = arguments.records * RECORD_BYTES

    def query(self, form, *more):
        command = [self.arguments.kifa, "query", "-d", self.data, "--format", form[0]]
        for option in form[1:]:
            command += ["--format-option", option]
        return command + list(more)

    def files(self):
        return sorted(self.data.glob("table-*")) + sorted(self.data.glob("wal-*"))

    def read_files(self):
        """Bytes a second of reading all files of the store from end to end."""
        bytes_read = 0
        buffer = bytearray(1 << 20)
        started = time.monotonic()
        for path in self.files():
            with open(path, "rb", buffering=0) as file:
                while count := file.readinto(buffer):
                    bytes_read += count
        return bytes_read / (time.monotonic() - started)

    def forget_files(self):
        for path in self.files():
            descriptor = os.open(path, os.O_RDONLY)
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)

    @staticmethod
    def show(what, value, note="", goal=""):
        print(f"{what:<46}{value:>14}{note:>30}  {goal}", flush=True)

    def scans(self):
        best_raw = max(self.read_files() for _ in range(3))
        self.show("the files, read from end to end", f"{best_raw / 1e9:.2f} GB/s", "of the files")
        runs = {what: [] for what, _, _ in FORMATS}
        for _ in range(self.arguments.rounds):
            for what, form, _ in FORMATS:
                runs[what].append(run(self.query(form)))
        for what, _, goal in FORMATS:
            best = min(runs[what], key=lambda one: one.seconds)
            rate = self.payload / best.seconds / 1e9
            self.show(what, f"{rate:.2f} GB/s", f"{best.cpu_seconds:.2f} s of processor", goal)
        peak = max(one.peak_mib for of_form in runs.values() for one in of_form)
        self.show("most resident memory of any", f"{peak:.0f} MiB", "", f"under {MEMORY_MIB_MAX}")

    def cold(self):
        rates = []
        raw_rates = []
        for _ in range(self.arguments.rounds):
            self.forget_files()
            raw_rates.append(self.read_files())
            self.forget_files()
            rates.append(self.payload / run(self.query(FORMATS[0][1])).seconds)
        self.show("cold: the files, read from end to end", f"{max(raw_rates) / 1e9:.2f} GB/s",
                  "of the files")
        ratio = max(rates) / max(raw_rates)
        self.show(f"cold: {FORMATS[0][0]}", f"{max(rates) / 1e9:.2f} GB/s",
                  f"{ratio:.2f} of that", "at least 0.5")

    def small(self):
        """What is asked for most: a little out of much, beside a daemon."""
        daemon = subprocess.Popen([self.arguments.kifa, "daemon", "--stdin", "-d", self.data],
                                  stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL)
        try:
            while not self.is_live():
                if daemon.poll() is not None:
                    raise SystemExit("formats.py: the daemon has ended")
                time.sleep(0.05)
            self.ranges()
        finally:
            daemon.stdin.close()
            daemon.wait()
        self.show_time("the records by LSN, without a daemon", self.by_lsn(), "")

    def is_live(self):
        stats = json.loads(output_of([self.arguments.kifa, "stats", "-d", self.data, "--json"]))
        return stats["live"]

    def bounds(self):
        first = max(1, self.arguments.records // 2)
        return first, min(self.arguments.records, first + RANGE_RECORDS - 1)

    def by_lsn(self):
        first, last = self.bounds()
        return self.query(["text"], "--from-lsn", str(first), "--to-lsn", str(last))

    def ranges(self):
        first, last = self.bounds()
        self.show_time("kifa --version", [self.arguments.kifa, "--version"], "")
        self.show_time(f"{last - first + 1:,} records by LSN", self.by_lsn(), "under 10 ms")
        if "--from-time" not in output_of([self.arguments.kifa, "query", "--help"]):
            self.show("a minute by time", "-", "query has no --from-time")
            return
        times = output_of(self.query(["text", "template={timestamp}"], "--from-lsn", str(first),
                                     "--to-lsn", str(last))).split()
        self.show_time("a minute by time",
                       self.query(["text"], "--from-time", times[0], "--to-time", times[-1]),
                       "under 10 ms")

    def show_time(self, what, command, goal):
        runs = [run(command) for _ in range(RANGE_RUNS)]
        median = statistics.median(one.seconds for one in runs)
        best = min(one.seconds for one in runs)
        self.show(what, f"{median * 1000:.1f} ms", f"median; best {best * 1000:.1f} ms", goal)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kifa", type=pathlib.Path, required=True, help="the program kifa")
    parser.add_argument("--make-store", type=pathlib.Path, required=True,
                        help="the program kifa-make-store")
    parser.add_argument("--dir", type=pathlib.Path, default=pathlib.Path("."),
                        help="folder to measure in; default: .")
    parser.add_argument("--records", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    if arguments.records < 1 or arguments.rounds < 1:
        parser.error("--records and --rounds are at least 1")
    for name in ("kifa", "make_store", "dir"):
        setattr(arguments, name, getattr(arguments, name).resolve())
    folder = pathlib.Path(tempfile.mkdtemp(dir=arguments.dir, prefix="kifa-formats-bench-"))
    try:
        subprocess.run([arguments.make_store, folder / "data", str(arguments.records),
                        str(APART_MS)], check=True)
        bench = Bench(arguments, folder / "data")
        size = sum(path.stat().st_size for path in bench.files())
        print(f"{arguments.records:,} generated transactions of {RECORD_BYTES} bytes, "
              f"{size / 2**20:,.0f} MiB of files; {arguments.rounds} rounds, "
              "kifa query into /dev/null\n")
        bench.scans()
        bench.cold()
        bench.small()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
