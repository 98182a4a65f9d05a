#!/usr/bin/env python3
"""SIGHUP: what has not changed goes on, what has changed is replaced, and no record is lost."""

import json
import os
import signal
import socket
import threading
import time

import kifa_program

SINK = "    sinks: {journal: {type: kifa}}\n"
LINES = int(os.environ.get("KIFA_RELOAD_LINES", "3000"))


def till(sources, more="", store="data_dir: data"):
    return (f"version: 1\nstore: {{{store}}}\npipelines:\n  till:\n    sources:\n"
            + "".join(f"      {line}\n" for line in sources) + more + SINK)


class Till(threading.Thread):
    """A till that sends numbered lines, each after the answer to the one before it.

    What has no answer when its connection ends is sent again by another connection.
    """

    def __init__(self, path):
        super().__init__(daemon=True)
        self.path = path
        self.enough = threading.Event()
        self.acknowledged = 0
        self.connections = 0
        self.failure = None

    def run(self):
        try:
            until = time.monotonic() + kifa_program.PATIENCE
            while not self.enough.is_set() and time.monotonic() < until:
                self.connect()
        except Exception as failure:  # told by the test
            self.failure = failure

    def connect(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(kifa_program.PATIENCE)
            try:
                connection.connect(self.path)
                self.connections += 1
                with connection.makefile("rb") as answers:
                    while not self.enough.is_set():
                        connection.sendall(f"line {self.acknowledged}\n".encode())
                        answer = answers.readline()
                        if not answer.startswith(b"OK "):
                            if answer:
                                raise AssertionError(f"answered {answer!r}")
                            return
                        self.acknowledged += 1
            except (ConnectionError, FileNotFoundError):
                return

    def wait_for(self, count):
        until = time.monotonic() + kifa_program.PATIENCE
        while self.acknowledged < count and self.is_alive() and time.monotonic() < until:
            self.enough.wait(0.001)
        return self.acknowledged >= count

    def end(self):
        self.enough.set()
        self.join(kifa_program.PATIENCE)
        if self.failure:
            raise self.failure


class Reload(kifa_program.Case):
    def setUp(self):
        super().setUp()
        self.socket = str(self.folder / "till.socket")
        self.app = f"app: {{type: tcp, address: ['unix:{self.socket}'], ack: line}}"

    def begin(self, text, *arguments, **variables):
        self.config = self.write("shop.yaml", text)
        running = self.start(*(arguments or ("run", self.config)), **variables)
        running.wait_for(r"listening")
        return running

    def reload(self, running, text, said=r"the new configuration runs \(reload {}\)", count=1):
        self.write("shop.yaml", text)
        running.send(signal.SIGHUP)
        return running.wait_for(said.format(count))

    def require_numbered(self, till_count, lines=None):
        """Every acknowledged line is stored, in order; one that was sent again may stand twice."""
        stored = [int(line.split()[1]) for line in (lines or self.stored("data"))
                  if line.startswith("line ")]
        self.assertEqual(stored, sorted(stored))
        self.assertEqual(sorted(set(stored))[:till_count], list(range(till_count)))
        return stored

    def test_a_source_that_has_not_changed_keeps_its_connection_through_many_reloads(self):
        other = ["other: {type: tcp, address: ['127.0.0.1:0'], max_connections: %d}" % n
                 for n in range(1, 21)]
        running = self.begin(till([self.app, other[0]]))
        sender = Till(self.socket)
        sender.start()
        for count, source in enumerate(other[1:], 1):
            self.assertTrue(sender.wait_for(count * LINES // 100))
            self.reload(running, till([self.app, source]), count=count)
        self.assertTrue(sender.wait_for(LINES // 3))
        sender.end()
        self.assertEqual(sender.connections, 1)
        self.assertEqual(running.stop(), 143)
        stored = self.require_numbered(sender.acknowledged)
        self.assertEqual(len(stored), len(set(stored)))  # nothing was sent twice

    def test_a_pipeline_that_has_changed_is_replaced_without_losing_what_was_acknowledged(self):
        running = self.begin(till([self.app]))
        sender = Till(self.socket)
        sender.start()
        filters = [f"    transforms: [{{filter: {{drop: '^never {n}$'}}}}]\n" for n in range(10)]
        for count, text in enumerate(filters, 1):
            self.assertTrue(sender.wait_for(sender.acknowledged + 20))
            self.reload(running, till([self.app], text), count=count)
        self.assertTrue(sender.wait_for(sender.acknowledged + 20))
        sender.end()
        self.assertGreater(sender.connections, 1)
        self.assertEqual(running.stop(), 143)
        self.require_numbered(sender.acknowledged)

    def test_a_sender_that_never_pauses_does_not_keep_a_change_from_coming(self):
        running = self.begin(till([self.app.replace(", ack: line", "")]))
        enough = threading.Event()

        def send():
            while not enough.is_set():
                with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                    try:
                        connection.connect(self.socket)
                        while not enough.is_set():
                            connection.sendall(b"a line that comes again and again\n" * 100)
                    except OSError:
                        continue

        sender = threading.Thread(target=send, daemon=True)
        sender.start()
        begin = time.monotonic()
        self.reload(running, till([self.app.replace("line}", "none}")],
                                  "    transforms: [{filter: {drop: x}}]\n"))
        self.assertLess(time.monotonic() - begin, 30)
        enough.set()
        sender.join(kifa_program.PATIENCE)
        self.assertEqual(running.stop(), 143)

    def test_a_file_is_read_once_through_reloads_of_its_pipeline(self):
        log = self.folder / "pos.log"
        log.touch()
        source = f"log: {{type: file, include: ['{log}']}}"
        running = self.begin(till([self.app, source]))
        written = 0
        with open(log, "w", encoding="utf-8") as file:
            for count in range(1, 11):
                for _ in range(200):
                    file.write(f"line {written}\n")
                    written += 1
                file.flush()
                changed = "    transforms: [{filter: {drop: '^never %d'}}]\n" % count
                self.reload(running, till([self.app, source], changed), count=count)
            file.write(f"line {written}\n")
            written += 1
        until = time.monotonic() + kifa_program.PATIENCE
        while len(self.stored("data")) < written and time.monotonic() < until:
            pass
        self.assertEqual(running.stop(), 143)
        self.assertEqual(self.stored("data"), [f"line {n}" for n in range(written)])

    def test_a_bad_file_changes_nothing_and_says_so(self):
        good = till([self.app])
        running = self.begin(good)
        sender = Till(self.socket)
        sender.start()
        self.assertTrue(sender.wait_for(10))
        bad = (("version: 1\nstore: {data_dir: data\n", r"shop\.yaml:3:1: error"),
               (good.replace("type: tcp", "type: tpc"), r"did you mean `tcp`\?"),
               (good.replace("ack: line", "ack: shout"), r"shout"),
               (till([self.app], "    transforms: [{filter: {drop: '('}}]\n"),
                r"nothing was changed: .*missing \)"),
               ("", "empty"))
        for text, words in bad:
            self.reload(running, text, words)
            self.assertTrue(sender.wait_for(sender.acknowledged + 10))
        os.remove(self.config)
        running.send(signal.SIGHUP)
        running.wait_for("No such file")
        self.assertTrue(sender.wait_for(sender.acknowledged + 10))
        sender.end()
        self.assertEqual(sender.connections, 1)
        self.assertEqual(running.stop(), 143)
        self.require_numbered(sender.acknowledged)

    def test_sources_and_pipelines_come_and_go(self):
        running = self.begin(till([self.app]))
        second = str(self.folder / "second.socket")
        third = str(self.folder / "third.socket")
        more = f"more: {{type: tcp, address: ['unix:{second}'], ack: line}}"
        another = ("  office:\n    sources: {app: {type: tcp, address: ['unix:%s'], ack: line}}\n"
                   % third + SINK)

        def send(path, text):
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(kifa_program.PATIENCE)
                connection.connect(path)
                connection.sendall(text.encode() + b"\n")
                return connection.recv(100)

        self.reload(running, till([self.app, more]) + another)
        running.wait_for("listening", 3)
        self.assertEqual(send(second, "by the second"), b"OK 1\n")
        self.assertEqual(send(third, "by the third"), b"OK 2\n")
        self.assertEqual(send(self.socket, "by the first"), b"OK 3\n")
        self.reload(running, till([more]), count=2)
        self.assertEqual(send(second, "by the second again"), b"OK 4\n")
        for gone in (self.socket, third):
            with self.assertRaises(OSError):
                send(gone, "nobody hears")
        self.assertEqual(running.stop(), 143)
        self.assertEqual(self.stored("data"), ["by the second", "by the third", "by the first",
                                               "by the second again"])
        self.assertIn("ingested 4 records", running.err)

    def test_another_flush_mode_opens_the_store_anew(self):
        running = self.begin(till([self.app]))
        self.reload(running, till([self.app], store="data_dir: data, flush_mode: emergency"))
        running.wait_for("listening", 2)
        stats = json.loads(self.kifa("stats", "-d", "data", "--json"))
        self.assertEqual((stats["flush_mode"], stats["live"]), ("emergency", True))
        self.assertEqual(running.stop(), 143)

    def test_flags_and_environment_count_over_the_new_file_too(self):
        path = str(self.folder / "shop.yaml")
        running = self.begin(till([self.app]), "daemon", "-c", path, "--flush-mode", "normal",
                             KIFA_DATA_DIR="other")
        self.reload(running, till([self.app], store="data_dir: data, flush_mode: emergency, "
                                                    "compaction_enabled: false"))
        running.wait_for("listening", 2)
        self.assertEqual(running.stop(), 143)
        stats = json.loads(self.kifa("stats", "-d", "other", "--json"))
        self.assertEqual(stats["flush_mode"], "normal")
        self.assertFalse((self.folder / "data").exists())

    def test_signals_that_come_while_others_are_answered_do_no_harm(self):
        running = self.begin(till([self.app]))
        for number in range(50):
            self.write("shop.yaml", till([self.app], "    transforms: [{filter: {drop: 'n%d'}}]\n"
                                         % number))
            running.send(signal.SIGHUP)
        running.send(signal.SIGHUP)
        running.wait_for("the new configuration runs")
        self.assertEqual(running.stop(), 143)
        self.assertEqual(self.stored("data"), [])

    def test_a_signal_that_comes_before_all_runs_is_not_forgotten(self):
        def ask_first():
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
            os.kill(os.getpid(), signal.SIGHUP)  # waits, also through exec

        self.write("shop.yaml", till([self.app]))
        running = self.start("run", "shop.yaml", preexec=ask_first)
        running.wait_for(r"the new configuration runs \(reload 1\)")
        self.assertEqual(running.stop(), 143)

    def test_a_file_that_is_the_same_changes_nothing(self):
        running = self.begin(till([self.app]))
        self.reload(running, till([self.app.replace("line}", "line, linger: 5ms}")]))
        self.assertEqual(running.err.count("listening"), 1)  # 5ms is the default
        self.assertEqual(running.stop(), 143)


class Service(kifa_program.Case):
    """What systemd hears."""

    def setUp(self):
        super().setUp()
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.listener.close)
        self.listener.settimeout(kifa_program.PATIENCE)
        self.write("shop.yaml", till(["app: {type: tcp, address: ['127.0.0.1:0']}"]))

    def hear(self):
        return dict(line.split("=", 1) for line in self.listener.recv(4096).decode().split("\n"))

    def hear_until(self, key):
        while True:
            heard = self.hear()
            if key in heard:
                return heard
            self.assertEqual(list(heard), ["WATCHDOG"])

    def test_the_service_manager_hears_of_every_change(self):
        self.listener.bind(str(self.folder / "notify"))
        running = self.start("run", "shop.yaml", NOTIFY_SOCKET=str(self.folder / "notify"))
        self.assertEqual(self.hear(), {"READY": "1", "STATUS": "1 pipeline, 1 source"})
        running.wait_for("listening")  # before it said so
        before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self.write("shop.yaml", till(["app: {type: tcp, address: ['127.0.0.1:0']}",
                                      "more: {type: udp, address: ['127.0.0.1:0']}"]))
        running.send(signal.SIGHUP)
        reloading = self.hear()
        self.assertEqual(reloading["RELOADING"], "1")
        self.assertGreaterEqual(int(reloading["MONOTONIC_USEC"]), before)
        self.assertEqual(self.hear(), {"READY": "1", "STATUS": "1 pipeline, 2 sources"})
        self.write("shop.yaml", "wrong")
        running.send(signal.SIGHUP)
        self.assertIn("RELOADING", self.hear())
        self.assertEqual(self.hear(), {"READY": "1", "STATUS": "1 pipeline, 2 sources"})
        running.send(signal.SIGTERM)
        self.assertEqual(self.hear(), {"STOPPING": "1", "EXTEND_TIMEOUT_USEC": "15000000"})
        self.assertEqual(running.end(), 143)

    def test_the_watchdog_is_told_in_time(self):
        self.listener.bind("\0kifa-test-" + self.folder.name)
        running = self.start("run", "shop.yaml", NOTIFY_SOCKET="@kifa-test-" + self.folder.name,
                             WATCHDOG_USEC="200000")
        times = []
        while len(times) < 6:
            if "WATCHDOG" in self.hear():
                times.append(time.monotonic())
        self.assertLess((times[-1] - times[0]) / 5, 0.2)
        running.send(signal.SIGTERM)
        self.hear_until("STOPPING")
        self.assertEqual(running.end(), 143)

    def test_a_watchdog_of_somebody_else_is_not_fed(self):
        self.listener.bind(str(self.folder / "notify"))
        running = self.start("run", "shop.yaml", NOTIFY_SOCKET=str(self.folder / "notify"),
                             WATCHDOG_USEC="1000", WATCHDOG_PID="1")
        self.assertIn("READY", self.hear())
        running.send(signal.SIGTERM)
        self.assertIn("STOPPING", self.hear())
        self.assertEqual(running.end(), 143)

    def test_a_device_that_is_away_does_not_keep_kifa_from_being_ready(self):
        self.listener.bind(str(self.folder / "notify"))
        self.write("shop.yaml", till(["port: {type: serial, device: /no/such/device}"]))
        running = self.start("run", "shop.yaml", NOTIFY_SOCKET=str(self.folder / "notify"))
        self.assertIn("READY", self.hear())
        self.assertEqual(running.stop(), 143)


if __name__ == "__main__":
    kifa_program.main()
