"""What the tests of the deliveries share: programs that are started, waited for and looked at."""

import argparse
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 60
SIGTERM_EXIT_CODE = 143


def absolute(path):
    return pathlib.Path(path).resolve()


def arguments_of_test():
    """--kifa and --build, which every test gets; the rest is unittest's."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kifa", type=absolute)
    parser.add_argument("--build", type=absolute, required=True)
    known, rest = parser.parse_known_args()
    sys.argv[1:] = rest
    return known


def environment(more=None):
    """The environment without any KIFA_* variable, and with `more`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KIFA_")}
    return {**kept, **(more or {})}


def output_of(command, **more):
    """What `command` prints; it has to succeed."""
    run = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, timeout=PATIENCE_SECONDS, check=False,
                         **{"env": environment(), "stdin": subprocess.DEVNULL, **more})
    if run.returncode != 0:
        raise AssertionError(f"{command} ended with {run.returncode}: {run.stderr.decode()}")
    return run.stdout.decode()


def wait_until(condition, what):
    """Looks until `condition` gives something true, and gives it."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError(f"in {PATIENCE_SECONDS} seconds not: {what}")


class Folder(tempfile.TemporaryDirectory):
    """A folder in the build tree: /tmp may be memory, which kifa warns about."""

    def __init__(self, build):
        super().__init__(dir=build, prefix="delivery-")
        self.path = pathlib.Path(self.name)


class Daemon:
    """A kifa that runs until it is told to end; always used in a `with`."""

    def __init__(self, command, data, more_environment=None):
        self.data = data
        self._kifa = command[0]
        self._said = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=self._said, env=environment(more_environment))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()
        self._said.close()

    def said(self):
        """All that it has written to standard error."""
        return os.pread(self._said.fileno(), 1 << 20, 0).decode()

    def is_alive(self):
        if self._process.poll() is not None:
            raise AssertionError(f"kifa ended with {self._process.returncode}: {self.said()}")
        return True

    def wait_for_words(self, words):
        wait_until(lambda: self.is_alive() and words in self.said(), words)

    def port(self, protocol):
        """The port that it listens at over `protocol` (tcp or udp), once it does."""
        return wait_until(lambda: self.is_alive() and self._port_now(protocol),
                          f"a port of {protocol}")

    def _port_now(self, protocol):
        own = set()
        for link in pathlib.Path(f"/proc/{self._process.pid}/fd").iterdir():
            try:
                own.update(re.findall(r"^socket:\[(\d+)\]$", os.readlink(link)))
            except FileNotFoundError:
                continue  # closed meanwhile
        listening = {"tcp": "0A", "udp": "07"}[protocol]
        table = pathlib.Path(f"/proc/{self._process.pid}/net/{protocol}").read_text()
        for line in table.splitlines()[1:]:
            fields = line.split()
            if fields[9] in own and fields[3] == listening:
                return int(fields[1].split(":")[1], 16)
        return None

    def wait_for_durable(self, count):
        wait_until(lambda: self.is_alive() and self.durable() >= count, f"{count} records durable")

    def durable(self):
        run = subprocess.run([self._kifa, "stats", "-d", self.data, "--json"], env=environment(),
                             capture_output=True, timeout=PATIENCE_SECONDS, check=False)
        return json.loads(run.stdout)["durable_lsn"] if run.returncode == 0 else 0

    def stop(self):
        """Ends it with SIGTERM, as systemd does, and gives what it said."""
        self._process.send_signal(signal.SIGTERM)
        if self._process.wait(timeout=PATIENCE_SECONDS) != SIGTERM_EXIT_CODE:
            raise AssertionError(f"exit code {self._process.returncode}: {self.said()}")
        return self.said()


def records_of(kifa, data):
    """The records of a store as JSON objects, in their order."""
    text = output_of([kifa, "query", "-d", data, "--format", "json"])
    return [json.loads(line) for line in text.splitlines()]


def main():
    unittest.main(argv=[sys.argv[0], "--verbose", *sys.argv[1:]])
