"""Runs kifa for the tests of this folder."""

import argparse
import importlib.util
import json
import os
import pathlib
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
import unittest

SOURCE = pathlib.Path(__file__).resolve().parents[2]
PATIENCE = 60  # seconds until a test gives up on a process

# The packages of Debian belong to Debian's interpreter, which need not be the first one.
DEBIAN_PYTHON = "/usr/bin/python3"
NEEDED = ("yaml", "jsonschema")

program = ""
build = ""


def main():
    """To be called by each test file."""
    if not all(importlib.util.find_spec(name) for name in NEEDED):
        if os.path.realpath(sys.executable) == os.path.realpath(DEBIAN_PYTHON):
            sys.exit(f"the Python packages {', '.join(NEEDED)} are missing: "
                     "apt-get install python3-yaml python3-jsonschema")
        os.execv(DEBIAN_PYTHON, [DEBIAN_PYTHON, "-B", *sys.argv])
    global program, build
    parser = argparse.ArgumentParser()
    parser.add_argument("--kifa", required=True)
    parser.add_argument("--build", required=True)
    arguments, rest = parser.parse_known_args()
    program, build = os.path.abspath(arguments.kifa), os.path.abspath(arguments.build)
    unittest.main(module="__main__", argv=[sys.argv[0], *rest])


def environment(variables):
    clean = {name: value for name, value in os.environ.items()
             if not name.startswith("KIFA_") and name not in ("JOURNAL_STREAM", "NOTIFY_SOCKET")}
    clean.update(variables)
    return clean


class Running:
    """A kifa that runs; its messages are gathered while something is waited for."""

    def __init__(self, arguments, variables, cwd, preexec):
        self.process = subprocess.Popen([program, *arguments], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        env=environment(variables), cwd=cwd,
                                        preexec_fn=preexec)
        self.err = ""

    def wait_for(self, pattern, count=1):
        """Until the messages contain `pattern` so many times; returns the last match."""
        until = time.monotonic() + PATIENCE
        while True:
            found = list(re.finditer(pattern, self.err))
            if len(found) >= count:
                return found[count - 1]
            ready, _, _ = select.select([self.process.stderr], [], [], until - time.monotonic())
            piece = os.read(self.process.stderr.fileno(), 65536) if ready else b""
            if not piece:
                raise AssertionError(f"kifa never said {pattern!r} {count} times:\n{self.err}")
            self.err += piece.decode()

    def send(self, number):
        self.process.send_signal(number)

    def stop(self, number=signal.SIGTERM):
        """The exit code; what is said until then is added to `err`."""
        self.send(number)
        return self.end()

    def end(self):
        _, err = self.process.communicate(timeout=PATIENCE)
        self.err += err.decode()
        return self.process.returncode

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


class Case(unittest.TestCase):
    """A test with a folder of its own, which is the working directory of what it runs."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kifa-test-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def run_kifa(self, *arguments, given=b"", **variables):
        return subprocess.run([program, *arguments], input=given, capture_output=True,
                              env=environment(variables), cwd=self.folder, timeout=PATIENCE,
                              check=False)

    def kifa(self, *arguments, given=b"", **variables):
        """What kifa prints, after requiring success."""
        run = self.run_kifa(*arguments, given=given, **variables)
        self.assertEqual(run.returncode, 0, run.stderr.decode())
        return run.stdout.decode()

    def refuse(self, code, words, *arguments, **variables):
        """Requires that kifa fails with this code and says these words."""
        run = self.run_kifa(*arguments, **variables)
        self.assertEqual(run.returncode, code, run.stderr.decode())
        self.assertIn(words, run.stderr.decode())
        return run

    def start(self, *arguments, preexec=None, **variables):
        running = Running(arguments, variables, self.folder, preexec)
        self.addCleanup(running.kill)
        return running

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    def stored(self, directory):
        """The payloads of a store, in their order."""
        printed = self.kifa("query", "-d", directory, "--format", "json")
        return [json.loads(line)["data"] for line in printed.splitlines()]
