#!/usr/bin/env python3
"""The Debian packages: what is in them, what Debian says to them, and what installing them does."""

import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import unittest

import share
import support

KNOWN = support.arguments_of_test()
# Of 10. What is left is what kifa is for: the network, unix sockets and, for one, serial ports.
EXPOSURE_MAX = {"kifa.service": 1.7, "kifa-serial.service": 2.0}
EXECUTABLE_MAGIC = b"\x7fELF"
ARCHIVE_MAGIC = b"!<arch>\n"


class Packages:
    """The packages, made once, and unpacked: `root` is what a machine would have."""
    folder = None
    root = None
    dev_root = None
    files = {}


def setUpModule():
    Packages.folder = support.Folder(KNOWN.build)
    made = Packages.folder.path / "made"
    support.output_of(["cpack", "--config", KNOWN.build / "CPackConfig.cmake", "-B", made,
                       "-D", "CPACK_DEBIAN_COMPRESSION_TYPE=gzip"])  # in a third of the time
    for file in made.glob("*.deb"):
        Packages.files[file.name.split("_")[0]] = file
    Packages.root = unpack("kifa")
    Packages.dev_root = unpack("kifa-dev")


def tearDownModule():
    Packages.folder.cleanup()


def unpack(package):
    root = Packages.folder.path / f"{package}-root"
    support.output_of(["dpkg-deb", "--extract", Packages.files[package], root])
    return root


def field(package, name):
    return support.output_of(["dpkg-deb", "--field", Packages.files[package], name]).strip()


def service(name):
    """The lines `key=value` of a unit."""
    unit = Packages.root / "usr/lib/systemd/system" / name
    return unit.read_text(encoding="utf-8").splitlines()


class Deb(unittest.TestCase):
    def test_lintian_finds_nothing(self):
        run = subprocess.run(["lintian", "--fail-on", "error,warning", "--suppress-tags",
                              "no-manual-page", *Packages.files.values()],
                             capture_output=True, timeout=support.PATIENCE_SECONDS, check=False)
        self.assertEqual((run.returncode, run.stdout.decode()), (0, ""))

    def test_there_are_two_packages_for_this_machine(self):
        self.assertEqual(set(Packages.files), {"kifa", "kifa-dev"})
        machine = support.output_of(["dpkg", "--print-architecture"]).strip()
        for package in Packages.files:
            self.assertEqual(field(package, "Architecture"), machine)
        needed = field("kifa", "Depends")
        for library in ("libc6", "libssl3", "libre2", "libyaml-cpp", "libzstd1", "liblz4-1"):
            self.assertRegex(needed, rf"\b{library}")
        self.assertIn("libfmt-dev", field("kifa-dev", "Depends"))

    def test_the_program_finds_its_plugins_and_nothing_is_missing(self):
        listed = support.output_of([Packages.root / "usr/bin/kifa", "plugin", "list"])
        plugins = {path.name for path in (Packages.root / "usr/lib/kifa/plugins").iterdir()}
        built = {path.name for path in (KNOWN.build / "lib/kifa/plugins").iterdir()}
        self.assertEqual(plugins, built)
        self.assertNotIn("refused", listed)
        for plugin in plugins:
            self.assertIn(f"{Packages.root}/usr/lib/kifa/plugins/{plugin}", listed)

    def test_the_installed_program_passes_the_tests_of_the_other(self):
        names = ("integration_usage", "integration_framings", "integration_tcp_tls")
        self.assertEqual(share.failures_of(Packages.root / "usr/bin/kifa", KNOWN.build, names), [])

    def test_programs_are_stripped_and_nothing_names_the_build(self):
        for root in (Packages.root, Packages.dev_root):
            for path in (path for path in root.rglob("*") if path.is_file()):
                content = path.read_bytes()
                if content.startswith((EXECUTABLE_MAGIC, ARCHIVE_MAGIC)):
                    self.assertNotIn(b".debug_info", content, path)
                self.assertNotIn(os.fsencode(support.ROOT), content, path)

    def test_completions_are_those_of_this_kifa(self):
        kifa = Packages.root / "usr/bin/kifa"
        for shell, place in (("bash", "bash-completion/completions/kifa"),
                             ("fish", "fish/vendor_completions.d/kifa.fish")):
            written = (Packages.root / "usr/share" / place).read_text(encoding="utf-8")
            self.assertEqual(written, support.output_of([kifa, "completion", shell]))
            self.assertIn("daemon", written)

    def test_programs_are_built_against_kifa_dev(self):
        folder = Packages.folder.path / "project"
        folder.mkdir()
        (folder / "CMakeLists.txt").write_text(
            "cmake_minimum_required(VERSION 3.25)\nproject(vendor LANGUAGES CXX)\n"
            "find_package(kifa-sdk REQUIRED)\nfind_package(kifa-store REQUIRED)\n"
            "foreach(target IN ITEMS kifa::sdk kifa::store)\n  if(NOT TARGET ${target})\n"
            "    message(FATAL_ERROR \"no ${target}\")\n  endif()\nendforeach()\n"
            "kifa_add_plugin(x SOURCES x.cpp)\n", encoding="utf-8")
        (folder / "x.cpp").touch()
        support.output_of(["cmake", "-G", "Ninja", "-S", folder, "-B", folder / "build",
                           f"-DCMAKE_PREFIX_PATH={Packages.dev_root}/usr"])

    def test_an_installation_is_upgraded_removed_and_purged_and_the_records_stay(self):
        root = Packages.folder.path / "machine"
        for folder in ("var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/kifa", "etc"):
            (root / folder).mkdir(parents=True)
        (root / "var/lib/dpkg/status").touch()
        (root / "var/lib/kifa/LOCK").touch()

        def dpkg(*arguments):
            support.output_of(["dpkg", f"--root={root}", "--force-script-chrootless",
                               "--force-depends", "--force-not-root", "--force-bad-path",
                               *arguments],
                              env=support.environment({"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}))

        config = root / "etc/kifa/kifa.yaml"
        dpkg("--install", Packages.files["kifa"])
        self.assertRegex((root / "etc/passwd").read_text(encoding="utf-8"), r"(?m)^kifa:.*nologin$")
        self.assertTrue((root / "usr/bin/kifa").exists())
        config.write_text("version: 1 # the shop's own\n", encoding="utf-8")
        dpkg("--install", Packages.files["kifa"])
        self.assertIn("the shop's own", config.read_text(encoding="utf-8"))
        dpkg("--remove", "kifa")
        self.assertFalse((root / "usr/bin/kifa").exists())
        self.assertTrue(config.exists())
        dpkg("--purge", "kifa")
        self.assertFalse(config.exists())
        self.assertTrue((root / "var/lib/kifa/LOCK").exists())


def calls_of(group):
    """The system calls of a group of systemd and of the groups in it; or the call itself."""
    if not group.startswith("@"):
        return {group}
    calls = set()
    listed = support.output_of(["systemd-analyze", "syscall-filter", "--no-pager", group])
    for word in (line.strip() for line in listed.splitlines()[1:]):
        if word.startswith("@"):
            calls |= calls_of(word)
        elif word and not word.startswith("#"):
            calls.add(word)
    return calls


def allowed_calls(unit):
    always = calls_of("@default")
    allowed = set()
    for line in unit:
        if line.startswith("SystemCallFilter="):
            groups = line.split("=")[1]
            calls = set().union(*(calls_of(group) for group in groups.lstrip("~").split()))
            allowed = allowed - calls if groups.startswith("~") else allowed | calls
    return allowed | always


def answer_of(port, line):
    with socket.create_connection(("127.0.0.1", port)) as phone:
        phone.settimeout(support.PATIENCE_SECONDS)
        phone.sendall(line)
        return phone.recv(3)


def ended(trace):
    """What strace wrote, once it has written all."""
    text = trace.read_text(encoding="utf-8", errors="replace")
    return text if "exit_group(143)" in text else None


class Service(unittest.TestCase):
    def test_systemd_finds_nothing_in_the_units(self):
        # The units that every service leans on are systemd's own.
        root = Packages.folder.path / "systemd-root"
        shutil.copytree(Packages.root, root)
        shutil.copytree("/lib/systemd/system", root / "lib/systemd/system", symlinks=True,
                        dirs_exist_ok=True)
        for name in EXPOSURE_MAX:
            with self.subTest(service=name):
                run = subprocess.run(["systemd-analyze", "verify", f"--root={root}", name],
                                     capture_output=True, check=False,
                                     timeout=support.PATIENCE_SECONDS)
                said = [line for line in run.stderr.decode().splitlines() if "kifa" in line]
                self.assertEqual((run.returncode, said), (0, []))

    def test_systemd_finds_the_services_hardened(self):
        for name, most in EXPOSURE_MAX.items():
            with self.subTest(service=name):
                support.output_of(["systemd-analyze", "security", "--offline=yes", "--no-pager",
                                   f"--root={Packages.root}", f"--threshold={most * 10:.0f}", name])

    def test_only_the_serial_service_sees_devices(self):
        self.assertIn("PrivateDevices=yes", service("kifa.service"))
        serial = service("kifa-serial.service")
        self.assertIn("DeviceAllow=char-ttyUSB rw", serial)
        self.assertIn("DevicePolicy=closed", serial)
        self.assertIn("SupplementaryGroups=dialout", serial)
        self.assertIn("Conflicts=kifa.service", serial)

    def test_a_service_starts_as_it_is_shipped_and_sigterm_is_no_failure(self):  # [W42]
        unit = service("kifa.service")
        command = next(line.split("=", 1)[1] for line in unit if line.startswith("ExecStart="))
        program, *arguments = [word if not word.startswith("/") else f"{Packages.root}{word}"
                               for word in command.split()]
        self.assertIn("SuccessExitStatus=143", unit)
        self.assertIn("Type=notify", unit)
        state = Packages.folder.path / "state"
        short = tempfile.TemporaryDirectory()  # the path of a socket has 107 bytes at most
        self.addCleanup(short.cleanup)
        manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(manager.close)
        manager.bind(f"{short.name}/notify")
        manager.settimeout(support.PATIENCE_SECONDS)
        surroundings = {"STATE_DIRECTORY": str(state), "RUNTIME_DIRECTORY": short.name,
                        "NOTIFY_SOCKET": f"{short.name}/notify", "WATCHDOG_USEC": "100000"}
        with support.Daemon([program, *arguments], state, surroundings) as kifa:
            for word in (b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1"):
                while word not in manager.recv(4096):  # or it takes too long, and fails
                    kifa.is_alive()
            self.assertTrue(pathlib.Path(short.name, "lines.sock").is_socket())
            kifa.stop()  # with 143, or it fails

    def test_what_kifa_asks_of_the_kernel_is_what_the_service_allows(self):
        folder = Packages.folder.path / "traced"
        (folder / "log").mkdir(parents=True)
        (folder / "log/agent.log").write_text("float low\n", encoding="utf-8")
        trace = folder / "trace"
        config = Packages.root / "usr/share/doc/kifa/examples/agent-gateway.yaml"
        # -D: kifa itself is the child, and strace looks on from aside.
        command = ["strace", "-D", "-f", "-qq", "-o", trace, Packages.root / "usr/bin/kifa", "run",
                   config]
        surroundings = {"KIFA_DATA_DIR": str(folder / "data"), "GATEWAY_TCP": "127.0.0.1:0",
                        "GATEWAY_UDP": "127.0.0.1:0", "AGENT_LOGS": str(folder / "log")}
        with support.Daemon(command, folder / "data", surroundings) as kifa:
            kifa.wait_for_words("phones: listening")
            kifa.wait_for_words("modems: listening")
            self.assertEqual(answer_of(kifa.port("tcp"), b"a sale\n"), b"OK ")
            kifa.stop()
        text = support.wait_until(lambda: ended(trace), "strace has seen the end")
        asked = set(re.findall(r"^\d+\s+(\w+)\(", text, re.MULTILINE))
        self.assertGreater(len(asked), 30)
        self.assertEqual(asked - allowed_calls(service("kifa.service")), set())
        self.assertEqual(re.findall(r".*PROT_WRITE\|PROT_EXEC.*", text), [])
        self.assertLessEqual(set(re.findall(r"\bsocket\((\w+)", text)),
                             {"AF_UNIX", "AF_INET", "AF_INET6"})

    def test_what_cmake_installs_names_the_prefix(self):
        prefix = Packages.folder.path / "prefix"
        support.output_of(["cmake", "--install", KNOWN.build, "--prefix", prefix,
                           "--component", "kifa"])
        unit = (prefix / "lib/systemd/system/kifa.service").read_text(encoding="utf-8")
        self.assertIn(f"ExecStart={prefix}/bin/kifa run {prefix}/etc/kifa/kifa.yaml\n", unit)
        config = prefix / "etc/kifa/kifa.yaml"
        support.output_of([prefix / "bin/kifa", "check", config])
        config.write_text("the shop's own", encoding="utf-8")
        support.output_of(["cmake", "--install", KNOWN.build, "--prefix", prefix,
                           "--component", "kifa"])
        self.assertEqual(config.read_text(encoding="utf-8"), "the shop's own")


class UdevRules(unittest.TestCase):
    """udevd says what is wrong with a rule only in its log, and there is no udevd in a test."""
    KEYS = {"ACTION", "SUBSYSTEM", "SUBSYSTEMS", "DRIVER", "ATTR", "ATTRS", "ENV", "GROUP", "MODE",
            "GOTO", "LABEL"}
    PAIR = re.compile(r'([A-Z]+)(?:\{([^}]+)\})?(==|!=|=|\+=|:=)"([^"]*)"')

    def test_every_rule_is_one_that_udev_can_read(self):
        text = (Packages.root / "usr/lib/udev/rules.d/70-kifa-serial.rules").read_text()
        lines = [line for line in text.splitlines() if line and not line.startswith("#")]
        labels, jumps = set(), set()
        for line in lines:
            pairs = self.PAIR.findall(line)
            self.assertEqual(re.sub(r",\s*", "", self.PAIR.sub("", line)), "", line)
            for key, attribute, operator, value in pairs:
                self.assertIn(key, self.KEYS)
                self.assertEqual(bool(attribute), key in {"ATTR", "ATTRS", "ENV"}, line)
                # "One of its parents is something else" is true of nearly every device.
                self.assertFalse(key in {"SUBSYSTEMS", "ATTRS"} and operator == "!=", line)
                labels |= {value} if key == "LABEL" else set()
                jumps |= {value} if key == "GOTO" else set()
            # What is only compared changes nothing: a rule does something.
            self.assertTrue(any(operator in {"=", "+=", ":="} for _, _, operator, _ in pairs), line)
        self.assertEqual(labels, jumps)
        self.assertIn('ENV{ID_MM_DEVICE_IGNORE}="1"', text)


if __name__ == "__main__":
    support.main()
