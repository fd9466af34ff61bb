"""Traces pulled from Jaeger and Tempo: all of them, once, however the pull is ended, from servers of any kind.

The servers here have the real APIs' shapes (pull_servers.py says by which documents).
"""

import json
import random
import signal
import subprocess
import time

import pytest

import pull_servers
from conftest import COMMAND_SECONDS_MAX, binary, eventually, free_port
from pull_servers import Server, Spanned, Store

SECOND = 10**9
MINUTE = 60 * SECOND


def filled(count, services=("shop", "stock", "mail"), minutes=50, seed=7):
    """Traces over the last minutes, the last of them settled, most in one crowded minute; each has spans of two services."""
    chance = random.Random(seed)
    now = time.time_ns()
    store = Store()
    for number in range(count):
        age = 20 * MINUTE + chance.randrange(MINUTE) if number % 3 else chance.randrange(6 * MINUTE, minutes * MINUTE)
        trace, start, service = f"{number + 1:032x}", now - age, services[number % len(services)]
        root = f"{number * 2 + 1:016x}"
        store.spans += [
            Spanned(trace, root, service, f"GET /{service}", start, 40_000_000),
            Spanned(trace, f"{number * 2 + 2:016x}", "database", "query", start + 1_000_000, 9_000_000, parent=root),
        ]
    return store


def stored_spans(engine):
    """Spans as they were counted when they arrived, by service: what is imported twice counts twice."""
    return {one["service"]: one["spans"] for one in engine.json("services", "--all")["items"]}


def expected_spans(store):
    return {service: sum(one.service == service for one in store.spans) for service in store.services()}


def found_traces(engine):
    """Trace ids with the number of spans that a reader sees."""
    found = engine.json("find", "--all", "--limit", 1000)
    assert not found.get("next_cursor"), found.get("next_cursor")
    return {item["trace_id"]: item["span_count"] for item in found["items"]}


def expected_traces(store):
    return {trace.zfill(32): len(spans) for trace, spans in store.traces().items()}


KINDS = [
    ("jaeger", pull_servers.jaeger, {}),
    ("jaeger", pull_servers.jaeger_v3, {}),
    ("tempo", pull_servers.tempo, {}),
    ("tempo", pull_servers.tempo, {"has_v2": False}),
]


@pytest.mark.parametrize("kind, server, options", KINDS)
def test_everything_comes_once_and_a_second_pull_brings_nothing(own_engine, kind, server, options):
    store = filled(260)
    with server(store, **options) as peer:
        first = own_engine.json("import", "--from", kind, peer.url)
        assert (first["schema"], first["ended"], first["issues"]) == ("kino.pull.v1", "complete", {})
        assert (first["traces"], first["spans"]) == (260, 520)
        assert stored_spans(own_engine) == expected_spans(store)
        assert found_traces(own_engine) == expected_traces(store)
        limits = {query.get("limit") or query.get("query.search_depth") for path, query, _ in peer.asked if "start" in str(query)}
        assert limits == {"100"}, "no window needed a larger page"
        asked = len(peer.asked)
        second = own_engine.json("import", "--from", kind, peer.url)
        assert (second["traces"], second["spans"], second["ended"]) == (0, 0, "complete")
        assert len(peer.asked) - asked < 12, peer.asked[asked:]
        assert stored_spans(own_engine) == expected_spans(store)
        again = own_engine.json("import", "--from", kind, peer.url, "--again")
        assert again["traces"] == 260
        assert found_traces(own_engine) == expected_traces(store)


def test_one_service_and_one_window_are_asked_for(own_engine):
    store = filled(60)
    with pull_servers.jaeger(store) as peer:
        pulled = own_engine.json("import", "--from", "jaeger", peer.url, "--service", "mail", "--since", "30m", "--until", "15m")
        now = time.time_ns()
        wanted = {
            one.trace for one in store.spans
            if one.service == "mail" and now - 29 * MINUTE < one.start < now - 16 * MINUTE
        }
        assert wanted and wanted <= found_traces(own_engine).keys()
        assert pulled["services"] == ["mail"] and pulled["traces"] < 30
        unknown = own_engine.kino("import", "--from", "jaeger", peer.url, "--service", "mial", check=False)
        assert unknown.returncode == 3 and b'did you mean "mail"' in unknown.stderr, unknown.stderr
    with pull_servers.tempo(store, has_traceql=False) as peer:
        pulled = own_engine.json("import", "--from", "tempo", peer.url, "--service", "data", "--since", "6h")
        assert pulled["traces"] == 0 and pulled["issues"] == {"other_service": 60}, pulled
        pulled = own_engine.json("import", "--from", "tempo", peer.url, "--service", "stock", "--since", "6h")
        assert pulled["traces"] == 20, pulled


@pytest.mark.parametrize("kind, server", [("jaeger", pull_servers.jaeger), ("tempo", pull_servers.tempo)])
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_pull_that_is_ended_at_any_instant_goes_on(own_engine, kind, server, how):
    store = filled(260)
    with server(store) as peer:
        chance, answer = random.Random(3), peer.answer

        def slowly(*arguments):
            time.sleep(0.01)
            answer(*arguments)

        peer.answer = slowly
        for _ in range(12):
            pull = subprocess.Popen(
                [binary(), "import", "--from", kind, peer.url], env=own_engine.environment, cwd=own_engine.directory,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )
            asked = len(peer.asked)
            enough = asked + chance.randrange(1, 120)
            eventually(lambda: len(peer.asked) >= enough or pull.poll() is not None)
            time.sleep(chance.random() * 0.02)
            pull.send_signal(how)
            pull.wait(timeout=COMMAND_SECONDS_MAX)
        peer.answer = answer
        rest = own_engine.json("import", "--from", kind, peer.url)
        assert rest["ended"] == "complete" and rest["traces"] < 260, rest
        assert found_traces(own_engine) == expected_traces(store)


def test_a_limit_ends_a_pull_and_the_same_command_goes_on(own_engine):
    store = filled(130)
    with pull_servers.tempo(store) as peer:
        pulls = []
        while not pulls or pulls[-1]["ended"] == "trace_limit":
            pulls.append(own_engine.json("import", "--from", "tempo", peer.url, "--limit", 40))
            assert len(pulls) < 6
        assert [pull["traces"] for pull in pulls] == [40, 40, 40, 10]
        assert stored_spans(own_engine) == expected_spans(store)


def test_a_trace_that_grows_comes_again_while_it_is_young(own_engine):
    now = time.time_ns()
    for number, (kind, server) in enumerate((("jaeger", pull_servers.jaeger), ("tempo", pull_servers.tempo)), 1):
        root = Spanned(f"{number:032x}", f"{1:016x}", "shop", "GET /", now - 20 * SECOND, 10 * SECOND)
        store = Store([root])
        with server(store) as peer:
            assert own_engine.json("import", "--from", kind, peer.url)["traces"] == 1
            same = own_engine.json("import", "--from", kind, peer.url)
            assert (same["traces"], same["known_traces"] > 0) == (0, True)
            store.spans.append(Spanned(root.trace, f"{2:016x}", "shop", "late", now - 15 * SECOND, SECOND, parent=root.span))
            assert own_engine.json("import", "--from", kind, peer.url)["traces"] == 1
        assert found_traces(own_engine)[root.trace] == 2


def test_credentials_come_from_the_environment_or_the_configuration_alone(own_engine):
    store = filled(6)
    with pull_servers.tempo(store, tenant="team-a") as peer:
        refused = own_engine.kino("import", "--from", "tempo", peer.url, check=False)
        assert refused.returncode == 1 and b"KINO_PULL_HEADERS" in refused.stderr and b"401" in refused.stderr, refused.stderr
        own_engine.environment["KINO_PULL_HEADERS"] = "X-Scope-OrgID=team-a,Authorization=Bearer%20hush"
        assert own_engine.json("import", "--from", "tempo", peer.url)["traces"] == 6
        assert peer.asked[-1][2]["authorization"] == "Bearer hush"
        del own_engine.environment["KINO_PULL_HEADERS"]
        settings = own_engine.home / "config.toml"
        settings.write_text(f'[[sources]]\nurl = "{peer.url}"\nheaders = {{ X-Scope-OrgID = "team-a", X-Key = "hush" }}\n')
        settings.chmod(0o600)
        assert own_engine.json("import", "--from", "tempo", peer.url, "--again")["traces"] == 6
        assert peer.asked[-1][2]["x-key"] == "hush"
        shown = own_engine.kino("config", "show", "--json").stdout
        assert b"X-Key" in shown and b"hush" not in shown
        with pull_servers.tempo(store) as other:
            own_engine.json("import", "--from", "tempo", other.url)
            assert all("x-key" not in headers for _, _, headers in other.asked)
        # Another tenant is another source.
        for path in (own_engine.home / "pulls").iterdir():
            assert path.stat().st_mode & 0o077 == 0
        for url in (peer.url.replace("//", "//me:hush@"), f"{peer.url}/?token=hush"):
            refused = own_engine.kino("import", "--from", "tempo", url, check=False)
            assert refused.returncode == 2 and b"hush" not in refused.stderr, refused.stderr


def test_what_is_not_the_api_is_said(own_engine):
    def answering(body, status=200, **more):
        return Server(lambda handler, *_: handler.send(body, status, **more))

    def said(server, kind="jaeger", code=1):
        with server:
            done = own_engine.kino("import", "--from", kind, server.url, check=False)
        assert done.returncode == code and done.stdout == b"", (done.returncode, done.stdout, done.stderr)
        return done.stderr.decode()

    for kind in ("jaeger", "tempo"):
        assert "does not answer as" in said(answering(b"<html>sign in</html>", content_type="text/html"), kind)
        assert "404" in said(answering(b"not found", 404), kind)
        assert "status 500: \\u{1b}[31m no store" in said(answering(b"\x1b[31m no store", 500), kind)
        assert "403" in said(answering(b"no", 403), kind)
    closed = own_engine.kino("import", "--from", "jaeger", f"http://127.0.0.1:{free_port()}", check=False)
    assert closed.returncode == 1 and b"nothing listens" in closed.stderr, closed.stderr
    secure = own_engine.kino("import", "--from", "tempo", "https://tempo.example.com", check=False)
    assert secure.returncode in (1, 5), secure
    plain = own_engine.kino("import", "http://localhost:16686", check=False)
    assert plain.returncode == 2 and b"--from" in plain.stderr


def test_no_redirect_leads_to_another_host(own_engine):
    store = filled(3)
    with pull_servers.jaeger(store) as elsewhere:
        moved = Server(lambda handler, path, *_: handler.send(b"", 302, Location=elsewhere.url + path))
        with moved:
            done = own_engine.kino("import", "--from", "jaeger", moved.url, check=False)
            assert done.returncode == 1 and b"no redirect to another host" in done.stderr, done.stderr
        assert elsewhere.asked == []
        circle = Server(lambda handler, path, *_: handler.send(b"", 302, Location=path))
        with circle:
            assert b"circles" in own_engine.kino("import", "--from", "jaeger", circle.url, check=False).stderr
        inner = elsewhere.answer

        def moved_within(handler, path, query, headers):
            if not path.startswith("/below"):
                target = handler.path if path.startswith("/below") else "/below" + handler.path
                return handler.send(b"", 307, Location=target)
            inner(handler, path.removeprefix("/below"), query, headers)

        elsewhere.answer = moved_within
        assert own_engine.json("import", "--from", "jaeger", elsewhere.url)["traces"] == 3


def test_a_busy_server_is_asked_again(own_engine):
    store = filled(3)
    with pull_servers.jaeger(store) as peer:
        inner, refused = peer.answer, []

        def busy(handler, *arguments):
            if len(peer.asked) % 2:
                refused.append(arguments[0])
                return handler.send(b"slow down", 429, Retry_After="0")
            inner(handler, *arguments)

        peer.answer = busy
        assert own_engine.json("import", "--from", "jaeger", peer.url)["traces"] == 3
        assert len(refused) > 3


def hostile(answer_traces, services=("shop",)):
    """A Jaeger that lists services and answers searches with what it is given: the query leads to a body."""

    def answer(handler, path, query, _headers):
        if path == "/api/services":
            return handler.send(pull_servers.structured(list(services)))
        answer_traces(handler, query)

    return Server(answer)


def pull_hostile(engine, server, check=True):
    with server:
        done = engine.kino("import", "--from", "jaeger", server.url, "--json", check=check)
        return done, len(server.asked)


def trace_in(query, number, service="shop", trace=None):
    """A trace within the times of a query."""
    start = int(query["start"]) * 1000
    span = Spanned(trace or f"{number:032x}", f"{number:016x}", service, "GET /", start, 1000)
    return pull_servers.jaeger_trace(span.trace, [span])


def test_a_server_that_ignores_the_times_does_not_go_on_for_ever(own_engine):
    always = [trace_in({"start": 1_600_000_000_000_000}, number) for number in range(1, 101)]
    done, asked = pull_hostile(own_engine, hostile(lambda handler, _: handler.send(pull_servers.structured(always))), check=False)
    assert done.returncode == 1 and b"other times" in done.stderr and asked < 5, (done.stderr, asked)


def test_pages_without_end_come_to_one(own_engine):
    def page(handler, query):
        traces = [trace_in(query, number, trace=f"{random.getrandbits(120):032x}") for number in range(int(query["limit"]))]
        handler.send(pull_servers.structured(traces))

    done, asked = pull_hostile(own_engine, hostile(page), check=False)
    assert done.returncode in (0, 1), done
    assert asked < 400, asked


def test_an_answer_without_end_is_not_read(own_engine):
    def endless(handler, _query):
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        piece = b"[" * 65536
        while True:
            handler.wfile.write(b"10000\r\n" + piece + b"\r\n")

    done, asked = pull_hostile(own_engine, hostile(endless), check=False)
    assert done.returncode == 1 and b"too much" in done.stderr, done
    assert asked < 20, asked


def test_only_what_was_asked_for_is_imported(own_engine):
    poisoned = f"{0xBAD:032x}"

    def page(handler, query):
        deep = {**trace_in(query, 5), "warnings": "DEEP"}
        smuggled = trace_in(query, 3)
        smuggled["spans"][0]["traceID"] = poisoned
        traces = [
            trace_in(query, 1),
            trace_in(query, 2, service="other"),
            smuggled,
            {"traceID": "../../etc/passwd", "spans": []},
            {"traceID": "f" * 64, "spans": []},
            {"traceID": f"{6:032x}", "spans": [{"spanID": {"$": 1}}]},
            deep,
        ]
        body = json.dumps(pull_servers.structured(traces)).replace('"DEEP"', "[" * 50_000 + "]" * 50_000)
        handler.send(body.encode())

    done, _ = pull_hostile(own_engine, hostile(page))
    pulled = json.loads(done.stdout)
    assert found_traces(own_engine) == {f"{1:032x}": 1, f"{5:032x}": 1}
    assert pulled["issues"]["other_service"] and pulled["issues"]["wrong_trace_id"] and pulled["issues"]["undecodable_trace"]


def test_a_tempo_that_lists_one_trace_and_serves_another_is_not_believed(own_engine):
    store = filled(4)
    with pull_servers.tempo(store) as peer:
        inner = peer.answer

        def swapped(handler, path, query, headers):
            if path == f"/api/v2/traces/{1:032x}":
                path = f"/api/v2/traces/{2:032x}"
            if path == f"/api/v2/traces/{3:032x}":
                return handler.send(b"\x0a\xff\xff\xff\xff\x0f{}", content_type="application/protobuf")
            inner(handler, path, query, headers)

        peer.answer = swapped
        pulled = own_engine.json("import", "--from", "tempo", peer.url)
    assert pulled["traces"] == 2 and pulled["issues"] == {"wrong_trace_id": 1, "undecodable_trace": 1}, pulled
    assert found_traces(own_engine).keys() == {f"{2:032x}", f"{4:032x}"}


def test_recorded_text_does_not_reach_the_terminal(own_engine):
    evil = "shop\x1b]0;owned\x07\nIgnore what was said before"
    store = Store([Spanned(f"{1:032x}", f"{1:016x}", evil, "GET /", time.time_ns() - 10 * MINUTE, 1000)])
    with pull_servers.jaeger(store) as peer:
        done = own_engine.kino("import", "--from", "jaeger", peer.url)
        assert b"\x1b" not in done.stdout + done.stderr and b"\x07" not in done.stdout + done.stderr
        assert done.stdout.startswith(b"1 trace: 1 span"), done.stdout
        query = [query for path, query, _ in peer.asked if path == "/api/traces"][0]
        assert query["service"] == evil


def test_two_pulls_from_one_server_take_turns(own_engine):
    store = filled(40)
    with pull_servers.tempo(store) as peer:
        inner = peer.answer

        def slowly(*arguments):
            time.sleep(0.2)
            inner(*arguments)

        peer.answer = slowly
        first = subprocess.Popen(
            [binary(), "import", "--from", "tempo", peer.url], env=own_engine.environment, cwd=own_engine.directory,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        assert eventually(lambda: len(peer.asked) > 1)
        second = own_engine.kino("import", "--from", "tempo", peer.url, check=False)
        assert second.returncode == 75 and b"under way" in second.stderr, second.stderr
        assert first.wait(timeout=COMMAND_SECONDS_MAX) == 0
        assert stored_spans(own_engine) == expected_spans(store)


def test_a_home_without_room_for_the_record_says_so(own_engine):
    (own_engine.home / "pulls").write_text("a file, where a folder is to be")
    with pull_servers.jaeger(filled(2)) as peer:
        done = own_engine.kino("import", "--from", "jaeger", peer.url, check=False)
        assert done.returncode == 1 and b"pulls" in done.stderr, done.stderr
        assert peer.asked == []
