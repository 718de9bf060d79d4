"""What observability costs a query: processor time in process, off and at each granularity.

    python -m benchmarks.observability [--rounds 5]

A collector of its own takes what is sent, in another process. Each round measures every mode once, in turns; the lowest
of the rounds counts, because others use the machine too. `off` is measured twice: the two differ by what is noise.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MODES = ("off", "off again", "metrics", "operation", "operation_and_segment", "all")

ONE = """
import json, os, sys, time
import numpy as np
import chromadb
from chromadb.config import Settings

settings = Settings(**json.loads(sys.argv[1]))
client = chromadb.EphemeralClient(settings)
collection = client.create_collection("vectors", embedding_function=None)
vectors = np.random.default_rng(0).normal(size=(2000, 64)).astype(np.float32)
collection.add(ids=[str(i) for i in range(2000)], embeddings=vectors, documents=["text"] * 2000)
best = float("inf")
for _ in range(6):
    began = time.process_time()
    for i in range(300):
        collection.query(query_embeddings=[vectors[i]], n_results=10)
    best = min(best, (time.process_time() - began) / 300 * 1e6)
print(best, flush=True)
os._exit(0)
"""


class _Collector(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        return


def _settings(mode: str, port: int) -> dict[str, object]:
    if mode.startswith("off"):
        return {}
    traced = mode != "metrics"
    return {
        "chroma_otel_collection_endpoint": f"http://127.0.0.1:{port}",
        "chroma_otel_protocol": "http/protobuf",
        "chroma_otel_granularity": mode if traced else "none",
        "chroma_otel_metrics": not traced,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    collector = ThreadingHTTPServer(("127.0.0.1", 0), _Collector)
    threading.Thread(target=collector.serve_forever, daemon=True).start()
    best = dict.fromkeys(MODES, float("inf"))
    for _ in range(rounds):
        for mode in MODES:
            given = json.dumps(_settings(mode, collector.server_address[1]))
            done = subprocess.run([sys.executable, "-c", ONE, given], capture_output=True, text=True, check=True)
            best[mode] = min(best[mode], float(done.stdout))
    for mode, microseconds in best.items():
        print(f"{mode:24}{microseconds:8.1f} us a query  {microseconds - best['off']:+8.1f}")


if __name__ == "__main__":
    main()
