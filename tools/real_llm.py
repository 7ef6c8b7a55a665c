"""Serves WEIGHTS under the name MODEL on a port of loopback until it is told to end; started by real_llm.sh."""

import os
import signal
import sys
from threading import Event

import xllamacpp

CONTEXT_TOKENS = 4096


def main() -> None:
    weights, model, port, threads = sys.argv[1:]
    parameters = xllamacpp.CommonParams()
    parameters.model.path = weights
    parameters.model_alias = {model}
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = int(port)
    parameters.n_ctx = CONTEXT_TOKENS
    parameters.n_parallel = 1
    parameters.n_gpu_layers = 0
    parameters.cache_ram_mib = 0
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = int(threads)
    parameters.ui = False
    server = xllamacpp.Server(parameters)
    sys.stdout.write(f"{model} at {server.listening_address}\n")
    sys.stdout.flush()
    ended = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    while not ended.wait(0.5):
        pass
    os._exit(0)  # the engine's threads do not end by themselves


if __name__ == "__main__":
    main()
