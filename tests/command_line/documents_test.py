#!/usr/bin/env python3
"""What kifa prints of itself: schema, manual, completions, version. Other programs read it."""

import gzip
import json
import os
import pathlib
import re
import subprocess

import kifa_program
from kifa_program import SOURCE


def shell(*command, **more):
    return subprocess.run(command, capture_output=True, text=True, check=False,
                          timeout=kifa_program.PATIENCE, **more)


class Documents(kifa_program.Case):
    def commands(self):
        """The names of all commands, as the help tells them."""
        found = []
        for line in self.kifa("help").split("Subcommands:")[1].split("Examples:")[0].splitlines():
            match = re.match(r"  (\w+)", line)
            if match and match.group(1) not in ("help", "hold", "plugin"):
                found.append(match.group(1))
        self.assertIn("daemon", found)
        return found + ["hold add", "hold remove", "hold list", "plugin list", "plugin info"]

    def flags(self, command):
        """The long flags of a command, as its help tells them."""
        return set(re.findall(r"--[a-z][a-z-]+", re.sub(
            r"(?s)Examples?:.*", "", self.kifa(*command.split(), "--help")))) - {"--help"}


class Schema(Documents):
    def setUp(self):
        super().setUp()
        import jsonschema
        self.schema = json.loads(self.kifa("schema"))
        jsonschema.Draft7Validator.check_schema(self.schema)
        self.validator = jsonschema.Draft7Validator(self.schema)

    def errors(self, text):
        import yaml
        return [f"{'.'.join(map(str, error.absolute_path))}: {error.message}"
                for error in self.validator.iter_errors(yaml.safe_load(text))]

    def test_every_configuration_that_is_delivered_is_valid(self):
        files = sorted((SOURCE / "configs").glob("*.yaml"))
        self.assertIn("minimal.yaml", [file.name for file in files])
        for file in files:
            text = file.read_text(encoding="utf-8")
            with self.subTest(file=file.name):
                self.assertEqual(self.errors(text), [])
                self.assertTrue(text.startswith(
                    "# yaml-language-server: $schema=/usr/share/kifa/kifa.schema.json\n"))

    def test_it_knows_every_option_of_every_component(self):
        hosts = {"source": "framing", "sink": "format"}
        for plugin in json.loads(self.kifa("plugin", "list", "--json")):
            for part in plugin["components"]:
                for component in json.loads(self.kifa("plugin", "info", part["type"], "--json")):
                    kind = component["kind"]
                    members = self.schema["definitions"][f"{kind}-{component['type']}"]
                    options = component["options"] + component["host_options"]
                    known = set(members["properties"])
                    self.assertEqual(known - {"type", "plugin", hosts.get(kind)},
                                     {option["name"] for option in options})
                    for option in options:
                        self.assertTrue(members["properties"][option["name"]]["description"]
                                        .startswith(option["summary"]))

    def test_it_refuses_what_check_refuses(self):
        good = ("version: 1\nstore: {data_dir: d, flush_mode: normal}\npipelines:\n  till:\n"
                "    sources: {in: {type: serial, device: /dev/ttyS0, baud: 9600, linger: 5ms,"
                " dtr: on, framing: {type: newline, record_bytes_max: 64KiB}}}\n"
                "    transforms: [{filter: {drop: '^x'}}]\n    sinks: {out: {type: kifa}}\n")
        self.assertEqual(self.errors(good), [])
        self.kifa("check", self.write("good.yaml", good))
        for before, after in (("type: serial", "type: cereal"), ("device: /dev/ttyS0, ", ""),
                              ("baud: 9600", "baud: fast"), ("baud: 9600", "bauds: 9600"),
                              ("linger: 5ms", "linger: soon"), ("64KiB", "64 kilos"),
                              ("dtr: on", "dtr: perhaps"), ("version: 1", "version: 2"),
                              ("normal", "fast"), ("till:", "'the till':"),
                              ("sinks:", "sink:"), ("filter:", "filtre:"), ("{drop:", "{dorp:"),
                              ("{type: newline,", "{type: newlines,"),
                              ("out: {", "out: {format: text, ")):
            with self.subTest(after=after):
                text = good.replace(before, after)
                self.assertNotEqual(text, good)
                self.assertNotEqual(self.errors(text), [])
                self.refuse(78, "error:", "check", self.write("bad.yaml", text))

    def test_it_takes_variables_and_short_forms_as_check_does(self):
        text = ("version: 1\nstore: {data_dir: '${DIR:-d}', segment_size_mib: '${N:-16}'}\n"
                "pipelines:\n"
                "  till:\n    sources: {in: {type: tcp, address: '127.0.0.1:0', framing: none,"
                " linger: '${L:-1s}', max_connections: '${C:-5}'}}\n"
                "    sinks: {out: {type: kifa}, screen: {type: console, required: false, "
                "format: json}}\n")
        self.assertEqual(self.errors(text), [])
        self.kifa("check", self.write("good.yaml", text))

    def test_it_knows_plugins_of_others(self):
        plugins = os.path.join(kifa_program.build, "tests", "command-line-plugins")
        schema = json.loads(self.kifa("schema", "--plugin-path", plugins))
        self.assertIn("framing-vault", schema["definitions"])
        self.refuse(78, "/no-such-folder", "schema", "--plugin-path", "/no-such-folder")


class Manual(Documents):
    def pages(self):
        self.kifa("manual", "--directory", ".")
        return {path.name: path for path in self.folder.glob("*.1")}

    def test_there_is_a_page_for_every_command_with_every_flag(self):
        pages = self.pages()
        commands = self.commands()
        self.assertEqual(set(pages), {"kifa.1"} | {f"kifa-{command.replace(' ', '-')}.1"
                                                   for command in commands})
        for command in commands:
            text = pages[f"kifa-{command.replace(' ', '-')}.1"].read_text(encoding="utf-8")
            self.assertEqual(self.kifa("manual", command), text)
            for flag in self.flags(command):
                self.assertIn(flag.replace("-", "\\-"), text, command)
            self.assertIn(f"\\fBkifa\\-{command.replace(' ', chr(92) + '-')}\\fR(1)",
                          pages["kifa.1"].read_text(encoding="utf-8"))
        self.assertEqual(self.kifa("manual"), pages["kifa.1"].read_text(encoding="utf-8"))

    def test_its_pages_are_without_fault(self):
        pages = [str(path) for path in self.pages().values()]
        lint = shell("mandoc", "-T", "lint", "-W", "warning", *pages)
        self.assertEqual((lint.stdout, lint.returncode), ("", 0))
        for page in pages:
            run = shell("man", "--warnings", "--local-file", page,
                        env={**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "80"})
            self.assertEqual((run.stderr, run.returncode), ("", 0), page)

    def test_examples_come_out_as_they_are_typed(self):
        pages = self.pages()
        run = shell("mandoc", "-T", "utf8", "-O", "width=200", str(pages["kifa.1"]))
        self.assertIn("echo '{\"txn\":\"TXN-001\",\"amount\":5000}' | kifa daemon --stdin",
                      re.sub(r".\x08", "", run.stdout))

    def test_a_page_that_there_is_not_is_refused(self):
        self.refuse(64, "there is no command `qurey`; did you mean `query`?", "manual", "qurey")
        self.refuse(69, "cannot write /no-such-folder/kifa.1", "manual", "--directory",
                    "/no-such-folder")


class Completion(Documents):
    def bash(self, *words):
        """What bash proposes for the last of these words."""
        script = self.write("kifa.bash", self.kifa("completion", "bash"))
        run = shell("bash", "-c", 'source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _kifa; '
                    'printf "%s\\n" "${COMPREPLY[@]}"', script, "kifa", *words, cwd=self.folder)
        self.assertEqual(run.stderr, "")
        return set(run.stdout.split())

    def fish(self, *lines):
        """What fish proposes for each of these lines."""
        script = self.write("kifa.fish", self.kifa("completion", "fish"))
        asked = "; echo ====; ".join(f"complete -C '{line}'" for line in lines)
        run = shell("fish", "--no-config", "-c", f"source {script}; {asked}", cwd=self.folder)
        self.assertEqual(run.stderr, "")
        return [{proposal.split("\t")[0] for proposal in answer.splitlines() if proposal}
                for answer in run.stdout.split("====\n")]

    def test_bash_knows_every_command_and_every_flag(self):
        commands = self.commands()
        outer = {command.split()[0] for command in commands}
        self.assertLessEqual(outer | {"ingest", "help"}, self.bash(""))
        self.assertEqual(self.bash("plugin", ""), {"list", "info", "--help"})
        self.assertEqual(self.bash("hold", ""), {"add", "remove", "list", "--help"})
        for command in commands + ["ingest"]:
            self.assertEqual(self.bash(*command.split(), "--"), self.flags(command) | {"--help"},
                             command)

    def test_bash_completes_values(self):
        (self.folder / "a-folder").mkdir()
        self.write("a-file.yaml", "")
        self.assertEqual(self.bash("daemon", "--flush-mode", "n"), {"normal"})
        self.assertEqual(self.bash("daemon", "--log-format", ""), {"text", "json"})
        self.assertEqual(self.bash("stats", "-d", "a-"), {"a-folder"})
        self.assertEqual(self.bash("daemon", "--file", "a-"), {"a-folder", "a-file.yaml"})
        self.assertEqual(self.bash("run", "a-f"), {"a-folder", "a-file.yaml"})
        self.assertEqual(self.bash("completion", "f"), {"fish"})
        self.assertEqual(self.bash("daemon", "--segment-size-mib", ""), set())

    def test_fish_knows_every_command_and_every_flag(self):
        commands = self.commands() + ["ingest"]
        outer, plugin, modes, *flags = self.fish(
            "kifa ", "kifa plugin ", "kifa daemon --flush-mode ",
            *(f"kifa {command} --" for command in commands))
        self.assertLessEqual({command.split()[0] for command in commands} | {"help"}, outer)
        self.assertEqual(plugin, {"list", "info"})
        self.assertEqual(modes, {"normal", "cautious", "emergency"})
        for command, proposed in zip(commands, flags, strict=True):
            self.assertEqual(proposed, self.flags(command), command)

    def test_zsh_takes_the_words_of_bash(self):
        script = self.write("_kifa", self.kifa("completion", "zsh"))
        first = pathlib.Path(script).read_text(encoding="utf-8").splitlines()[0]
        self.assertEqual(first, "#compdef kifa")
        run = shell("zsh", "-f", "-c", f"autoload -U compinit && compinit -u -D; source {script}; "
                    "print $_comps[kifa]; emulate ksh; COMP_WORDS=(kifa daemon --flush-mode e); "
                    "COMP_CWORD=3; _kifa; print ${COMPREPLY[@]}", cwd=self.folder)
        self.assertEqual(run.stderr, "")
        # zsh itself leaves out what does not begin with what is typed.
        self.assertEqual(run.stdout.splitlines()[-1], "normal cautious emergency")
        self.assertIn("_kifa", run.stdout.splitlines()[0])

    def test_other_shells_are_refused(self):
        self.refuse(64, "completion knows bash, zsh and fish, not `tcsh`", "completion", "tcsh")


class Installed(kifa_program.Case):
    def test_version_tells_how_it_was_built(self):
        lines = self.kifa("--version").splitlines()
        self.assertRegex(lines[0], r"^kifa \d+\.\d+\.\d+$")
        facts = dict(line.split(":", 1) for line in lines[1:])
        self.assertEqual(set(facts), {"build", "plugins", "configuration", "licence"})
        self.assertRegex(facts["build"], r" (GNU|Clang) \d+\.\d+\.\d+, x86_64")
        self.assertRegex(facts["plugins"], r"ABI \d+\.\d+$")

    def test_the_build_made_what_is_installed(self):
        share = pathlib.Path(kifa_program.build) / "written" / "share"
        for name, *words in (("bash-completion/completions/kifa", "completion", "bash"),
                             ("zsh/vendor-completions/_kifa", "completion", "zsh"),
                             ("fish/vendor_completions.d/kifa.fish", "completion", "fish"),
                             ("kifa/kifa.schema.json", "schema")):
            self.assertEqual((share / name).read_text(encoding="utf-8"), self.kifa(*words))
        self.kifa("manual", "--directory", ".")
        pages = {path.name + ".gz": path.read_bytes() for path in self.folder.glob("*.1")}
        self.assertEqual({path.name: gzip.decompress(path.read_bytes())
                          for path in (share / "man/man1").iterdir()}, pages)


if __name__ == "__main__":
    kifa_program.main()
