"""A proxy's end of the launcher protocol, made of bare frames: listens, welcomes, orders, collects reports."""
import array
import os
import select
import socket
import struct
import time

TYPES = {"hello": 1, "state": 2, "spawned": 3, "spawn_failed": 4, "exited": 5, "gone": 6, "tail": 7, "config_hash": 8,
         "term_seen": 9, "socket_ready": 10, "memory": 11, "welcome": 64, "spawn": 65, "signal": 66, "stop": 67, "keep_listeners": 68,
         "keep_record": 69, "snapshot": 70, "drop_snapshot": 71, "exit_with": 72, "ask_tail": 73, "ask_memory": 74, "refusal": 128}
NAMES = {number: name for name, number in TYPES.items()}
# tag -> (name, kind); kinds: n number, s text, S list of texts, a tuple: list of messages of those fields
FIELDS = {
    "hello": {1: ("major", "n"), 2: ("minor", "n"), 3: ("features", "S"), 4: ("version", "s"), 5: ("token", "s"),
              6: ("pid", "n"), 7: ("command", "S")},
    "state": {1: ("running", {1: ("generation", "n"), 2: ("pid", "n"), 3: ("age_ms", "n"), 4: ("socket", "s"),
                              5: ("socket_is_ready", "n"), 6: ("config_generation", "n"), 7: ("is_stopping", "n"),
                              8: ("argv", "S")}),
              2: ("snapshots", {1: ("generation", "n"), 2: ("hash", "s")}), 3: ("record", "s"), 4: ("names", "S"),
              5: ("term_seen", "n")},
    "spawned": {1: ("generation", "n"), 2: ("pid", "n"), 3: ("socket", "s")},
    "spawn_failed": {1: ("generation", "n"), 2: ("message", "s"), 3: ("errno", "n")},
    "exited": {1: ("generation", "n"), 2: ("status", "n"), 3: ("signal", "n"), 4: ("forked_away", "n"),
               5: ("was_asked", "n"), 6: ("out_of_memory", "n"), 7: ("output", "S")},
    "gone": {1: ("generation", "n")},
    "tail": {1: ("generation", "n"), 2: ("output", "S")},
    "config_hash": {1: ("generation", "n"), 2: ("hash", "s"), 3: ("error", "s")},
    "term_seen": {},
    "socket_ready": {1: ("generation", "n")},
    "memory": {1: ("generation", "n"), 2: ("has_limit", "n"), 3: ("limit", "n"), 4: ("used", "n"), 5: ("resident", "n")},
    "refusal": {1: ("type", "n"), 2: ("reason", "s")},
}


def field(tag, value):
    if isinstance(value, (list, tuple)):
        return b"".join(field(tag, one) for one in value)
    if isinstance(value, int):
        value = struct.pack(">Q", value)
    elif isinstance(value, str):
        value = value.encode()
    return struct.pack(">HI", tag, len(value)) + value


def frame(name, **fields):
    body = b"".join(field(tag, value) for tag, value in fields.values())
    return struct.pack(">IH", 2 + len(body), TYPES[name]) + body


def parse(fields, body):
    message = {name: {"n": 0, "s": ""}.get(kind, []) if not isinstance(kind, dict) else [] for name, kind in fields.values()}
    message = {name: ([] if isinstance(value, list) else value) for name, value in message.items()}
    at = 0
    while at < len(body):
        tag, size = struct.unpack_from(">HI", body, at)
        value = body[at + 6:at + 6 + size]
        at += 6 + size
        if tag not in fields:
            continue
        name, kind = fields[tag]
        if kind == "n":
            message[name] = struct.unpack(">Q", value)[0]
        elif kind == "s":
            message[name] = value.decode(errors="replace")
        elif kind == "S":
            message[name].append(value.decode(errors="replace"))
        else:
            message[name].append(parse(kind, value))
    return message


class Proxy:
    """Listens on run_dir/run/launch.sock. `accept` waits for the launcher and welcomes it."""

    def __init__(self, run_dir, token="t" * 32, grace_ms=30000):
        self.run_dir = str(run_dir)
        self.token = token
        self.grace_ms = grace_ms
        for name, mode in (("run", 0o711), ("run/app", 0o1777), ("run/config", 0o1777)):
            path = os.path.join(self.run_dir, name)
            os.makedirs(path, exist_ok=True)
            os.chmod(path, mode)
        path = os.path.join(self.run_dir, "run/launch.sock")
        if os.path.exists(path):
            os.unlink(path)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        os.chmod(path, 0o666)
        self.listener.listen(8)
        self.connection = None

    def accept(self, timeout=30):
        self.listener.settimeout(timeout)
        self.connection, _ = self.listener.accept()
        self.buffer = b""
        self.fds = []
        self.seen = []
        self.hello = self.wait("hello")
        self.send("welcome", major=(1, 1), token=(4, self.token), grace=(5, self.grace_ms))
        self.state = self.wait("state")
        return self

    def send(self, name, fds=(), **fields):
        data = frame(name, **fields)
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        sent = self.connection.sendmsg([data], rights)
        if sent < len(data):
            self.connection.sendall(data[sent:])

    def _read(self, timeout):
        if not select.select([self.connection], [], [], timeout)[0]:
            return False
        data, control, _, _ = self.connection.recvmsg(65536, socket.CMSG_SPACE(256))
        for level, kind, payload in control:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                numbers = array.array("i")
                numbers.frombytes(payload[:len(payload) // 4 * 4])
                self.fds += list(numbers)
        if not data:
            raise EOFError("the launcher closed the connection")
        self.buffer += data
        while len(self.buffer) >= 4 and len(self.buffer) >= 4 + struct.unpack(">I", self.buffer[:4])[0]:
            size = struct.unpack(">I", self.buffer[:4])[0]
            name = NAMES[struct.unpack(">H", self.buffer[4:6])[0]]
            self.seen.append((name, parse(FIELDS[name], self.buffer[6:4 + size])))
            self.buffer = self.buffer[4 + size:]
        return True

    def wait(self, name, timeout=30, **match):
        """The first report of that name whose fields match; it is taken out, others stay."""
        end = time.monotonic() + timeout
        while True:
            for i, (seen, message) in enumerate(self.seen):
                if seen == name and all(message[key] == value for key, value in match.items()):
                    del self.seen[i]
                    return message
            left = end - time.monotonic()
            if left <= 0 or not self._read(left):
                raise TimeoutError(f"no {name} {match} within {timeout} s; seen: {self.seen}")

    def quiet(self, name, seconds):
        """True when no report of that name comes for so long."""
        try:
            self.wait(name, timeout=seconds)
        except TimeoutError:
            return True
        return False

    def spawn(self, generation, argv, env=(), socket_wanted=0, config=0):
        self.send("spawn", generation=(1, generation), argv=(2, list(argv)), env=(3, list(env)),
                  wants_socket=(4, socket_wanted), config=(5, config))

    def spawned(self, generation, argv, **more):
        self.spawn(generation, argv, **more)
        return self.wait("spawned", generation=generation)

    def stop(self, generation, kill_after_ms):
        self.send("stop", generation=(1, generation), kill_after=(2, kill_after_ms))

    def close(self):
        for one in (self.connection, self.listener):
            if one is not None:
                one.close()
        self.connection = None
