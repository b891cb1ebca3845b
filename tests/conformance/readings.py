"""HTTP/1 as differently as apps and clients read it. Bytes that two of these read differently are how requests are smuggled, so what
a proxy forwards must be the same to all of them.

A reading says where lines end, which fields it knows, and which of them frames a body. None of them refuses what it can
make sense of: that is the point.
"""
import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Reading:
    name: str
    line_ends: bytes = rb"\r\n"        # a regular expression
    codings: str = r"chunked"         # what of Transfer-Encoding's value means chunked, as a whole
    coding_wins: bool = True          # over Content-Length
    length: str = "first"             # of several: first, last
    names: str = r"[^:]+"             # what a field's name may be
    underscores: bool = False         # X_Y is X-Y, as CGI has it
    trims: bool = True                # white space before the colon


READINGS = (
    Reading("plain"),
    Reading("lines end in LF", line_ends=rb"\r?\n"),
    Reading("lines end in CR or LF", line_ends=rb"\r\n|\r|\n"),
    Reading("chunked anywhere in the value", codings=r".*chunked.*"),
    Reading("chunked at the end of the value", codings=r".*\bchunked\W*"),
    Reading("length wins", coding_wins=False),
    Reading("last length", length="last"),
    Reading("last length wins, LF", length="last", coding_wins=False, line_ends=rb"\r?\n"),
    Reading("underscores are dashes", underscores=True),
    Reading("names are taken as they stand", trims=False),
)


class Cut(Exception):
    """The message is not whole."""


class Bad(Exception):
    """No sense can be made of it."""


@dataclass
class Message:
    start: str
    fields: list
    body: bytes = b""

    def all(self, name):
        return [value for key, value in self.fields if key == name]

    def key(self):
        return self.start, self.body


class Cursor:
    def __init__(self, data, reading, ended):
        self.data, self.reading, self.at, self.ended = data, reading, 0, ended

    def line(self):
        found = re.compile(self.reading.line_ends).search(self.data, self.at)
        if not found:
            raise Cut
        text, self.at = self.data[self.at:found.start()], found.end()
        return text.decode("latin-1")

    def exactly(self, size):
        if len(self.data) - self.at < size:
            raise Cut
        text, self.at = self.data[self.at:self.at + size], self.at + size
        return text

    def rest(self):
        if not self.ended:
            raise Cut
        return self.exactly(len(self.data) - self.at)


def fields_of(cursor):
    reading, fields = cursor.reading, []
    while line := cursor.line():
        if line[0] in " \t" and fields:
            fields[-1] = (fields[-1][0], fields[-1][1] + " " + line.strip())
            continue
        name, colon, value = line.partition(":")
        name = name.strip() if reading.trims else name
        name = name.replace("_", "-") if reading.underscores else name
        fields.append((name.lower(), value.strip(" \t")) if colon else ("", line))
    return fields


def number(text, base):
    digits = re.match(r"[0-9a-f]+" if base == 16 else r"[0-9]+", text.strip().lower())
    if not digits:
        raise Bad(f"not a number: {text!r}")
    return int(digits[0], base)


def chunks(cursor):
    body = b""
    while size := number(cursor.line(), 16):
        body += cursor.exactly(size)
        if cursor.line():
            raise Bad("no line end after a chunk")
    fields_of(cursor)
    return body


def body_of(message, cursor, default):
    reading, lengths = cursor.reading, message.all("content-length")
    codings = [value for value in message.all("transfer-encoding") if re.fullmatch(reading.codings, value, re.I)]
    if codings and (reading.coding_wins or not lengths):
        return chunks(cursor)
    if lengths:
        return cursor.exactly(number(lengths[0 if reading.length == "first" else -1], 10))
    return default()


def read_all(data, reading, kind, ended, methods=()):
    """(messages, how it ended: "", "cut" or "bad") of one direction of one connection. methods: of the requests, for responses."""
    cursor, found, methods = Cursor(data, reading, ended), [], list(methods)
    try:
        while cursor.at < len(data):
            start = cursor.line()
            if kind == "request" and not start:
                continue  # an empty line before a request
            message = Message(start, fields_of(cursor))
            if kind == "request":
                if not re.fullmatch(r"\S+ \S+ HTTP/\d\.\d", start):
                    raise Bad(start)
                message.body = body_of(message, cursor, lambda: b"")
            else:
                status = re.match(r"HTTP/\d\.\d (\d{3})", start)
                if not status:
                    raise Bad(start)
                if not status[1].startswith("1"):
                    method = methods.pop(0) if methods else "GET"
                    if status[1] not in ("204", "304") and method != "HEAD":
                        message.body = body_of(message, cursor, cursor.rest)
            found.append(message)
    except Cut:
        return found, "cut"
    except Bad:
        return found, "bad"
    return found, ""


def disagreements(data, kind, ended, methods=()):
    """Names of the readings that make something else of it than the first does."""
    def seen(reading):
        messages, end = read_all(data, reading, kind, ended, methods)
        return [message.key() for message in messages], end
    plain = seen(READINGS[0])
    return [reading.name for reading in READINGS[1:] if seen(reading) != plain]
