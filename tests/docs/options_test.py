#!/usr/bin/env python3
"""The option tables of docs/configuration.md are what the components declare.

A table stands between <!-- options: KIND TYPE --> and <!-- end -->; TYPE is * for the options that
kifa gives to every component of a kind. With --write the tables are written anew.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys

DOCUMENT = pathlib.Path(__file__).resolve().parents[2] / "docs" / "configuration.md"
TABLE = re.compile(r"(<!-- options: (\w+) (\S+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)
KINDS = ("source", "framing", "sink", "formatter")


def ask(kifa, *arguments):
    run = subprocess.run([kifa, "plugin", *arguments, "--json"], check=True, capture_output=True,
                         text=True, stdin=subprocess.DEVNULL)
    return json.loads(run.stdout)


def declared(kifa, listing):
    """Option tables by (kind, type), from what the program says about its bundled plugins."""
    tables = {}
    types = {part["type"] for plugin in listing for part in plugin["components"]}
    for name in sorted(types):
        for component in ask(kifa, "info", name):
            tables[component["kind"], component["type"]] = component["options"]
            tables[component["kind"], "*"] = component["host_options"]
    return tables


def cell(text):
    return text.replace("|", "\\|")


def row(option):
    kind = option["type"] + (f" ({option['unit']})" if option.get("unit") else "")
    if option["required"]:
        default = "required"
    elif "default" in option:
        default = f"`{option['default']}`" if option["default"] else '`""`'
    else:
        default = ""
    limits = ""
    if "choices" in option:
        limits = ", ".join(f"`{choice}`" for choice in option["choices"])
    elif "minimum" in option and "maximum" in option:
        limits = f"{option['minimum']} to {option['maximum']}"
    elif "minimum" in option:
        limits = f"at least {option['minimum']}"
    elif "maximum" in option:
        limits = f"at most {option['maximum']}"
    return f"| `{option['name']}` | {kind} | {default} | {limits} | {cell(option['summary'])} |\n"


def table(options):
    if not options:
        return "It has no options.\n"
    head = "| option | type | default | values | meaning |\n|---|---|---|---|---|\n"
    return head + "".join(row(option) for option in options)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kifa", required=True)
    parser.add_argument("--build")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()

    listing = ask(arguments.kifa, "list")
    tables = declared(arguments.kifa, listing)
    text = DOCUMENT.read_text(encoding="utf-8")
    shown = {(kind, name) for _, kind, name, _, _ in TABLE.findall(text)}
    failures = [f"no table for {kind} {name}" for kind, name in sorted(tables)
                if (kind, name) not in shown and tables[kind, name]]
    failures += [f"a table for {kind} {name}, which there is not" for kind, name in sorted(shown)
                 if (kind, name) not in tables]

    def fresh(match):
        key = match.group(2), match.group(3)
        return match.group(1) + table(tables.get(key, [])) + match.group(5)

    right = TABLE.sub(fresh, text)
    if arguments.write:
        DOCUMENT.write_text(right, encoding="utf-8")
    elif right != text:
        failures.append("the tables differ from what the components declare; run "
                        f"{sys.argv[0]} --kifa {arguments.kifa} --write")
    for failure in failures:
        print(f"docs/configuration.md: {failure}")
    print(f"{len(shown)} tables")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
