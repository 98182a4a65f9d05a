#!/usr/bin/env python3
"""Compares kifa with rsyslog and syslog-ng on this machine, and prints one table.

The same generated transactions go over one TCP connection, through UDP and from a file into each of
them, in turn, several rounds. The peers write a plain text file and never sync it; kifa writes its
store in flush mode cautious: each record is on the disk before it counts. A run is over when all
records are in the file, or durable in the store. The medians are shown.

The peers come from Debian, where their packages exclude each other. So they are used unpacked:

  mkdir peers && cd peers
  apt-get download rsyslog libestr0 libfastjson4 liblognorm5 syslog-ng-core libivykis0 libnet1
  for package in *.deb; do dpkg -x $package .; done

and `peers.py --peers peers`; without it, those that are installed are taken.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

POLL_S = 0.01
START_WITHIN_S = 10
END_WITHIN_S = 120
QUIET_S = 1.0  # after the last datagram
DATAGRAM_BYTES = 130
DATAGRAMS_A_SECOND = 100_000


@dataclasses.dataclass
class Run:
    """What one run has given."""
    records: int
    seconds: float
    cpu_seconds: float
    peak_mib: float

    @property
    def rate(self):
        return self.records / self.seconds

    @property
    def cpu_a_million(self):
        return self.cpu_seconds / self.records * 1e6 if self.records else float("nan")


def free_port(kind):
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Receiver:
    """One program under test. Subclasses say how it is started and how many records it has."""
    name = ""

    def __init__(self, arguments, folder):
        self.arguments = arguments
        self.folder = pathlib.Path(folder)
        self.output = self.folder / "output.log"
        self.process = None

    def command(self, kind, where):
        """The command that takes records of `kind` (tcp, udp, file) at `where`, port or path."""
        raise NotImplementedError

    def has(self, records, size):
        """Whether all records, which have `size` bytes with their ends, have arrived."""
        del records
        return self.output.exists() and self.output.stat().st_size >= size

    def count(self):
        with open(self.output, "rb") as output:
            return sum(chunk.count(b"\n") for chunk in iter(lambda: output.read(1 << 20), b""))

    def environment(self):
        return dict(os.environ)

    def start(self, kind, where):
        log = open(self.folder / "log.txt", "wb")
        self.process = subprocess.Popen(self.command(kind, where), cwd=self.folder,
                                        env=self.environment(), stdin=subprocess.DEVNULL,
                                        stdout=log, stderr=log)
        log.close()

    def stop(self):
        """Ends the program; (processor seconds, peak MiB)."""
        self.process.send_signal(signal.SIGTERM)
        _, _, usage = os.wait4(self.process.pid, 0)
        self.process.returncode = 0
        return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024

    def fail(self, what):
        log = (self.folder / "log.txt").read_text(errors="replace")
        raise SystemExit(f"peers.py: {self.name}: {what}\n{log[-2000:]}")

    def wait_until(self, condition, seconds, what):
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end or self.process.poll() is not None:
                self.fail(what)
            time.sleep(POLL_S)


class Kifa(Receiver):
    name = "kifa, durable (cautious)"

    def command(self, kind, where):
        (self.folder / "kifa.yaml").write_text(f"""version: 1
store: {{ data_dir: {self.folder}/data }}
pipelines:
  till-1:
    sources:
      input: {self.source(kind, where)}
    sinks:
      journal: {{ type: kifa }}
""")
        return [str(self.arguments.kifa), "run", str(self.folder / "kifa.yaml"),
                "--log-level", "warn"]

    @staticmethod
    def source(kind, where):
        if kind == "file":
            return f"{{ type: file, include: [{where}], read_from: beginning }}"
        framing = "none" if kind == "udp" else "newline"
        return f"{{ type: {kind}, address: '127.0.0.1:{where}', framing: {framing} }}"

    def stats(self):
        run = subprocess.run([str(self.arguments.kifa), "stats", "-d", str(self.folder / "data"),
                              "--json"], capture_output=True, check=False)
        return json.loads(run.stdout) if run.returncode == 0 else {}

    def has(self, records, size):
        del size
        return self.stats().get("last_lsn", 0) >= records

    def count(self):
        return self.stats().get("total_entries", 0)


class Peer(Receiver):
    program = ""

    def __init__(self, arguments, folder):
        super().__init__(arguments, folder)
        self.root = arguments.peers

    @classmethod
    def path(cls, arguments):
        if arguments.peers:
            found = arguments.peers / "usr/sbin" / cls.program
            return str(found) if found.exists() else None
        return shutil.which(cls.program, path=os.environ.get("PATH", "") + ":/usr/sbin")

    def environment(self):
        environment = super().environment()
        if self.root:
            folders = [*self.root.glob("usr/lib/*-linux-gnu"), self.root / "usr/lib/syslog-ng"]
            environment["LD_LIBRARY_PATH"] = ":".join(str(folder) for folder in folders)
        return environment


class Rsyslog(Peer):
    name = "rsyslog, text file, no sync"
    program = "rsyslogd"

    def command(self, kind, where):
        inputs = {
            "tcp": f'module(load="imptcp")\n'
                   f'input(type="imptcp" address="127.0.0.1" port="{where}" ruleset="all")',
            "udp": f'module(load="imudp")\n'
                   f'input(type="imudp" address="127.0.0.1" port="{where}" ruleset="all")',
            "file": f'module(load="imfile")\n'
                    f'input(type="imfile" file="{where}" tag="till" ruleset="all")',
        }
        text = "%msg%" if kind == "file" else "%rawmsg%"
        config = self.folder / "rsyslog.conf"
        config.write_text(f"""global(workDirectory="{self.folder}" maxMessageSize="64k")
template(name="raw" type="string" string="{text}\\n")
ruleset(name="all") {{ action(type="omfile" file="{self.output}" template="raw") }}
{inputs[kind]}
""")
        command = [self.path(self.arguments), "-n", "-iNONE", "-f", str(config)]
        if self.root:
            modules = next(self.root.glob("usr/lib/*-linux-gnu/rsyslog"))
            command += ["-M", str(modules)]
        return command


class SyslogNg(Peer):
    name = "syslog-ng, text file, no sync"
    program = "syslog-ng"

    def command(self, kind, where):
        inputs = {
            "tcp": f'network(ip("127.0.0.1") port({where}) transport("tcp") flags(no-parse))',
            "udp": f'network(ip("127.0.0.1") port({where}) transport("udp") flags(no-parse))',
            "file": f'file("{where}" flags(no-parse))',
        }
        config = self.folder / "syslog-ng.conf"
        config.write_text(f"""@version: 3.38
source input {{ {inputs[kind]}; }};
destination output {{ file("{self.output}" template("$MSG\\n")); }};
log {{ source(input); destination(output); flags(flow-control); }};
""")
        command = [self.path(self.arguments), "-F", "--no-caps", "-f", str(config),
                   "-R", str(self.folder / "persist"), "-p", str(self.folder / "pid"),
                   "--control", str(self.folder / "control")]
        if self.root:
            modules = next(self.root.glob("usr/lib/syslog-ng/*/"))
            command += [f"--module-path={modules}"]
        return command


def accepts(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


def bound_udp(port):
    wanted = f"{port:04X}"
    with open("/proc/net/udp", encoding="ascii") as table:
        return any(line.split()[1].endswith(":" + wanted) for line in list(table)[1:])


def over_tcp(receiver, payload, records):
    port = free_port(socket.SOCK_STREAM)
    receiver.start("tcp", port)
    receiver.wait_until(lambda: accepts(port), START_WITHIN_S, "does not listen")
    size = payload.stat().st_size
    started = time.monotonic()
    sender = os.fork()
    if sender == 0:
        with socket.create_connection(("127.0.0.1", port)) as stream, open(payload, "rb") as file:
            stream.sendfile(file)
            stream.shutdown(socket.SHUT_WR)
            stream.settimeout(END_WITHIN_S)
            os._exit(0)
    receiver.wait_until(lambda: receiver.has(records, size), END_WITHIN_S, "lost records")
    seconds = time.monotonic() - started
    os.waitpid(sender, 0)
    return Run(records, seconds, *receiver.stop())


def from_file(receiver, payload, records):
    size = payload.stat().st_size
    started = time.monotonic()
    receiver.start("file", payload)
    receiver.wait_until(lambda: receiver.has(records, size), END_WITHIN_S, "lost records")
    seconds = time.monotonic() - started
    return Run(records, seconds, *receiver.stop())


def over_udp(receiver, _payload, records):
    """Datagrams at a steady rate; what counts is how many arrive."""
    port = free_port(socket.SOCK_DGRAM)
    receiver.start("udp", port)
    receiver.wait_until(lambda: bound_udp(port), START_WITHIN_S, "does not listen")
    time.sleep(0.3)
    started = time.monotonic()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect(("127.0.0.1", port))
        for number in range(records):
            if number % 100 == 0:
                ahead = started + number / DATAGRAMS_A_SECOND - time.monotonic()
                if ahead > 0:
                    time.sleep(ahead)
            sender.send(b"%0*d" % (DATAGRAM_BYTES - 1, number) + b"\n")
    seconds = time.monotonic() - started
    time.sleep(QUIET_S)
    usage = receiver.stop()
    return Run(receiver.count(), seconds, *usage)


def measure(what, kinds, arguments, payload, records):
    """Rounds of all kinds in turn; {kind: [run, ...]}."""
    runs = {kind: [] for kind in kinds}
    for _ in range(arguments.rounds):
        for kind in kinds:
            with tempfile.TemporaryDirectory(dir=arguments.dir, prefix="peers-") as folder:
                receiver = kind(arguments, folder)
                try:
                    runs[kind].append(what(receiver, payload, records))
                finally:
                    if receiver.process and receiver.process.returncode is None:
                        receiver.process.kill()
                        receiver.process.wait()
    return runs


def median(values):
    return statistics.median(values)


def show(title, runs, sent=None):
    print(f"\n{title}\n  {'':<32}{'records/s':>12}{'of best peer':>14}{'cpu s/million':>15}"
          f"{'peak MiB':>10}" + ("" if sent is None else f"{'lost':>10}"))
    rates = {kind: median([run.rate for run in of_kind]) for kind, of_kind in runs.items()}
    peers = [rate for kind, rate in rates.items() if kind is not Kifa]
    for kind, of_kind in runs.items():
        ratio = f"{rates[kind] / max(peers):.2f}" if peers else "-"
        line = (f"  {kind.name:<32}{rates[kind]:>12,.0f}{ratio:>14}"
                f"{median([run.cpu_a_million for run in of_kind]):>15.2f}"
                f"{median([run.peak_mib for run in of_kind]):>10.0f}")
        if sent is not None:
            line += f"{sent - median([run.records for run in of_kind]):>10,.0f}"
        print(line)
    sys.stdout.flush()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0],
                                     epilog=__doc__.split("\n\n", maxsplit=1)[1],
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kifa", type=pathlib.Path, required=True, help="the program kifa")
    parser.add_argument("--generator", type=pathlib.Path,
                        help="the program gen-transactions; default: beside kifa")
    parser.add_argument("--peers", type=pathlib.Path, help="folder with the unpacked peers")
    parser.add_argument("--dir", type=pathlib.Path, default=pathlib.Path("."),
                        help="folder to measure in; default: .")
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=["tcp", "udp", "file"], action="append")
    arguments = parser.parse_args()
    for name in ("kifa", "generator", "peers", "dir"):
        if getattr(arguments, name):
            setattr(arguments, name, getattr(arguments, name).resolve())
    generator = arguments.generator or arguments.kifa.parent / "gen-transactions"
    kinds = [Kifa] + [kind for kind in (Rsyslog, SyslogNg) if kind.path(arguments)]
    if len(kinds) < 3:
        print("peers.py: not every peer is there; see --help for how to get them", file=sys.stderr)
    wanted = arguments.only or ["tcp", "file", "udp"]
    with tempfile.NamedTemporaryFile(dir=arguments.dir, prefix="peers-input-") as payload:
        subprocess.run([generator, "--count", str(arguments.records), "--size", "201"],
                       stdout=payload, check=True)
        path = pathlib.Path(payload.name)
        print(f"{arguments.records:,} generated transactions of 200 bytes, {arguments.rounds} "
              "rounds in turn, medians")
        if "tcp" in wanted:
            show("one TCP connection, newline framing",
                 measure(over_tcp, kinds, arguments, path, arguments.records))
        if "file" in wanted:
            show("a file that is there",
                 measure(from_file, kinds, arguments, path, arguments.records))
        if "udp" in wanted:
            sent = arguments.records // 5
            show(f"{sent:,} datagrams of {DATAGRAM_BYTES} bytes, {DATAGRAMS_A_SECOND:,} a second",
                 measure(over_udp, kinds, arguments, path, sent), sent)
    return 0


if __name__ == "__main__":
    sys.exit(main())
