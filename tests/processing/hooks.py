"""A hook for the tests: the field `act` of an object names the function that processes it."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from types import MappingProxyType
from typing import Any

from chalicelib.processing.hook import Item, Permanent, Transient


def process(item: Item) -> Any:
    return ACTS[item.fields["act"]](item)


def not_a_hook_but_a_constant() -> None: ...


class Unprintable(Exception):
    def __str__(self) -> str:
        raise ValueError("no text")


def everything(item: Item) -> Any:
    """Returns all that the item contains."""
    names = ("object_id", "bucket_id", "namespace_id", "batch_id", "fields", "metadata", "attempt", "deadline")
    names_of_file = ("blob_id", "property", "type", "mime_type", "filename", "size_bytes", "sha256", "url")
    files = [{name: getattr(file, name) for name in names_of_file} for file in item.files]
    return {**{name: getattr(item, name) for name in names}, "files": files}


def word_count(item: Item) -> Any:
    return {"words": len(item.files[0].read().split())}


def in_pieces(item: Item) -> Any:
    """Reads a file in small pieces, and returns its length and by how many bytes the memory of the process grew."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    length = 0
    with item.files[0].open() as stream:
        while piece := stream.read(10_000):
            length += len(piece)
    return {"length": length, "grown": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024}


def seeks(item: Item) -> Any:
    stream = item.files[0].open()
    size = stream.seek(0, os.SEEK_END)
    stream.seek(-4, os.SEEK_CUR)
    end = stream.read()
    stream.seek(2)
    start = stream.read(3)
    with suppress(ValueError, OSError):
        stream.seek(-1)
    return {
        "size": size,
        "start": start.decode(),
        "end": end.decode(),
        "after": stream.seek(size + 9) and not stream.read(),
    }


def reads_in_threads(item: Item) -> Any:
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(len(item.files[0].read()))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"found": found}


def reads_too_late(item: Item) -> Any:
    stream = item.files[0].open()

    def read() -> None:
        time.sleep(0.3)
        try:
            stream.read()
        except ValueError as error:
            print("late:", error)

    threading.Thread(target=read, daemon=True).start()


def catches_a_missing_file(item: Item) -> Any:
    try:
        item.files[0].read()
    except Permanent as error:
        return {"caught": str(error)}


def transient(item: Item) -> Any:
    raise Transient("the catalog is busy, ask again with sk_live_1234567890\nsecond line")


def permanent(item: Item) -> Any:
    raise Permanent("no title")


def raises(error: BaseException) -> Callable[[Item], Any]:
    def act(item: Item) -> Any:
        raise error

    return act


def recursion(item: Item) -> Any:
    return recursion(item)


def deep(item: Item) -> Any:
    value: Any = []
    for _ in range(100_000):
        value = [value]
    return {"deep": value}


def circular(item: Item) -> Any:
    value: list[Any] = []
    value.append(value)
    return {"circular": value}


def endless(item: Item) -> Any:
    while True:
        pass


def endless_and_deaf(item: Item) -> Any:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGABRT):
        signal.signal(number, signal.SIG_IGN)
    endless(item)


def sleeps(item: Item) -> Any:
    time.sleep(item.fields["seconds"])
    return {"slept": True}


def leaves_a_process(item: Item) -> Any:
    """Starts a process that does not end, writes its id, and does not end either."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    with open(item.fields["file"], "w") as file:
        file.write(str(child.pid))
    time.sleep(60)


def forks_and_exits(item: Item) -> Any:
    """Ends, while a process that it has forked keeps the connection open."""
    if os.fork() == 0:
        time.sleep(60)
    os._exit(9)


def closes_descriptors(item: Item) -> Any:
    os.closerange(3, 256)
    return {"closed": True}


def closes_everything_and_waits(item: Item) -> Any:
    os.closerange(0, 256)
    time.sleep(60)


def connection() -> int:
    """Returns the descriptor of the connection to the worker."""
    import socket
    import stat

    return next(n for n in range(3, 256) if _mode(n) and stat.S_ISSOCK(_mode(n)) and socket.socket(fileno=os.dup(n)))


def _mode(descriptor: int) -> int:
    with suppress(OSError):
        return os.fstat(descriptor).st_mode
    return 0


def writes(*pieces: bytes) -> Callable[[Item], Any]:
    """Returns a function that writes to the connection."""

    def act(item: Item) -> Any:
        for piece in pieces:
            os.write(connection(), piece)
        time.sleep(60)

    return act


def floods(item: Item) -> Any:
    while True:
        os.write(connection(), b"\0\0\0\x02{}")


def asks_without_reading(item: Item) -> Any:
    """Asks for pieces of the file, and does not read the answers."""
    request = b'{"kind":"read","position":0,"offset":0,"size":1048576}'
    while True:
        os.write(connection(), len(request).to_bytes(4, "big") + request)


def framed(content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + content


def prints(item: Item) -> Any:
    print("hello", item.object_id)
    print("half", end="")
    print("to the error stream", file=sys.stderr)
    print("x" * 5_000)
    print("key sk_live_1234567890")
    sys.stdout.flush()
    os.write(1, b"\x00\xff garbage \x80 to the descriptor\n")
    return {"printed": True}


def moves(item: Item) -> Any:
    os.chdir("/")
    sys.path.clear()
    return {"folder": os.getcwd()}


def exits_later(item: Item) -> Any:
    threading.Timer(0.3, lambda: os._exit(7)).start()
    return {"pid": os.getpid()}


def generator(item: Item) -> Iterator[int]:
    yield 1


def crashes(item: Item) -> Any:
    os.kill(os.getpid(), signal.SIGSEGV)


def eats_memory(item: Item) -> Any:
    resource.setrlimit(resource.RLIMIT_DATA, (1 << 28, 1 << 28))
    return {"eaten": len(bytearray(1 << 30))}


ACTS: dict[str, Callable[[Item], Any]] = {
    "nothing": lambda item: None,
    "pid": lambda item: {"pid": os.getpid()},
    "echo": lambda item: item.fields["value"],
    "proxy": lambda item: MappingProxyType({"a": (1, 2)}),
    "everything": everything,
    "word_count": word_count,
    "in_pieces": in_pieces,
    "seeks": seeks,
    "reads_in_threads": reads_in_threads,
    "reads_too_late": reads_too_late,
    "catches_a_missing_file": catches_a_missing_file,
    "transient": transient,
    "permanent": permanent,
    "os_error": raises(OSError(28, "No space left on device")),
    "unprintable": raises(Unprintable()),
    "connection_error": raises(ConnectionResetError("peer")),
    "permission_error": raises(PermissionError("denied")),
    "memory_error": raises(MemoryError()),
    "base_exception": raises(BaseException("base")),
    "system_exit": raises(SystemExit(3)),
    "keyboard_interrupt": raises(KeyboardInterrupt()),
    "generator_exit": raises(GeneratorExit()),
    "surrogate_message": raises(ValueError("\ud800")),
    "recursion": recursion,
    "deep": deep,
    "circular": circular,
    "list": lambda item: [1],
    "generator": generator,
    "bytes": lambda item: {"made_at": b"x"},
    "time": lambda item: {"made_at": datetime.now()},
    "number_keys": lambda item: {1: "x"},
    "nan": lambda item: {"value": float("nan")},
    "surrogate": lambda item: {"value": "\ud800"},
    "long_number": lambda item: {"value": 10**40},
    "same_key_twice": lambda item: {"value": {1: 1, "1": 2}},
    "huge": lambda item: {"value": "x" * 400_000},
    "exits": lambda item: os._exit(3),
    "crashes": crashes,
    "eats_memory": eats_memory,
    "endless": endless,
    "endless_and_deaf": endless_and_deaf,
    "sleeps": sleeps,
    "leaves_a_process": leaves_a_process,
    "forks_and_exits": forks_and_exits,
    "closes_descriptors": closes_descriptors,
    "closes_everything_and_waits": closes_everything_and_waits,
    "writes_text": writes(b"hello there\n"),
    "writes_json": writes(framed(b"hello")),
    "writes_list": writes(framed(b"[]")),
    "writes_deep_json": writes(framed(b"[" * 100_000)),
    "writes_other_kind": writes(framed(b'{"kind":"dance"}')),
    "writes_bad_failure": writes(framed(b'{"kind":"failed","category":"sad","text":"x"}')),
    "writes_bad_fields": writes(framed(b'{"kind":"returned","fields":[]}')),
    "writes_bad_read": writes(framed(b'{"kind":"read","position":7,"offset":0,"size":1}')),
    "writes_large_read": writes(framed(b'{"kind":"read","position":0,"offset":0,"size":99999999}')),
    "writes_odd_read": writes(framed(b'{"kind":"read","position":0,"offset":true,"size":1}')),
    "writes_half": writes(b"\0\0\0\x09half"),
    "floods": floods,
    "asks_without_reading": asks_without_reading,
    "prints": prints,
    "moves": moves,
    "exits_later": exits_later,
}
