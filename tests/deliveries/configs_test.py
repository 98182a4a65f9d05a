#!/usr/bin/env python3
"""Every file of configs/ runs as it is, with a terminal, sockets and files as its devices."""

import os
import socket
import subprocess
import tempfile
import tty
import unittest

import support

KNOWN = support.arguments_of_test()
KIFA = KNOWN.kifa
CONFIGS = support.ROOT / "configs"
RECEIPTS = support.ROOT / "tests/data/receipts"


class Configs(unittest.TestCase):
    def setUp(self):
        folder = support.Folder(KNOWN.build)
        self.addCleanup(folder.cleanup)
        self.folder = folder.path
        self.data = self.folder / "data"

    def run_daemon(self, name, **variables):
        surroundings = {"KIFA_DATA_DIR": str(self.data), **variables}
        return support.Daemon([KIFA, "run", CONFIGS / name], self.data, surroundings)

    def stored(self):
        return support.records_of(KIFA, self.data)

    def test_every_file_is_found_right_as_it_is_shipped(self):
        files = sorted(CONFIGS.glob("*.yaml"))
        self.assertGreaterEqual({file.stem for file in files},
                                {"minimal", "pos-terminal", "agent-gateway", "service"})
        for file in files:
            with self.subTest(file=file.name):
                self.assertRegex(support.output_of([KIFA, "check", file]), r": ok \(.*\)\n$")

    def test_minimal_stores_the_lines_of_its_input(self):
        surroundings = support.environment({"KIFA_DATA_DIR": str(self.data)})
        run = subprocess.run([KIFA, "run", CONFIGS / "minimal.yaml"], env=surroundings,
                             input=b"bread 500\nmilk 700\n", capture_output=True, check=False,
                             timeout=support.PATIENCE_SECONDS)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertEqual([record["data"] for record in self.stored()], ["bread 500", "milk 700"])

    def test_a_till_keeps_receipts_and_what_its_application_writes(self):
        till, printer = os.openpty()
        self.addCleanup(os.close, till)
        self.addCleanup(os.close, printer)
        tty.setraw(printer)
        logs = self.folder / "log"
        logs.mkdir()
        (logs / "pos.log").write_text("DEBUG tick\nsale 1 begins\n")
        with self.run_daemon("pos-terminal.yaml", PRINTER=os.ttyname(printer),
                             POS_LOGS=str(logs)) as kifa:
            kifa.wait_for_durable(1)
            kifa.wait_for_words("is open with")
            receipts = [(RECEIPTS / name).read_bytes()
                        for name in ("receipt.bin", "formatting.bin")]
            for receipt in receipts:
                os.write(till, receipt)
            kifa.wait_for_durable(3)
            with open(logs / "pos.log", "a", encoding="utf-8") as log:
                log.write("sale 1 ends\n")
            kifa.wait_for_durable(4)
            kifa.stop()
        stored = self.stored()
        self.assertEqual([record["source"] for record in stored],
                         ["app", "printer", "printer", "app"])
        self.assertEqual([stored[0]["data"], stored[3]["data"]], ["sale 1 begins", "sale 1 ends"])
        raw = [record.get("data", "") for record in stored[1:3]]
        for text, receipt in zip(raw, receipts):
            self.assertEqual(text.encode("utf-8"), receipt)

    def test_an_agents_gateway_takes_lines_datagrams_and_a_file(self):
        logs = self.folder / "log"
        logs.mkdir()
        with self.run_daemon("agent-gateway.yaml", GATEWAY_TCP="127.0.0.1:0",
                             GATEWAY_UDP="127.0.0.1:0", AGENT_LOGS=str(logs)) as kifa:
            with socket.create_connection(("127.0.0.1", kifa.port("tcp"))) as phone:
                phone.settimeout(support.PATIENCE_SECONDS)
                answers = phone.makefile("rb")
                phone.sendall(b'{"txn":"TXN-001","amount":5000}\n')
                self.assertEqual(answers.readline(), b"OK 1\n")
                phone.sendall(b"x" * 70_000 + b"\n")
                self.assertRegex(answers.readline(), rb"^ERR .*\n$")
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as modem:
                modem.sendto(b"<30>modem: signal -71 dBm\n", ("127.0.0.1", kifa.port("udp")))
            kifa.wait_for_durable(2)
            (logs / "agent.log").write_text("float low\n")
            kifa.wait_for_durable(3)
            kifa.stop()
        self.assertEqual(
            [(record["pipeline"], record["source"], record["data"]) for record in self.stored()],
            [("transactions", "phones", '{"txn":"TXN-001","amount":5000}'),
             ("network", "modems", "<30>modem: signal -71 dBm\n"),
             ("network", "app", "float low")])

    def test_the_file_of_the_service_takes_lines_at_a_unix_socket(self):
        short = tempfile.TemporaryDirectory()  # the path of a socket has 107 bytes at most
        self.addCleanup(short.cleanup)
        run = {"STATE_DIRECTORY": str(self.data), "RUNTIME_DIRECTORY": short.name}
        address = f"{short.name}/lines.sock"
        with self.run_daemon("service.yaml", **run) as kifa:
            with socket.socket(socket.AF_UNIX) as program:
                program.settimeout(support.PATIENCE_SECONDS)
                support.wait_until(lambda: kifa.is_alive() and connects(program, address),
                                   "the socket listens")
                program.sendall(b"a sale\n")
                self.assertEqual(program.recv(100), b"OK 1\n")
            kifa.stop()
        self.assertEqual([record["data"] for record in self.stored()], ["a sale"])


def connects(program, address):
    try:
        program.connect(address)
    except (FileNotFoundError, ConnectionRefusedError):
        return False
    return True


if __name__ == "__main__":
    support.main()
