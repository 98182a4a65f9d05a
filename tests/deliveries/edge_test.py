#!/usr/bin/env python3
"""The self-contained kifa: one file that needs libc, and does what the one with modules does."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import unittest

import support

KNOWN = support.arguments_of_test()
EDGE = KNOWN.kifa
MODULES = KNOWN.build / "bin/kifa"
BYTES_MAX = 12 * 1024 * 1024
LIBRARIES = {"libc.so.6", "libm.so.6"}
CHROOT = ["chroot"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "chroot"]


def loader_of(program):
    """What the kernel starts a program with: part of libc."""
    headers = support.output_of(["readelf", "-lW", program])
    found = re.search(r"program interpreter: (\S+)\]", headers)
    return pathlib.Path(found.group(1))


def plugins_of(kifa, *more):
    return json.loads(support.output_of([kifa, "plugin", "list", "--json", *more]))


def without_paths(plugins):
    return {plugin["id"]: {**plugin, "path": ""} for plugin in plugins}


class Edge(unittest.TestCase):
    def setUp(self):
        folder = support.Folder(KNOWN.build)
        self.addCleanup(folder.cleanup)
        self.folder = folder.path

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def test_it_needs_nothing_but_libc(self):
        needed = set(re.findall(r"\(NEEDED\)\s+Shared library: \[(.+)\]",
                                support.output_of(["readelf", "-dW", EDGE])))
        self.assertLessEqual(needed, LIBRARIES | {loader_of(EDGE).name})
        loaded = re.findall(r"^\s*(\S+) =>", support.output_of(["ldd", EDGE]), re.MULTILINE)
        self.assertEqual(set(loaded), LIBRARIES)

    def test_it_is_small_and_has_its_debug_information_beside_it(self):
        self.assertLess(EDGE.stat().st_size, BYTES_MAX)
        self.assertNotIn(".debug_info", support.output_of(["readelf", "-SW", EDGE]))
        debug = EDGE.with_name("kifa.debug")
        self.assertIn(".debug_info", support.output_of(["readelf", "-SW", debug]))

    def test_it_has_every_plugin_that_the_modules_are(self):
        inside = plugins_of(EDGE)
        self.assertEqual({plugin["path"] for plugin in inside}, {"built in"})
        self.assertTrue(all(plugin["usable"] for plugin in inside))
        self.assertEqual(without_paths(inside), without_paths(plugins_of(MODULES)))
        self.assertGreater(len(inside), 15)

    def test_a_plugin_of_a_vendor_runs_in_it(self):
        config = self.write("vendor.yaml", f"""
version: 1
plugins: {{ path: [{KNOWN.build}/tests/abi/vendor] }}
store: {{ data_dir: data }}
pipelines:
  till:
    sources: {{ pulse: {{ type: acme_pulse, count: 5 }} }}
    sinks: {{ journal: {{ type: kifa }} }}
""")
        support.output_of([EDGE, "run", config])
        stored = support.records_of(EDGE, self.folder / "data")
        self.assertEqual([record["data"] for record in stored], ["pulse"] * 5)

    def test_what_a_vendors_plugin_throws_is_a_sentence(self):
        config = self.write("thrower.yaml", f"""
version: 1
plugins: {{ path: [{KNOWN.build}/tests/plugin_data/good] }}
store: {{ data_dir: data }}
pipelines:
  till:
    sources: {{ wrong: {{ type: thrower }} }}
    sinks: {{ journal: {{ type: kifa }} }}
""")
        said = set()
        for kifa in (EDGE, MODULES):
            run = subprocess.run([kifa, "run", config], env=support.environment(), check=False,
                                 capture_output=True, timeout=support.PATIENCE_SECONDS)
            said.add((run.returncode, run.stderr.splitlines()[0]))
        place = f"{config}:7:16: error: ".encode()
        self.assertEqual(said, {(74, place + b"till/wrong (thrower): the sky is falling")})

    def test_it_takes_tls_where_there_is_nothing_but_libc(self):
        root = self.make_root()
        self.make_certificate(root)
        address = root / "address"
        config = root / "till.yaml"
        config.write_text("""
version: 1
store: { data_dir: /data }
pipelines:
  till:
    sources:
      phones: { type: tcp, address: ["127.0.0.1:0"], listen_address_file: /address, ack: line,
                tls_certificate: /kifa.pem, tls_key: /kifa.key }
    sinks: { journal: { type: kifa } }
""", encoding="utf-8")
        with support.Daemon([*CHROOT, root, "/kifa", "run", "/till.yaml"], None) as kifa:
            support.wait_until(lambda: kifa.is_alive() and address.exists(), "it listens")
            where = address.read_text(encoding="ascii").split()[0]
            phone = subprocess.Popen(
                ["openssl", "s_client", "-connect", where, "-CAfile", root / "kifa.pem",
                 "-verify_return_error", "-quiet", "-no_ign_eof"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            self.addCleanup(phone.stdout.close)
            self.addCleanup(phone.wait)
            self.addCleanup(phone.kill)
            phone.stdin.write(b"a sale\n")
            phone.stdin.flush()
            self.assertEqual(phone.stdout.readline(), b"OK 1\n")
            phone.stdin.close()
            kifa.stop()
        self.assertEqual([record["data"] for record in support.records_of(EDGE, root / "data")],
                         ["a sale"])

    def test_a_vendors_plugin_needs_there_what_it_is_linked_with(self):
        root = self.make_root()
        plugins = root / "plugins"
        plugins.mkdir()
        for name in ("acme_plain", "acme_pulse"):  # in C, in C++
            shutil.copy(KNOWN.build / f"tests/abi/vendor/{name}.kifa.so", plugins)
        listed = json.loads(support.output_of(
            [*CHROOT, root, "/kifa", "plugin", "list", "--json", "--plugin-path", "/plugins"]))
        found = {plugin["path"]: plugin for plugin in listed}
        self.assertTrue(found["/plugins/acme_plain.kifa.so"]["usable"])
        self.assertIn("libstdc++.so.6: cannot open shared object file",
                      found["/plugins/acme_pulse.kifa.so"]["refusal"])
        self.assertTrue(found["built in"]["usable"])

    def make_certificate(self, folder):
        support.output_of(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                           "ec_paramgen_curve:prime256v1", "-nodes", "-days", "90",
                           "-subj", "/CN=kifa", "-addext", "subjectAltName=IP:127.0.0.1",
                           "-keyout", folder / "kifa.key", "-out", folder / "kifa.pem"])

    def make_root(self):
        """A folder with libc and kifa: no openssl.cnf, no module, no /proc, no libstdc++."""
        root = self.folder / "root"
        loader = loader_of(EDGE)
        copies = {loader: loader}
        for name, path in re.findall(r"^\s*(\S+) => (\S+)", support.output_of(["ldd", EDGE]),
                                     re.MULTILINE):
            self.assertIn(name, LIBRARIES)
            copies[pathlib.Path(path)] = pathlib.Path(path)
        copies[EDGE] = "/kifa"
        for source, target in copies.items():
            place = root / str(target).lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, place)
        return root


if __name__ == "__main__":
    support.main()
