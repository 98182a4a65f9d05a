#!/usr/bin/env python3
"""A share of the end-to-end tests, run with the kifa of one delivery.

The tests are those of tests/integration, as they were built; they start the program that
KIFA_TEST_DELIVERY names. All of them would take too long a second and a third time: these are what
a delivery can get wrong: plugins of every kind, and the libraries that they bring.
"""

import os
import subprocess
import sys

import support

# What would be different in a delivery, by test executable and the names of its cases.
SHARE = {
    "integration_usage": ["version and help*", "output that stdout does not take*"],
    "integration_input": ["NUL and 0xFF*", "text that is UTF-8*", "a reader that has seen*"],
    "integration_framings": [],  # all
    "integration_file": ["logrotate rotates*", "a file is read while it is written*"],
    "integration_tcp": ["every byte value*", "a unix socket takes*", "the daemon takes lines*"],
    "integration_tcp_tls": ["lines that openssl sends*", "with tls_client_ca only*"],
    "integration_ack": ["a device hears the numbers*", "every line that was acknowledged*"],
    "integration_udp": ["logger's messages*", "socat reaches kifa*"],
    "integration_serial": ["receipts of a till*", "a device hears ACK*"],
    "integration_keeping": ["stats tells of tables*"],
    "integration_export": ["a compressed export*"],
    "integration_tail": ["tail shows a record soon*"],
}


def passes(executable, cases, surroundings):
    """True when all cases passed, and some there were."""
    failed = False
    for case in cases or ["*"]:
        run = subprocess.run([executable, case], env=surroundings, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, timeout=300, check=False)
        said = run.stdout.decode(errors="replace")
        # An executable that finds no case of that name says so and succeeds.
        if run.returncode != 0 or "All tests passed" not in said:
            failed = True
            print(f"{executable.name} \"{case}\":\n{said}")
    return not failed


def failures_of(kifa, build, names=tuple(SHARE)):
    """Those of `names` that do not pass with this kifa."""
    if not os.access(kifa, os.X_OK):
        sys.exit(f"{kifa} is no program")
    surroundings = {**support.environment(), "KIFA_TEST_DELIVERY": str(kifa)}
    return [name for name in names
            if not passes(build / "tests" / name, SHARE[name], surroundings)]


def main():
    known = support.arguments_of_test()
    failed = failures_of(known.kifa, known.build)
    print(f"{len(SHARE) - len(failed)} of {len(SHARE)} executables passed with {known.kifa}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
