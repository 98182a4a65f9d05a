"""Stores payloads, and reads them back in every format with parsers that kifa has no part in.

check_formats.py KIFA GENERATOR RECEIPTS KIND RECORDS SEED

KIND is `bytes` (random ones), `transactions` (JSON of the generator), `spoiled` (the same with a
byte changed) or `receipts` (of the generator, and the files in the folder RECEIPTS). Exits with 1
and one sentence at the first byte that differs.
"""

import argparse
import base64
import csv
import io
import json
import pathlib
import random
import re
import subprocess
import sys
import tempfile

JQ_RECORDS_MAX = 20_000  # it is slow
ESCAPES = re.compile(rb"\\(\\|n|r|t|x[0-9a-f]{2}|u[0-9a-f]{4})")
LETTERS = {b"\\": b"\\", b"n": b"\n", b"r": b"\r", b"t": b"\t"}
JQ = 'if has("data") then .data | @base64 else .data_base64 end'


def generated(generator, form, count, seed):
    command = [generator, "--count", str(count), "--seed", str(seed), "--format", form]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        if form == "json":
            yield from (line.rstrip(b"\n") for line in process.stdout)
        else:
            rest = b""
            while piece := process.stdout.read(1 << 16):
                *whole, rest = (rest + piece).split(b"\f")
                yield from whole


def payloads(arguments):
    """The same ones in every call."""
    kind, count, seed = arguments.kind, arguments.records, arguments.seed
    rng = random.Random(seed)
    if kind == "bytes":
        for _ in range(count):
            yield rng.randbytes(rng.randrange(1, 300))
    elif kind == "transactions":
        yield from generated(arguments.generator, "json", count, seed)
    elif kind == "spoiled":
        for payload in generated(arguments.generator, "json", count, seed):
            place = rng.randrange(len(payload))
            byte = rng.choice(b'{}[]:,"\\0-.eE+untrf \n\xff')
            yield payload[:place] + bytes([byte]) + payload[place + 1:]
    else:
        samples = [path.read_bytes() for path in sorted(arguments.receipts.glob("*.bin"))]
        for number, payload in enumerate(generated(arguments.generator, "receipt", count, seed)):
            yield samples[number % len(samples)] if number % 5 == 0 else payload


def store(arguments, folder):
    (folder / "store.yaml").write_text(f"""version: 1
store: {{ data_dir: {folder}/data, flush_mode: normal }}
pipelines:
  till-1:
    sources: {{ printer: {{ type: stdin, framing: {{ type: length_prefixed, width: 4 }} }} }}
    sinks: {{ journal: {{ type: kifa }} }}
""")
    with subprocess.Popen([arguments.kifa, "run", folder / "store.yaml"], stdin=subprocess.PIPE,
                          stderr=subprocess.PIPE) as run:
        with io.BufferedWriter(run.stdin, 1 << 20) as out:
            for payload in payloads(arguments):
                out.write(len(payload).to_bytes(4, "big") + payload)
        told = run.stderr.read().decode()
    if run.returncode != 0:
        raise ValueError(f"kifa run ended with {run.returncode}: {told}")


# ---------------------------------------------------------------------- one reader a format

def of_exact_text(out):
    def byte_of(match):
        escape = match.group(1)
        if escape[:1] == b"x":
            return bytes([int(escape[1:], 16)])
        if escape[:1] == b"u":
            return chr(int(escape[1:], 16)).encode()
        return LETTERS[escape]
    for line in out:
        yield ESCAPES.sub(byte_of, line.removesuffix(b"\n"))


def of_netstrings(out):
    while True:
        digits = b""
        while (byte := out.read(1)) not in (b":", b""):
            digits += byte
        if not digits:
            return
        payload = out.read(int(digits))
        if out.read(1) != b",":
            raise ValueError("a netstring does not end with a comma")
        yield payload


def bytes_of(record):
    if ("data" in record) == ("data_base64" in record):
        raise ValueError("exactly one of data and data_base64 must be there")
    if "data" in record:
        return record["data"].encode()
    return base64.b64decode(record["data_base64"], validate=True)


def of_json(out):
    for number, line in enumerate(out, 1):
        record = json.loads(line)
        if record["lsn"] != number or record["source"] != "printer":
            raise ValueError(f"record {number} is called {record['lsn']} of {record['source']}")
        yield bytes_of(record)


def of_jq(out):
    with subprocess.Popen(["jq", "-r", JQ], stdin=out, stdout=subprocess.PIPE) as jq:
        for line in jq.stdout:
            yield base64.b64decode(line.rstrip(b"\n"), validate=True)
    if jq.returncode != 0:
        raise ValueError(f"jq ended with {jq.returncode}")


def of_csv(out, unguarded=False, **dialect):
    def text_of(cell):
        return cell[1:] if unguarded and cell.startswith("'") else cell
    csv.field_size_limit(1 << 26)
    rows = csv.reader(io.TextIOWrapper(out, encoding="utf-8", newline=""), strict=True, **dialect)
    if next(rows) != ["lsn", "timestamp", "pipeline", "source", "data", "data_base64"]:
        raise ValueError("the first row does not have the names of the columns")
    for number, (lsn, _, pipeline, source, data, data_base64) in enumerate(rows, 1):
        if (lsn, pipeline, source) != (str(number), "till-1", "printer") or (data and data_base64):
            raise ValueError(f"row {number} is {lsn}, {pipeline}, {source}")
        if unguarded and (data + data_base64)[:1] in tuple("=+-@\t\r\n"):
            raise ValueError(f"row {number} begins as a formula does")
        if data_base64:
            yield base64.b64decode(text_of(data_base64), validate=True)
        else:
            yield text_of(data).encode()


def of_hex(out):
    for number, line in enumerate(out, 1):
        lsn, unix_ns, digits = line.removesuffix(b"\n").split(b" ")
        if len(lsn) != 16 or len(unix_ns) != 16 or int(lsn, 16) != number:
            raise ValueError(f"line {number} begins with {lsn} {unix_ns}")
        yield bytes.fromhex(digits.decode())


def of_dump(out):
    size, payload = None, b""
    for line in out:
        if line.startswith(b"["):
            size, payload = int(line.split()[-2]), b""
            continue
        offset, *rest = line[:58].split()
        if int(offset, 16) != len(payload):
            raise ValueError(f"offset {offset} stands behind {len(payload)} bytes")
        if rest:
            piece = bytes.fromhex(b"".join(rest).decode())
            shown = bytes(byte if 0x20 <= byte < 0x7F else ord(".") for byte in piece)
            if line[60:] != b"|" + shown + b"|\n":
                raise ValueError(f"{piece!r} is shown as {line[60:]!r}")
            payload += piece
        elif size == len(payload):
            yield payload
        else:
            raise ValueError(f"{len(payload)} bytes of {size} are there")


def container_of(payload):
    """The JSON object or array that the payload is; None when it is none that parsers agree on."""
    def refuse(word):
        raise ValueError(word)
    try:
        value = json.loads(payload.decode(), parse_constant=refuse)
        json.dumps(value, ensure_ascii=False).encode()  # no lone surrogate
    except ValueError:
        return None
    return value if isinstance(value, (dict, list)) else None


def check_embedded(arguments, out):
    for number, (line, payload) in enumerate(zip(out, payloads(arguments), strict=True), 1):
        record = json.loads(line)
        expected = container_of(payload)
        if expected is None:
            if bytes_of(record) != payload:
                raise ValueError(f"record {number} is {record!r}, stored was {payload!r}")
        elif record["data"] != expected:
            raise ValueError(f"record {number}: {record!r} does not embed {payload!r}")
    return number


FORMATS = [
    (["text", "exact=true", "prefix=false"], of_exact_text),
    (["text", "raw=true", "template={size}:{data},", "end="], of_netstrings),
    (["json"], of_json),
    (["json"], of_jq),
    (["csv"], of_csv),
    (["csv", "delimiter=;", "line_end=lf", "formula_guard=true"],
     lambda out: of_csv(out, unguarded=True, delimiter=";")),
    (["hex"], of_hex),
    (["hex", "layout=dump"], of_dump),
]


def query(arguments, folder, form, limit=0):
    command = [arguments.kifa, "query", "-d", folder / "data", "--format", form[0], "--limit",
               str(limit)]
    for option in form[1:]:
        command += ["--format-option", option]
    return subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=1 << 20)


def compare(arguments, found, limit):
    number = 0
    expected = payloads(arguments)
    for number, payload in enumerate(found, 1):
        want = next(expected, None)
        if payload != want:
            raise ValueError(f"record {number} is {payload!r}, stored was {want!r}")
    wanted = min(limit or arguments.records, arguments.records)
    if number != wanted:
        raise ValueError(f"{number} of {wanted} records are there")


def parse_arguments():
    parser = argparse.ArgumentParser()
    for name in ("kifa", "generator", "receipts", "kind"):
        parser.add_argument(name)
    parser.add_argument("records", type=int)
    parser.add_argument("seed", type=int)
    arguments = parser.parse_args()
    arguments.receipts = pathlib.Path(arguments.receipts)
    return arguments


def main():
    arguments = parse_arguments()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        store(arguments, folder)
        for form, reader in FORMATS:
            limit = JQ_RECORDS_MAX if reader is of_jq else 0
            with query(arguments, folder, form, limit) as run:
                try:
                    compare(arguments, reader(run.stdout), limit)
                except (ValueError, KeyError, csv.Error) as failure:
                    run.kill()
                    sys.exit(f"check_formats: {form}, {reader.__name__}: {failure}")
            if run.returncode != 0:
                sys.exit(f"check_formats: {form}: kifa query ended with {run.returncode}")
        with query(arguments, folder, ["json", "embed=true"]) as run:
            try:
                check_embedded(arguments, run.stdout)
            except (ValueError, KeyError) as failure:
                run.kill()
                sys.exit(f"check_formats: json, embed: {failure}")
    print(f"{arguments.records} records of {arguments.kind}, {len(FORMATS) + 1} ways")


main()
