"""Puts sources into groups that clang-tidy reads as one file.

Three quarters of clang-tidy's time go into the headers that every source includes: into reading
them and into looking at every declaration of the standard library. The texts of several sources
in one file need the headers once. They are copied, not included, because many checks look only at
the file that was named on the command line.

Measured on two cores, in seconds of processor time: the 47 sources of core/store took 270 and take
63; those of core/cli 134 and 59, of which 24 go to the one that reads CLI11; those of core/io 129
instead of some 168, for 119 of them belong to the static analyzer; all 180 sources took about 1,000
and take 408. The figures before are from 51 sources, the others reckoned by their folders.

Which sources can stand in one file is judged by a cheap look at their texts. The look may be
wrong: it decides only how long it takes, for a group that does not compile is taken apart again.
"""

import pathlib
import re
from dataclasses import dataclass, replace

import tidy

SOURCES_PER_GROUP_MAX = 12

# Stands behind every source: for the check for includes that stand twice in a file, which would
# find the headers that two sources have in common, every #undef begins a new file.
SEAM = "#undef KIFA_SOURCE_ENDS_HERE\n"

# What reaches beyond the end of a source: such a one stays alone.
REACHES_FURTHER = re.compile(
    r"^[ \t]*#[ \t]*(?:define|undef|pragma|line)\b|^[ \t]*using\s+namespace\b", re.MULTILINE)
SUPPRESSED_REGION = re.compile(r"NOLINT(?:BEGIN|END)")

# What stands at the first column is declared at file scope or in a namespace.
TYPE_NAME = re.compile(r"^(?:class|struct|union|enum(?: class| struct)?)\s+(\w+)", re.MULTILINE)
OTHER_NAME = re.compile(
    r"^(?!(?:class|struct|union|enum|namespace|template)\b)[a-zA-Z_][^\n({=;\[]*?(?<![:\w])(\w+)"
    r"\s*[({=;\[]", re.MULTILINE)
# Its end is a brace and a comment; comments are blanks here.
PRIVATE_PART = re.compile(r"^namespace \{$.*?^\}  +$", re.MULTILINE | re.DOTALL)

ANALYZER_CHECK = re.compile(r"^[ ]+(-?clang-analyzer-[\w.*-]+)", re.MULTILINE)
FINDING = re.compile(r"^(/[^\n]*?):(\d+):\d+: (?:warning|error|fatal error): ", re.MULTILINE)
DOES_NOT_COMPILE = "[clang-diagnostic-error"


@dataclass(frozen=True)
class Source:
    name: str  # the path from the root
    path: pathlib.Path
    entry: dict  # of compile_commands.json
    configs: tuple  # the .clang-tidy files that apply
    files: tuple  # itself and the project's headers that it includes, directly or not

    def kind(self):
        """Sources of one kind differ in nothing but their text."""
        command = self.entry["command"].replace(self.entry["file"], "")
        # Code for a library and code for a program is the same to clang-tidy.
        command = re.sub(r" -fPI[CE]\b| -o \S+", "", command)
        return str(self.path.parent), command, self.entry["directory"], self.configs

    def analyzer_checks(self):
        """What the folder asks of the static analyzer."""
        texts = [config.read_text(encoding="utf-8") for config in self.configs]
        return [glob for text in texts for glob in ANALYZER_CHECK.findall(text)]


@dataclass(frozen=True)
class Group:
    """Sources whose texts follow one another in one file."""
    path: pathlib.Path
    sources: tuple
    texts: tuple  # as they were when the file was written

    def entry(self):
        """How the file is compiled: as its first source."""
        first = self.sources[0].entry
        command = first["command"].replace(first["file"], str(self.path))
        return {"directory": first["directory"], "file": str(self.path),
                "command": f"{command} -iquote {self.sources[0].path.parent}"}

    def sources_of(self, output):
        """The sources that the findings in `output` may come from."""
        findings = FINDING.findall(output)
        if (not findings or DOES_NOT_COMPILE in output
                or any(path != str(self.path) for path, _ in findings)):
            return list(self.sources)  # also when they are in a header: any of them may be why
        found = {self._source_at(int(line)).name for _, line in findings}
        return [source for source in self.sources if source.name in found]

    def _source_at(self, line):
        for source, text in zip(self.sources, self.texts):
            line -= text.count("\n")
            if line <= 0:
                return source
        raise ValueError(f"{self.path} has fewer lines than clang-tidy says")


def first_finding(output):
    found = FINDING.search(output)
    return output[found.start():].splitlines()[0] if found else output


def text_of(source):
    return source.path.read_text(encoding="utf-8")


@dataclass(frozen=True)
class Names:
    """What a source declares, as far as one sees without compiling it."""
    private: frozenset  # in unnamed namespaces
    public: frozenset
    brought: frozenset = frozenset()  # by the headers that it includes

    def collide(self, other):
        """Whether a name could get another meaning if both sources stood in one file.

        Public functions of one name differ in their parameters, wherever they stand.
        """
        return self._hides(other) or other._hides(self)

    def _hides(self, other):
        return bool(self.private & (other.private | other.public | other.brought - self.brought))

    def joined(self, other):
        return Names(self.private | other.private, self.public | other.public,
                     self.brought | other.brought)


def names_declared(bare):
    private = "\n".join(PRIVATE_PART.findall(bare))
    return Names(_names_in(private), _names_in(PRIVATE_PART.sub("", bare)))


def _names_in(bare):
    return frozenset(TYPE_NAME.findall(bare)) | frozenset(OTHER_NAME.findall(bare))


def stays_alone(text, bare):
    return bool(SUPPRESSED_REGION.search(text) or REACHES_FURTHER.search(bare))


def together(sources, count_max):
    """`sources` as lists of at most `count_max` that can stand in one file."""
    brought_by = {}
    for header in {file for source in sources for file in source.files}:
        bare = tidy.without_comments_and_literals(header.read_text(encoding="utf-8"))
        brought_by[header] = names_declared(bare).public
    lists = []  # (kind, names, sources)
    for source in sorted(sources, key=lambda one: one.name):
        text = text_of(source)
        bare = tidy.without_comments_and_literals(text)
        kind = None if stays_alone(text, bare) else source.kind()
        headers = [file for file in source.files if file != source.path]
        brought = frozenset().union(*(brought_by[header] for header in headers))
        names = replace(names_declared(bare), brought=brought)
        for place, (other_kind, other_names, members) in enumerate(lists):
            if (kind is not None and kind == other_kind and len(members) < count_max
                    and not names.collide(other_names)):
                lists[place] = (kind, names.joined(other_names), [*members, source])
                break
        else:
            lists.append((kind, names, [source]))
    return [members for _, _, members in lists]


def write_groups(sources, folder, root, count_max):
    """Groups of `sources`, their files written below `folder`.

    A group's file lies under a copy of the .clang-tidy files of its sources, where clang-tidy
    looks for them.
    """
    groups = []
    for number, members in enumerate(together(sources, count_max)):
        place = folder / members[0].path.parent.relative_to(root)
        texts = tuple(text_of(source) + "\n" + SEAM for source in members)
        group = Group(place / f"group-{number}.cpp", tuple(members), texts)
        groups.append(group)
        if len(members) == 1:
            continue
        place.mkdir(parents=True, exist_ok=True)
        for config in members[0].configs:
            (folder / config.relative_to(root)).write_bytes(config.read_bytes())
        group.path.write_text("".join(texts), encoding="utf-8")
    return groups
