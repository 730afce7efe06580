"""The service under 200 requests from 8 clients: statuses, times, memory.

python benchmarks/service.py
python benchmarks/service.py --clients 16 --requests 400
"""

from __future__ import annotations

import argparse
import collections
import http.client
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np

from prnet.packaged import SAMPLE_PHOTO


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--requests", type=int, default=200)
    args = parser.parse_args()
    command = [sys.executable, "-m", "prnet", "serve", "--port", "0", "--no-open"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        found = re.search(r":(\d+)/", server.stdout.readline())
        assert found is not None
        port = int(found[1])
        _ask(port)  # the first one is slow
        before, statuses, seconds = _peak(server.pid), collections.Counter[int](), list[float]()

        def client() -> None:
            for _ in range(args.requests // args.clients):
                start = time.perf_counter()
                statuses[_ask(port)] += 1
                seconds.append(time.perf_counter() - start)

        threads = [threading.Thread(target=client) for _ in range(args.clients)]
        start = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        passed = time.perf_counter() - start
        middle, late, longest = np.percentile(seconds, [50, 95, 100])
        print(f"{len(seconds)} requests from {args.clients} clients in {passed:.1f} s: ", end="")
        print(", ".join(f"{status} {count} times" for status, count in sorted(statuses.items())))
        print(f"seconds: median {middle:.2f}, 95 % {late:.2f}, longest {longest:.2f}")
        print(f"peak memory: {before} MB before, {_peak(server.pid)} MB after")
        print("load average:", " ".join(f"{load:.1f}" for load in os.getloadavg()))
        server.terminate()


def _ask(port: int) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    headers = {"Content-Type": "image/jpeg"}
    connection.request("POST", "/api/reconstruct", SAMPLE_PHOTO.read_bytes(), headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


def _peak(process: int) -> int:
    """Megabytes, the most so far (Linux)."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024


if __name__ == "__main__":
    main()
