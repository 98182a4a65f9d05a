#!/usr/bin/env python3
"""kifa check --probe: what a run would find in its way, without anything being left or changed."""

import os
import pty
import socket

import kifa_program
from kifa_program import subprocess


class Probe(kifa_program.Case):
    def config(self, sources, store="data_dir: data"):
        return self.write("shop.yaml", f"version: 1\nstore: {{{store}}}\npipelines:\n  till:\n"
                          "    sources:\n" + "".join(f"      {line}\n" for line in sources)
                          + "    sinks: {journal: {type: kifa}}\n")

    def names(self):
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*"))

    def test_what_can_be_opened_is_opened_and_nothing_is_left(self):
        controller, device = pty.openpty()
        self.addCleanup(os.close, controller)
        self.addCleanup(os.close, device)
        log = self.write("pos.log", "a line\n")
        path = self.config(["tcp: {type: tcp, address: ['127.0.0.1:0', 'unix:%s']}"
                            % (self.folder / "till.socket"),
                            "udp: {type: udp, address: ['127.0.0.1:0']}",
                            f"port: {{type: serial, device: {os.ttyname(device)}}}",
                            f"log: {{type: file, include: ['{log}']}}",
                            "in: {type: stdin}"])
        before = self.names()
        self.assertEqual(self.kifa("check", "--probe", path),
                         f"{path}: ok (1 pipeline, 5 sources, 1 sink)\n")
        self.assertEqual(self.names(), before)  # no store, no socket

    def test_everything_that_fails_is_told(self):
        taken = socket.socket()
        self.addCleanup(taken.close)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        path = self.config([f"tcp: {{type: tcp, address: ['127.0.0.1:{port}']}}",
                            "port: {type: serial, device: /dev/no-such-port}",
                            "udp: {type: udp, address: ['127.0.0.1:0']}"], "data_dir: /dev/null/d")
        self.kifa("check", path)  # without a probe it is a good file
        run = self.run_kifa("check", "--probe", path)
        said = run.stderr.decode().splitlines()
        self.assertEqual(len(said), 3, said)
        self.assertIn("till/tcp", said[0])
        self.assertIn("ddress already in use", said[0])
        self.assertIn("/dev/no-such-port", said[1])
        self.assertIn("/dev/null", said[2])
        self.assertTrue(all(line.startswith(path + ": till/") for line in said), said)
        self.assertIn(run.returncode, (69, 74))
        self.assertEqual(run.stdout, b"")

    def test_a_store_in_use_is_told(self):
        path = self.config(["tcp: {type: tcp, address: ['127.0.0.1:0']}"])
        running = self.start("run", path)
        running.wait_for("listening")
        self.refuse(69, "is in use: another kifa writes it", "check", "--probe", path)
        self.assertEqual(running.stop(), 143)
        before = self.names()
        self.kifa("check", "--probe", path)
        self.assertEqual(self.names(), before)

    def test_a_store_may_be_there_and_a_folder_that_cannot_hold_one_is_told(self):
        path = self.config(["in: {type: stdin}"], "data_dir: data, segment_size_mib: 16")
        self.kifa("run", path, given=b"a line\n")
        self.kifa("check", "--probe", path)
        nowhere = self.config(["in: {type: stdin}"], "data_dir: /proc/self/d")
        self.assertNotEqual(self.run_kifa("check", "--probe", nowhere).returncode, 0)
        file = self.config(["in: {type: stdin}"], f"data_dir: {path}")
        self.refuse(74, f"{path} is not a directory", "check", "--probe", file)

    def test_a_folder_that_is_not_ours_is_told(self):
        if os.geteuid() != 0:
            self.skipTest("only root may become somebody else")
        path = self.config(["in: {type: stdin}"])
        self.folder.chmod(0o755)
        run = subprocess.run([kifa_program.program, "check", "--probe", path], user=65534,
                             group=65534, extra_groups=[], capture_output=True, text=True,
                             env=kifa_program.environment({}), check=False)
        self.assertEqual(run.returncode, 74, run.stderr)
        self.assertIn(f"the data directory {self.folder}/data cannot be made in {self.folder}: "
                      "Permission denied", run.stderr)


if __name__ == "__main__":
    kifa_program.main()
