"""Checks what `kifa query --format json` prints with Python's own JSON parser.

check_records.py KIFA DATA_DIR generated COUNT      the lines of generated_lines.hpp
check_records.py KIFA DATA_DIR generated COUNTxN    each of them N times, with spaces between
check_records.py KIFA DATA_DIR file PATH            the lines of a file, byte for byte
check_records.py KIFA DATA_DIR file-strip-cr PATH   the same without one CR before each LF

Exits with 1 and one sentence at the first difference.
"""

import base64
import json
import subprocess
import sys


def generated(argument):
    count, _, times = argument.partition("x")
    for line in generated_once(int(count)):
        yield b" ".join([line] * int(times or 1))


def generated_once(count):
    mask = (1 << 64) - 1
    factors = [(0x9E3779B97F4A7C15 * (2 * i + 1)) & mask for i in range(11, -1, -1)]
    shape = "%016x" * 12
    for number in range(1, count + 1):
        limbs = [(factor * number) & mask for factor in factors]
        digits = shape % tuple([limb ^ (limb >> 29) for limb in limbs])
        yield ("TXN-%09d %s" % (number, digits[-185:])).encode()


def of_file(path, strip_cr):
    with open(path, "rb") as file:
        lines = file.read().split(b"\n")
    if lines[-1] == b"":
        lines.pop()  # the file ends with LF
    else:
        last = lines.pop()
        lines = [line[:-1] if strip_cr and line.endswith(b"\r") else line for line in lines]
        yield from lines
        yield last  # without LF: nothing is stripped
        return
    for line in lines:
        yield line[:-1] if strip_cr and line.endswith(b"\r") else line


def payload(record):
    if ("data" in record) == ("data_base64" in record):
        raise ValueError("exactly one of data and data_base64 must be there")
    if "data" in record:
        return record["data"].encode("utf-8")
    return base64.b64decode(record["data_base64"], validate=True)


def check(lines, expected):
    lsn = 0
    last_ns = 0
    for line in lines:
        record = json.loads(line)
        lsn += 1
        if record["lsn"] != lsn:
            raise ValueError("LSN %s where %d was expected" % (record["lsn"], lsn))
        want = next(expected, None)
        if want is None:
            raise ValueError("record %d was never sent" % lsn)
        if payload(record) != want:
            raise ValueError("record %d is %r, sent was %r" % (lsn, payload(record), want))
        if record["timestamp_ns"] // 1000000 != record["timestamp_ms"]:
            raise ValueError("record %d: timestamp_ms and timestamp_ns contradict" % lsn)
        if not record["timestamp"].strip() or not record["source"]:
            raise ValueError("record %d has no timestamp or source" % lsn)
        last_ns = record["timestamp_ns"]
    missing = next(expected, None)
    if missing is not None:
        raise ValueError("record %d is missing: %r" % (lsn + 1, missing))
    if lsn and last_ns < 1600000000 * 10**9:
        raise ValueError("the time of the last record is %d" % last_ns)
    return lsn


def main():
    kifa, data_dir, kind, argument = sys.argv[1:]
    if kind == "generated":
        expected = generated(argument)
    else:
        expected = of_file(argument, kind == "file-strip-cr")
    command = [kifa, "query", "-d", data_dir, "--format", "json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as query:
        try:
            count = check(query.stdout, expected)
        except (ValueError, KeyError) as failure:
            query.kill()
            sys.exit("check_records: %s" % failure)
    if query.returncode != 0:
        sys.exit("check_records: kifa query ended with %d" % query.returncode)
    print(count)


main()
