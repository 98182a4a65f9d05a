#!/usr/bin/env python3
"""Flags over environment over file over defaults, for each of them. Closes W39."""

import json
import os
import pty
import socket
import time

import kifa_program

FILE = """version: 1
store: {data_dir: from-file, flush_mode: emergency, segment_size_mib: 32,
        memtable_flush_threshold_mib: 32, compaction_threshold: 32, compaction_enabled: true}
pipelines:
  daemon:
    sources:
      file: {type: file, include: [/file/a], framing: {type: newline, strip_cr: false}}
      tcp: {type: tcp, address: ["127.0.0.1:1"]}
      udp: {type: udp, address: ["127.0.0.1:1"], framing: none}
      serial: {type: serial, device: /file/tty, baud: 1200}
      serial-2: {type: serial, device: /file/tty2}
    sinks:
      journal: {type: kifa, queue_records: 32}
"""
SOURCES = "pipelines.daemon.sources."
JOURNAL = "pipelines.daemon.sinks.journal."

# flags, variable, its text, name of the value, with the flag, with the variable, in the file
LAYERS = [
    (["-d", "/flag"], "KIFA_DATA_DIR", "/env", JOURNAL + "data_dir", "/flag", "/env", None),
    (["--flush-mode", "normal"], "KIFA_FLUSH_MODE", "cautious", JOURNAL + "flush_mode", "normal",
     "cautious", "emergency"),
    (["--segment-size-mib", "2"], "KIFA_SEGMENT_SIZE_MIB", "4", JOURNAL + "segment_size_mib", 2, 4,
     32),
    (["--memtable-threshold-mib", "2"], "KIFA_MEMTABLE_FLUSH_THRESHOLD_MIB", "3",
     JOURNAL + "memtable_flush_threshold_mib", 2, 3, 32),
    (["--compaction-threshold", "2"], "KIFA_COMPACTION_THRESHOLD", "3",
     JOURNAL + "compaction_threshold", 2, 3, 32),
    (["--no-compaction"], "KIFA_COMPACTION_ENABLED", "yes", JOURNAL + "compaction_enabled", False,
     True, True),
    (["--channel-capacity", "2"], "KIFA_CHANNEL_CAPACITY", "3", JOURNAL + "queue_records", 2, 3,
     32),
    (["--file", "/flag/a", "--file", "/flag/b"], "KIFA_FILES", "/env/a,/env/b",
     SOURCES + "file.include", ["/flag/a", "/flag/b"], ["/env/a", "/env/b"], ["/file/a"]),
    (["--tcp", "127.0.0.1:2", "--tcp", "[::1]:2"], "KIFA_TCP", "127.0.0.1:3,[::1]:3",
     SOURCES + "tcp.address", ["127.0.0.1:2", "[::1]:2"], ["127.0.0.1:3", "[::1]:3"],
     ["127.0.0.1:1"]),
    (["--udp", "127.0.0.1:2"], "KIFA_UDP", "127.0.0.1:3", SOURCES + "udp.address", ["127.0.0.1:2"],
     ["127.0.0.1:3"], ["127.0.0.1:1"]),
    (["--serial", "/flag/tty,2400"], "KIFA_SERIAL", "/env/tty,4800", SOURCES + "serial.device",
     "/flag/tty", "/env/tty", "/file/tty"),
    (["--serial", "/flag/tty,2400"], "KIFA_SERIAL", "/env/tty,4800", SOURCES + "serial.baud", 2400,
     4800, 1200),
]


class Layers(kifa_program.Case):
    def config(self, *arguments, **variables):
        """The values by name, as `kifa config --json` tells them."""
        lines = json.loads(self.kifa("config", "--json", *arguments, **variables))
        return {line["name"]: line for line in lines}

    def test_flags_count_over_the_environment_and_that_over_the_file(self):
        path = self.write("shop.yaml", FILE)
        for flags, variable, text, name, by_flag, by_variable, in_file in LAYERS:
            with self.subTest(flag=flags[0], value=name):
                both = self.config("-c", path, *flags, **{variable: text})[name]
                self.assertEqual((both["value"], both["origin"], both["by"]),
                                 (by_flag, "flag", "--data-dir" if flags[0] == "-d" else flags[0]))
                environment = self.config("-c", path, **{variable: text})[name]
                self.assertEqual(
                    (environment["value"], environment["origin"], environment["by"]),
                    (by_variable, "environment", variable))
                file = self.config("-c", path)[name]
                self.assertEqual(file["value"],
                                 in_file if in_file is not None else str(self.folder / "from-file"))
                self.assertEqual(file["origin"], "file")
                self.assertRegex(file["by"], r"^/.*/shop\.yaml:\d+:\d+$")

    def test_what_nobody_says_is_the_default(self):
        values = self.config("--stdin", "-d", "data")
        for name, value in (("flush_mode", "cautious"), ("segment_size_mib", 16),
                            ("memtable_flush_threshold_mib", 4), ("compaction_threshold", 4),
                            ("compaction_enabled", True), ("queue_records", 0)):
            self.assertEqual(values[JOURNAL + name],
                             {"name": JOURNAL + name, "value": value, "origin": "default"})
        self.assertEqual(values[SOURCES + "stdin.type"]["by"], "--stdin")
        self.assertEqual(values[JOURNAL + "data_dir"]["value"], str(self.folder / "data"))

    def test_standard_input_may_be_asked_for_by_a_variable(self):
        for text in ("true", "1", "yes", "on"):
            values = self.config("-d", "data", KIFA_STDIN=text)
            self.assertEqual(values[SOURCES + "stdin.type"]["by"], "KIFA_STDIN")
        for text in ("false", "0", "no", "off", ""):
            values = self.config("--tcp", "127.0.0.1:0", "-d", "data", KIFA_STDIN=text)
            self.assertNotIn(SOURCES + "stdin.type", values)

    def test_a_source_of_the_file_keeps_what_nobody_names(self):
        path = self.write("shop.yaml", FILE)
        values = self.config("-c", path, "--file", "/flag/a", "--serial", "/dev/a")
        self.assertEqual(values[SOURCES + "file.framing.strip_cr"]["value"], False)
        self.assertEqual(values[SOURCES + "serial.baud"]["value"], 1200)
        self.assertNotIn(SOURCES + "serial-2.device", values)  # lists do not merge
        self.assertEqual(values[SOURCES + "tcp.address"]["origin"], "file")

    def test_levels_formats_and_times_have_their_places_too(self):
        values = self.config("--stdin", "-d", "d", "--log-format", "json", "--stop-timeout", "90s",
                             KIFA_LOG="debug")
        self.assertEqual(values["log_level"]["by"], "KIFA_LOG")
        self.assertEqual(values["log_level"]["value"], "debug")
        self.assertEqual(values["log_format"]["by"], "--log-format")
        self.assertEqual(values["stop_timeout"]["value"], "1m30s")
        flag = self.config("--stdin", "-d", "d", "--log-level", "warn", KIFA_LOG="debug")
        self.assertEqual(flag["log_level"]["by"], "--log-level")

    def test_people_read_the_same(self):
        printed = self.kifa("config", "--stdin", "-d", "data", KIFA_FLUSH_MODE="normal")
        self.assertIn(JOURNAL + "flush_mode: normal  (KIFA_FLUSH_MODE)\n", printed)
        self.assertIn(JOURNAL + "segment_size_mib: 16  (default)\n", printed)

    def test_what_a_source_would_meet_is_told_without_one(self):
        told = self.config("-d", "data", KIFA_FLUSH_MODE="normal")
        self.assertEqual(told["pipelines.daemon.sinks.journal.flush_mode"]["value"], "normal")
        self.assertEqual([name for name in told if ".sources." in name], [])

    def test_secrets_are_not_shown(self):
        plugins = os.path.join(kifa_program.build, "tests", "command-line-plugins")
        path = self.write("vault.yaml", "version: 1\nstore: {data_dir: d}\npipelines:\n  p:\n"
                          "    sources: {s: {type: stdin, framing: {type: vault, "
                          "key: 'hush-hush'}}}\n    sinks: {j: {type: kifa}}\n")
        flags = ["config", "-c", path, "--plugin-path", plugins]
        self.assertIn("framing.key: (secret)", self.kifa(*flags))
        self.assertNotIn("hush-hush", self.kifa(*flags) + self.kifa(*flags, "--json"))

    def test_flags_reach_a_sink_that_has_the_option_itself(self):
        path = self.write("own.yaml", FILE.replace("{type: kifa,",
                                                   "{type: kifa, flush_mode: emergency,"))
        values = self.config("-c", path, "--flush-mode", "normal")
        self.assertEqual(values[JOURNAL + "flush_mode"]["value"], "normal")

    def test_one_directory_is_not_put_over_two_stores(self):
        path = self.write("two.yaml", "version: 1\npipelines:\n" + "".join(
            f"  p{n}:\n    sources: {{s: {{type: tcp, address: ['127.0.0.1:{n}']}}}}\n"
            f"    sinks: {{j: {{type: kifa, data_dir: /store/{n}}}}}\n" for n in (1, 2)))
        self.refuse(78, "--data-dir names one data directory, and the sinks of " + path +
                    " have 2 of their own: leave it out", "config", "-c", path, "-d", "/one")
        self.refuse(78, "KIFA_DATA_DIR names one data directory", "config", "-c", path,
                    KIFA_DATA_DIR="/one")

    def test_a_source_of_another_type_is_not_changed(self):
        path = self.write("shop.yaml", FILE.replace("tcp: {type: tcp,", "tcp: {type: udp,"))
        self.refuse(78, "--tcp speaks of the source daemon/tcp of type tcp", "config", "-c", path,
                    "--tcp", "127.0.0.1:1")

    def test_values_that_make_no_sense_are_refused_wherever_they_stand(self):
        for variable, text, words in (
                ("KIFA_FLUSH_MODE", "fast", "takes normal, cautious or emergency, not `fast`"),
                ("KIFA_SEGMENT_SIZE_MIB", "3", "takes a power of two from 1 to 1024, not `3`"),
                ("KIFA_MEMTABLE_FLUSH_THRESHOLD_MIB", "0",
                 "takes a whole number from 1 to 1024, not `0`"),
                ("KIFA_COMPACTION_THRESHOLD", "1", "takes a whole number from 2 to 64, not `1`"),
                ("KIFA_COMPACTION_ENABLED", "maybe", "takes true or false, not `maybe`"),
                ("KIFA_CHANNEL_CAPACITY", "99999999999999",
                 "takes a whole number from 1 to 1000000000"),
                ("KIFA_STDIN", "si", "takes true or false, not `si`"),
                ("KIFA_FILES", "a,,b", "and one of them is empty"),
                ("KIFA_TCP", "127.0.0.1:1,", "and one of them is empty"),
                ("KIFA_LOG", "loud", "takes debug, info, warn or error, not `loud`")):
            with self.subTest(variable=variable):
                run = self.refuse(64, words, "daemon", "--udp", "127.0.0.1:0", "-d", "data",
                                  **{variable: text})
                self.assertTrue(run.stderr.decode().startswith(f"kifa: {variable} "))
        for flags, words in ((["--memtable-threshold-mib", "x"], "--memtable-threshold-mib takes"),
                             (["--compaction-threshold", "65"], "--compaction-threshold takes"),
                             (["--channel-capacity", "0"], "--channel-capacity takes"),
                             (["--log-format", "xml"], "--log-format takes text or json"),
                             (["--no-compaction", "--compaction-threshold", "3"], "contradict")):
            self.refuse(64, words, "daemon", "--stdin", "-d", "data", *flags)
        self.refuse(78, "missing.yaml", "daemon", "-c", "missing.yaml")
        self.refuse(78, "no-such-word", "daemon", "--tcp", "no-such-word", "-d", "data")
        self.assertEqual(list(self.folder.iterdir()), [])  # nothing was made


class PrintedFile(kifa_program.Case):
    def test_the_printed_file_means_what_the_flags_mean(self):
        flags = ["--stdin", "--file", "a b'$HOME.log", "--tcp", "127.0.0.1:0", "--udp",
                 "127.0.0.1:0", "--serial", "/dev/tty${X}\u20ac,38400", "-d", 'da"ta: #1',
                 "--flush-mode", "normal", "--segment-size-mib", "1", "--memtable-threshold-mib",
                 "2", "--compaction-threshold", "3", "--channel-capacity", "7"]
        printed = self.kifa("daemon", *flags, "--print-yaml")
        path = self.write("printed.yaml", printed)
        said = {line["name"]: line["value"] for line in
                json.loads(self.kifa("config", *flags, "--json"))}
        read = {line["name"]: line["value"] for line in
                json.loads(self.kifa("config", "-c", path, "--json"))}
        self.assertEqual(said, read)

        import yaml  # as somebody else reads it
        tree = yaml.safe_load(printed)
        self.assertEqual(tree["store"]["data_dir"], str(self.folder / 'da"ta: #1'))
        self.assertEqual(tree["pipelines"]["daemon"]["sources"]["serial"]["device"],
                         "/dev/tty$${X}\u20ac")
        self.assertEqual(tree["pipelines"]["daemon"]["sources"]["tcp"]["address"], ["127.0.0.1:0"])

    def test_run_of_the_printed_file_stores_what_the_flags_store(self):
        flags = ["--stdin", "-d", "data", "--flush-mode", "normal", "--segment-size-mib", "1"]
        path = self.write("printed.yaml", self.kifa("daemon", *flags, "--print-yaml"))
        self.kifa("daemon", *flags, given=b"one\ntwo\n")
        self.kifa("run", path, given=b"three\n")
        self.assertEqual(self.stored("data"), ["one", "two", "three"])

    def test_variables_of_the_file_stay_and_its_relative_paths_become_absolute(self):
        folder = self.folder / "etc"
        folder.mkdir()
        (folder / "shop.yaml").write_text(
            "version: 1\nstore: {data_dir: data, flush_mode: '${MODE:-normal}'}\npipelines:\n"
            "  p: {sources: {s: {type: stdin}}, sinks: {j: {type: kifa}}}\n", encoding="utf-8")
        printed = self.kifa("daemon", "-c", "etc/shop.yaml", "--print-yaml", MODE="cautious")
        self.assertIn("${MODE:-normal}", printed)
        self.assertIn(str(folder / "data"), printed)
        self.kifa("check", self.write("printed.yaml", printed))

    def test_nothing_is_printed_of_a_file_that_is_wrong(self):
        path = self.write("bad.yaml", "version: 1\n")
        run = self.refuse(78, "has no pipeline", "daemon", "-c", path, "--print-yaml")
        self.assertEqual(run.stdout, b"")


class Effects(kifa_program.Case):
    def test_a_daemon_does_what_its_layers_say(self):
        path = self.write("shop.yaml", "version: 1\nstore: {data_dir: data, segment_size_mib: 2, "
                          "flush_mode: normal}\npipelines:\n  till:\n"
                          "    sources: {s: {type: stdin, framing: {type: newline, "
                          "record_bytes_max: 64KiB}}}\n    sinks: {j: {type: kifa}}\n")
        self.kifa("daemon", "-c", path, "--segment-size-mib", "1", given=b"a line\n",
                  KIFA_FLUSH_MODE="emergency", KIFA_CHANNEL_CAPACITY="1")
        stats = json.loads(self.kifa("stats", "-d", "data", "--json"))
        self.assertEqual((stats["flush_mode"], stats["segment_bytes"]), ("emergency", 1 << 20))
        self.assertEqual(self.stored("data"), ["a line"])

    def take_one_from_each(self, *arguments, **variables):
        """Starts a daemon with five sources, gives a line to each, and requires all of them."""
        controller, device = pty.openpty()
        self.addCleanup(os.close, controller)
        self.addCleanup(os.close, device)
        port = os.ttyname(device)
        places = {"LOG": self.write("pos.log", "by the file\n"), "TTY": port,
                  "TCP": str(self.folder / "tcp"), "UDP": str(self.folder / "udp")}
        arguments = [argument.format(**places) for argument in arguments]
        variables = {name: text.format(**places) for name, text in variables.items()}
        running = self.start("daemon", "-d", "data", *arguments, **variables)
        running.wait_for("tcp: listening")
        running.wait_for(port + " is open")
        running.wait_for("udp: ")
        os.write(controller, b"by the port\n")
        for kind, path, text in ((socket.SOCK_STREAM, places["TCP"], b"by tcp\n"),
                                 (socket.SOCK_DGRAM, places["UDP"], b"by udp")):
            with socket.socket(socket.AF_UNIX, kind) as sender:
                sender.connect(path)
                sender.sendall(text)
        until = time.monotonic() + kifa_program.PATIENCE
        wanted = ["by tcp", "by the file", "by the port", "by udp"]
        while self.run_kifa("stats", "-d", "data").returncode != 0 and time.monotonic() < until:
            pass
        while sorted(self.stored("data")) != wanted and time.monotonic() < until:
            pass
        self.assertEqual(running.stop(), 143)
        self.assertEqual(sorted(self.stored("data")), wanted)
        self.assertIn("daemon/stdin: records acknowledged: 0", running.err)

    def test_every_source_may_come_from_flags(self):
        self.take_one_from_each("--stdin", "--file", "{LOG}", "--tcp", "unix:{TCP}", "--udp",
                                "unix:{UDP}", "--serial", "{TTY},38400")

    def test_every_source_may_come_from_the_environment(self):
        self.take_one_from_each(KIFA_STDIN="true", KIFA_FILES="{LOG}", KIFA_TCP="unix:{TCP}",
                                KIFA_UDP="unix:{UDP}", KIFA_SERIAL="{TTY},38400")

    def test_a_narrow_channel_loses_nothing(self):
        lines = [f"line {n}" for n in range(20000)]
        self.kifa("daemon", "--stdin", "-d", "data", "--channel-capacity", "1", "--no-compaction",
                  given="\n".join(lines).encode())
        self.assertEqual(self.stored("data"), lines)

    def test_messages_are_json_when_asked_for(self):
        running = self.run_kifa("daemon", "--stdin", "-d", 'a "quoted" name', "--log-format",
                                "json", "--log-level", "debug", given=b"a line\n")
        self.assertEqual(running.returncode, 0)
        messages = [json.loads(line) for line in running.stderr.decode().splitlines()]
        self.assertGreaterEqual(len(messages), 2)
        for message in messages:
            self.assertRegex(message["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
            self.assertIn(message["level"], ("debug", "info"))
        self.assertIn("ingested 1 record", messages[-1]["message"])
        bad = self.run_kifa("daemon", "--stdin", "-d", "d", "--log-format", "json",
                            "--plugin-path", "/no-such-folder")
        refusal = json.loads(bad.stderr)
        self.assertEqual((refusal["level"], refusal["subject"]), ("error", "kifa"))
        self.assertTrue(refusal["message"].startswith("the plugin folder /no-such-folder"))

    def test_the_journal_gets_priorities_and_no_times(self):
        journal = self.folder / "journal"
        with open(journal, "wb") as file:
            status = os.fstat(file.fileno())
            kifa_program.subprocess.run(
                [kifa_program.program, "daemon", "--stdin", "-d", "data"], input=b"a line\n",
                stderr=file, check=True, cwd=self.folder, env=kifa_program.environment(
                    {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}))
        lines = journal.read_text(encoding="utf-8").splitlines()
        self.assertEqual(lines[0],
                         "<6>daemon/stdin: records acknowledged: 1, bytes read: 7")
        self.assertEqual(lines[-1], "<6>kifa: ingested 1 record, durable up to LSN 1")

    def test_lesser_messages_are_left_out(self):
        quiet = self.run_kifa("daemon", "--stdin", "-d", "data", "--log-level", "warn")
        self.assertEqual(quiet.stderr.decode(), "ingested 0 records, durable up to LSN 0\n")


if __name__ == "__main__":
    kifa_program.main()
