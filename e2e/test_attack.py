"""Requests that cost far more than they weigh keep nobody from an answer, and nothing that is cut goes unsaid."""

import gzip
import http.client
import json
import os
import threading
import time

from conftest import COMMAND_SECONDS_MAX, otlp, span

ATTRIBUTES_MAX = 16 * 1024


def varint(number):
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def field(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


def attribute(key, text):
    return field(9, field(1, key) + field(2, field(1, text)))


def crowded(service, count):
    """One OTLP span with `count` attributes, each of which holds a card's number."""
    now = time.time_ns()
    times = b"\x39" + now.to_bytes(8, "little") + b"\x41" + (now + 1_000).to_bytes(8, "little")
    made = field(1, os.urandom(16)) + field(2, os.urandom(8)) + field(5, b"crowded") + times
    made += b"".join(attribute(b"k%d" % number, b"4111111111111111") for number in range(count))
    resource = field(1, field(1, b"service.name") + field(2, field(1, service.encode())))
    return field(1, field(1, resource) + field(2, field(2, made)))


def test_questions_are_answered_while_costly_requests_are_under_way(own_engine):
    crowd, bomb = crowded("crowd", 20_000), gzip.compress(bytes(65 << 20))
    protobuf = {"content-type": "application/x-protobuf"}
    under_way, answers = threading.Semaphore(0), []

    def send(body, headers):
        connection = http.client.HTTPConnection(own_engine.otlp_http, timeout=COMMAND_SECONDS_MAX)
        connection.request("POST", "/v1/traces", body, headers)
        under_way.release()
        answers.append(connection.getresponse().status)
        connection.close()

    attacks = [(crowd, protobuf)] * 4 + [(bomb, {**protobuf, "content-encoding": "gzip"})] * 4
    threads = [threading.Thread(target=send, args=attack) for attack in attacks]
    for thread in threads:
        thread.start()
    for _ in threads:
        under_way.acquire()
    asked = 0
    while any(thread.is_alive() for thread in threads) or asked == 0:
        assert own_engine.request(own_engine.http, "/healthz")[0] == 200
        assert own_engine.json("find", "--all", "--limit", "5")["items"] is not None
        now = time.time_ns()
        own_engine.send(otlp("bystander", [span(0x77_0000 + asked, 1, "work", now, now + 1_000)]))
        asked += 1
    for thread in threads:
        thread.join()
    # A bomb is refused by what it becomes.
    assert sorted(answers) == [200] * 4 + [413] * 4
    found = own_engine.json("find", "--all", "--service", "bystander", "--limit", "100")["items"]
    assert len(found) == min(asked, 100)


def test_attributes_past_the_limit_are_counted_and_said(own_engine):
    body = crowded("crowd", ATTRIBUTES_MAX + 5)
    status, _ = own_engine.request(own_engine.otlp_http, "/v1/traces", body, {"content-type": "application/x-protobuf"})
    assert status == 200
    assert own_engine.json("status")["issues"]["attributes_cut"] == 5
    trace = own_engine.json("find", "--all", "--service", "crowd")["items"][0]["trace_id"]
    assert b"4111111111111111" not in own_engine.kino("open", trace).stdout


def test_json_that_is_no_otlp_object_is_refused(engine):
    for body in (b"[]", b"[{}]", b"null", b"1", b'{"resourceSpans":[[]]}'):
        status, answer = engine.request(engine.otlp_http, "/v1/traces", body, {"content-type": "application/json"})
        assert status == 400, (body, answer)
    for question in (b"[]", b"1"):
        status, answer = engine.request(engine.http, "/api/v1/find", question, {"content-type": "application/json", **engine.bearer()})
        assert status in (400, 401), (question, answer)


def test_import_names_what_it_cannot_read_and_shows_no_raw_escape(engine):
    pipe = engine.directory / "pipe"
    os.mkfifo(pipe)
    for named in (pipe, "/dev/null"):
        refused = engine.kino("import", named, check=False)
        assert refused.returncode == 1 and b"neither a file nor a folder" in refused.stderr, refused
    evil = engine.directory / "evil\x1b[31m\x1b]0;title\x07\nkino: done.json"
    evil.write_text("no trace")
    for refused in (engine.kino("import", evil, check=False), engine.kino("check", "--baseline", evil, check=False)):
        assert refused.returncode != 0
        assert b"\x1b" not in refused.stderr + refused.stdout and b"\\u{1b}[31m" in refused.stderr, refused
        assert b"\nkino: done" not in refused.stderr, refused


def test_a_name_of_a_megabyte_is_shown_by_its_beginning(engine):
    now = time.time_ns()
    engine.send(otlp("wordy", [span(0x99_0000, 1, "long" * (1 << 18), now, now + 1_000)]))
    for command in (["find", "--service", "wordy"], ["explain", "--system"], ["open", f"{0x99_0000:032x}"]):
        shown = engine.kino(*command, "--all").stdout if command[0] != "open" else engine.kino(*command).stdout
        assert len(shown) < 64 * 1024, (command, len(shown))
    whole = engine.json("find", "--service", "wordy", "--all")["items"][0]["root_name"]
    assert len(whole) == 1 << 20


def test_a_file_larger_than_what_requests_may_hold_together_is_imported(own_engine):
    own_engine.stop()
    config = own_engine.home / "config.toml"
    config.write_text("[limits]\nin_flight_bytes_max = 65536\nimport_bytes_max = 4194304\n")
    config.chmod(0o600)
    own_engine.start()
    now = time.time_ns()
    spans = [span(0x55_0000, 1 + n, "work" * 100, now, now + 1_000) for n in range(2_000)]
    file = own_engine.directory / "large.json"
    file.write_text(json.dumps(otlp("large", spans)))
    assert 65_536 < file.stat().st_size < 4_194_304
    assert own_engine.json("import", file)["spans"] == 2_000
