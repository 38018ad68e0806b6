"""A process that appends to an audit log for as long as it lives: ``writer.py WHERE NAME TERM BATCHES BATCH``.

It says each receipt on stdout once `append` has returned it.
"""

from __future__ import annotations

import sys

from audit_records import signal

from release.audit import AuditLog


def main(where: str, name: str, term: int, batches: int, batch: int) -> None:
    with AuditLog.open(where) as log:
        print("open", flush=True)
        sys.stdin.readline()
        for number in range(batches):
            records = [signal(number * batch + step, reason=f"{name} {number}") for step in range(batch)]
            for receipt in log.append(records, term=term):
                print(receipt, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *(int(argument) for argument in sys.argv[3:]))
