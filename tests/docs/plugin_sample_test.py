#!/usr/bin/env python3
"""The plugin of docs/plugin-authoring.md, compiled as it stands there, loads and works."""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

ARGUMENTS = None
SECONDS_MAX = 60

CONFIGURATION = """version: 1
plugins: {{ path: ["{plugins}"] }}
store: {{ data_dir: "{data}" }}
pipelines:
  till-1:
    sources:
      app: {{ type: stdin, framing: {{ type: semicolon, skip_empty: true }} }}
    sinks:
      journal: {{ type: kifa }}
"""


def kifa(*arguments, stdin=b""):
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith("KIFA_")}
    run = subprocess.run([ARGUMENTS.kifa, *arguments], input=stdin, capture_output=True,
                         timeout=SECONDS_MAX, check=False, env=environment)
    if run.returncode != 0:
        raise AssertionError(f"kifa {arguments}: exit code {run.returncode}\n"
                             + run.stderr.decode("utf-8", "replace"))
    return run.stdout.decode()


class Sample(unittest.TestCase):
    def test_its_options_are_shown(self):
        plugins = str(ARGUMENTS.build / "tests" / "sample-plugins")
        components = json.loads(kifa("plugin", "info", "semicolon", "--json", "--plugin-path",
                                     plugins))
        self.assertEqual([c["kind"] for c in components], ["framing"])
        self.assertEqual([o["name"] for o in components[0]["options"]], ["skip_empty"])

    def test_it_cuts_records(self):
        plugins = str(ARGUMENTS.build / "tests" / "sample-plugins")
        with tempfile.TemporaryDirectory(dir=ARGUMENTS.build) as folder:
            data = f"{folder}/data"
            file = pathlib.Path(folder) / "shop.yaml"
            file.write_text(CONFIGURATION.format(plugins=plugins, data=data), encoding="utf-8")
            kifa("run", str(file), stdin=b"one;;two\n;three")
            records = [json.loads(line) for line in
                       kifa("query", "-d", data, "--format", "json").splitlines()]
        self.assertEqual([r["data"] for r in records], ["one", "two\n", "three"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--kifa", required=True)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    ARGUMENTS = parser.parse_args()
    ARGUMENTS.build = ARGUMENTS.build.resolve()
    sys.exit(unittest.main(argv=sys.argv[:1]))
