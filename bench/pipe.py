"""pipe.py FIGURE COUNT: what multiprocessing's Process and Pipe do of a figure's work.
Prints its values, one a line."""

import multiprocessing
import signal
import sys
import time

PAYLOAD = b"ward" + bytes(60)
MESSAGE_1M = bytes(1_000_000)
CRASH = b"!"
# As on every Linux, and the fastest: a bare fork.
FORK = multiprocessing.get_context("fork")


def now_us():
    return time.monotonic_ns() / 1000


def quantile(values, share):
    return sorted(values)[int((len(values) - 1) * share + 0.5)]


def echo(end, other_end, _count):
    other_end.close()
    while True:
        message = end.recv_bytes()
        if message == CRASH:
            signal.raise_signal(signal.SIGSEGV)
        end.send_bytes(message)


def swallow(end, other_end, count):
    """Says so when it has so many."""
    other_end.close()
    for _ in range(count):
        end.recv_bytes()
    end.send_bytes(b"")


def start(body, count=0):
    end, other_end = FORK.Pipe()
    process = FORK.Process(target=body, args=(other_end, end, count), daemon=True)
    process.start()
    other_end.close()
    return process, end


def expect(end, message):
    if end.recv_bytes() != message:
        sys.exit("a strange message")


def ask(end):
    end.send_bytes(PAYLOAD)
    expect(end, PAYLOAD)


def ask_rtt(count):
    _, end = start(echo)
    times = []
    for _ in range(count):
        begun = now_us()
        ask(end)
        times.append(now_us() - begun)
    return [quantile(times, 0.5)]


def tell(count, message):
    _, end = start(swallow, count)
    begun = now_us()
    for _ in range(count):
        end.send_bytes(message)
    expect(end, b"")
    return count / (now_us() - begun) * 1e6


def tell_64(count):
    return [tell(count, PAYLOAD)]


def tell_1m(count):
    return [tell(count, MESSAGE_1M) * len(MESSAGE_1M)]


def restart(count):
    process, end = start(echo)
    ask(end)
    times = []
    for _ in range(count):
        begun = now_us()
        end.send_bytes(CRASH)
        process.join()
        if process.exitcode != -signal.SIGSEGV:
            sys.exit("it did not crash")
        end.close()
        process, end = start(echo)
        ask(end)
        times.append(now_us() - begun)
    return [quantile(times, 0.5), quantile(times, 0.99)]


FIGURES = {
    "ask_rtt": ask_rtt,
    "tell_64": tell_64,
    "tell_worker_to_worker": tell_64,
    "tell_1m": tell_1m,
    "restart": restart,
}

for value in FIGURES[sys.argv[1]](int(sys.argv[2])):
    print(f"{value:.6f}")
