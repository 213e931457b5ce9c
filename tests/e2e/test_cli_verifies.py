"""`planner verify` and `planner serve` on the command line: verdicts and exit codes."""

import json
import socket

import pytest

from planner.cli.app import main
from planner.wiring import verifying as wiring
from profilers.verifying import verify as verifying
from tests.support import ways
from tests.support.endpoints import (
    Response,
    Script,
    about,
    answer,
    self_signed,
    serving,
    steady,
)
from tests.support.plans import digits_placement, storefront_plan
from tests.support.refusals import infeasible_plan

GOOD = answer(outputs=[0.1, 0.9], label=1, batch_size=1, service_ms=2.0)
# 99 % within 60 ms is settled by 381 requests that all are.
ENOUGH = ["--seconds", "3", "--rate", "200"]


@pytest.fixture
def plan(tmp_path):
    (tmp_path / "inputs.json").write_text(
        json.dumps({"inputs": [[0.0, 1.0]] * 100, "labels": [1] * 100})
    )
    (tmp_path / "plan.json").write_text(
        storefront_plan().model_dump_json(by_alias=True)
    )
    return "plan.json"


def verify(plan, url, *more):
    return main(
        ["verify", plan, "--url", url, "--workload", "reorder-digits", "--inputs", "inputs.json", *more]
    )  # fmt: skip


def told(capsys):
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err + captured.out
    return captured


@pytest.mark.slow
@pytest.mark.alone
def test_a_deployment_that_keeps_its_promise_passes(plan, capsys):
    script = Script(steady(GOOD), about=about(digits_placement()))

    with serving(script) as url:
        code = verify(plan, url, *ENOUGH, "--json")

    found = json.loads(told(capsys).out)
    by_subject = {c["subject"]: c["finding"] for c in found["checks"]}
    assert (code, found["finding"]) == (0, "pass")
    assert by_subject["what runs there"] == "pass"
    assert by_subject["attainment"] == "pass"
    assert by_subject["top1_accuracy"] == "pass"
    assert found["outcomes"] == {"answered": len(script.received) - 1}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "says"),
    [
        (Script(steady(Response(GOOD.body, after_s=0.2))), "within 60 ms"),
        (Script(steady(Response(b"no", status=503))), "turned away (503"),
        (
            Script(lambda n, _: Response(b"no", 500) if n % 4 == 1 else GOOD),
            "failed (500",
        ),
        (Script(steady(answer(outputs=[0.9, 0.1], label=0))), "0 of 100 labelled"),
        (
            Script(steady(GOOD), about=about(digits_placement(), max_batch=1)),
            "batch limit is 1 and the plan's is 8",
        ),
        (Script(steady(answer(outputs=[0.9]))), "another model answers"),
    ],
    ids=["slow", "overloaded", "failing", "wrong", "another policy", "another model"],
)
def test_a_deployment_that_breaks_its_promise_fails_for_what_it_is(
    plan, capsys, monkeypatch, script, says
):
    monkeypatch.setattr(verifying, "_PAUSE_S", 0.05)

    with serving(script) as url:
        code = verify(plan, url, "--seconds", "2", "--rate", "100")

    assert code == 1
    # The table wraps its cells; the verdict repeats their words on one line.
    assert says in told(capsys).out.splitlines()[-1]


@pytest.mark.slow
def test_a_deployment_that_cannot_keep_up_is_overloaded(plan, capsys):
    script = Script(steady(Response(GOOD.body, after_s=0.03)), is_serial=True)

    with serving(script) as url:
        code = verify(plan, url, "--seconds", "2", "--rate", "80")

    assert code == 1
    assert "overloaded: latencies grew" in told(capsys).out


@pytest.mark.parametrize(
    ("response", "says"),
    [
        (Response(b"<html>", content_type="text/html"), "not JSON (<html>)"),
        (Response(b'{"error": "inputs has shape [2]"}', 422), "refused (422: inputs"),
        (Response(b'{"predictions": 1}'), "not an answer"),
    ],
)
def test_a_first_answer_that_is_none_ends_it_at_once(plan, capsys, response, says):
    script = Script(steady(response))

    with serving(script) as url:
        code = verify(plan, url)

    assert code == 1
    assert len(script.received) == 1
    assert says in told(capsys).out


@pytest.mark.alone
def test_too_few_requests_leave_it_open(plan, capsys):
    with serving(Script(steady(GOOD), about=about(digits_placement()))) as url:
        code = verify(plan, url, "--seconds", "1", "--rate", "50")

    assert code == 3
    assert "requests would decide" in told(capsys).out.splitlines()[-1]


def test_nobody_there_cannot_be_measured(plan, capsys):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        code = verify(plan, f"http://127.0.0.1:{probe.getsockname()[1]}/")

    assert code == 3
    assert "the connection is refused" in told(capsys).err


def test_a_certificate_that_nobody_here_vouches_for_is_told(plan, tmp_path, capsys):
    script = Script(steady(GOOD))

    with serving(script, tls=self_signed(tmp_path, "edge.example")) as url:
        code = verify(plan, url)

    said = told(capsys).err
    assert code == 3
    assert "its certificate is refused: certificate verify failed: self" in said
    assert "SSL_CERT_FILE" in said
    assert script.received == []


def test_https_where_plain_http_is_spoken_is_told(plan, capsys):
    with serving(Script(steady(GOOD))) as url:
        code = verify(plan, url.replace("http:", "https:"))

    assert code == 3
    assert "it does not speak TLS; is it http://?" in told(capsys).err


def test_a_server_that_takes_connections_and_never_answers_is_told(
    plan, capsys, monkeypatch
):
    monkeypatch.setattr(verifying, "_PATIENCE_S", 0.5)

    with serving(Script(steady(Response(GOOD.body, after_s=3.0)))) as url:
        code = verify(plan, url, "--timeout", "0.3")

    assert code == 3
    assert "without an answer for 0.5 s; is it still starting" in told(capsys).err


@pytest.mark.slow
@pytest.mark.alone
def test_a_server_that_has_just_started_is_not_judged_by_its_first_answer(plan, capsys):
    slow = Response(GOOD.body, after_s=1.5)
    script = Script(lambda n, _: slow if n == 0 else GOOD)

    with serving(script) as url:
        verify(plan, url, *ENOUGH, "--timeout", "1", "--json")

    found = json.loads(told(capsys).out)
    assert found["outcomes"] == {"answered": len(script.received) - 1}
    assert any(
        "first answer, to a request alone, took 1.5" in n for n in found["notes"]
    )


@pytest.mark.slow
def test_a_server_that_is_not_ready_yet_is_waited_for(plan, capsys, monkeypatch):
    monkeypatch.setattr(verifying, "_PAUSE_S", 0.05)
    starting = Response(b"starting", status=503)
    script = Script(lambda n, _: starting if n < 3 else GOOD)

    with serving(script) as url:
        verify(plan, url, *ENOUGH, "--json")

    found = json.loads(told(capsys).out)
    assert found["outcomes"] == {"answered": len(script.received) - 4}


@pytest.mark.slow
def test_a_limit_on_requests_is_told_from_an_overload(plan, capsys):
    limited = Response(b'{"error": {"message": "quota of the key is used up"}}', 429)

    with serving(Script(steady(limited))) as url:
        code = verify(plan, url, "--seconds", "2", "--rate", "50")

    said = " ".join(told(capsys).out.split())
    assert code == 1
    assert "turned away (429, a limit on requests: quota of the key is used up)" in said
    assert "or somebody limits its requests; that is no overload" in said


@pytest.mark.slow
def test_connections_that_are_closed_in_the_middle_are_told(plan, capsys):
    cut = Response(GOOD.body, is_cut=True)
    script = Script(lambda n, _: cut if n % 5 == 1 else GOOD)

    with serving(script) as url:
        code = verify(plan, url, "--seconds", "2", "--rate", "50")

    said = " ".join(told(capsys).out.split())
    assert code == 1
    assert "dropped (Response payload is not completed" in said


def test_a_path_where_nothing_is_served_cannot_be_measured(plan, capsys):
    with serving(Script(steady(Response(b"not here", status=404)))) as url:
        code = verify(plan, url)

    assert code == 3
    assert "the application's route" in told(capsys).err


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--url", "127.0.0.1"], "not the address"),
        (["--url", "http://127.0.0.1:1/", "--site", "mars"], "no placement at mars"),
        (["--url", "http://127.0.0.1:1/", "--inputs", "none.npy"], "none.npy"),
        (["--url", "http://127.0.0.1:1/", "--seconds", "0"], "--seconds"),
        (["--url", "http://127.0.0.1:1/", "--seconds", "2"], "too few"),
        (["--url", "http://127.0.0.1:1/", "--store"], "--device"),
        ([], "--url"),
    ],
)
def test_wrong_usage_exits_2(plan, capsys, more, says):
    code = main(["verify", plan, "--workload", "reorder-digits", *more])

    assert code == 2
    assert says in told(capsys).err


def test_a_profile_is_kept_under_content_that_must_be_here(plan, capsys):
    code = verify(plan, "http://127.0.0.1:1/", "--store", "--device", "local")

    assert code == 3
    assert "--models" in told(capsys).err


@pytest.fixture
def travelling(plan, tmp_path):
    """The plan with its document, which says what way leads to the digits."""
    (tmp_path / plan).write_text(ways.digits_plan().model_dump_json(by_alias=True))
    return plan


def observed_ms(captured, subject):
    checks = json.loads(captured.out)["checks"]
    return next(c["observed"]["value"] for c in checks if c["subject"] == subject)


@pytest.mark.slow
def test_requests_take_the_emulated_way_and_nothing_is_added(travelling, capsys):
    script = Script(steady(GOOD), about=about(digits_placement()))

    with serving(script) as url:
        verify(travelling, url, "--seconds", "2", "--rate", "20", "--json", "--emulate-network")  # fmt: skip

    captured = told(capsys)
    found = json.loads(captured.out)
    (note,) = [n for n in found["notes"] if "emulated" in n]
    assert found["url"] == url
    assert found["outcomes"] == {"answered": len(script.received) - 1}
    assert "RTT 28.0 ms, of which 2.0 ms come and go, 20 Mbit/s shared by all" in note
    assert not any("are added to every latency" in n for n in found["notes"])
    assert observed_ms(captured, "p50") >= ways.RTT_MS - ways.JITTER_MS


def test_a_deployment_behind_an_emulated_way_is_not_charged_the_way_twice(
    travelling, capsys
):
    own = about(digits_placement()) | {"placement": {"emulated-way": "RTT 28.0 ms"}}

    with serving(Script(steady(GOOD), about=own)) as url:
        arguments = [travelling, url, "--seconds", "1", "--rate", "30"]
        verify(*arguments)
        added = told(capsys).out
        code = verify(*arguments, "--emulate-network")

    assert "nothing is added to latencies: RTT 28.0 ms" in " ".join(added.split())
    assert "are added to every latency" not in added
    assert code == 2
    assert "leave --emulate-network out" in told(capsys).err


@pytest.mark.parametrize(
    ("url", "code", "says"),
    [
        ("https://127.0.0.1:1/", 2, "plain http only"),
        ("http://127.0.0.1:1/", 3, "the connection is refused"),
    ],
)
def test_what_cannot_be_reached_over_an_emulated_way_is_refused(
    travelling, capsys, url, code, says
):
    assert verify(travelling, url, "--emulate-network") == code
    assert says in told(capsys).err


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ([], 2, "published model"),
        (["--site", "mars"], 2, "places nothing there"),
        (["--workload", "reorder-digits"], 3, "no model.py and no weights.safetensors"),
        (["--workload", "reorder-digits", "--port", "0"], 2, "--port"),
    ],
)
def test_what_cannot_be_served_is_refused_with_the_reason(
    plan, capsys, arguments, code, says
):
    assert main(["serve", plan, *arguments]) == code
    assert says in " ".join(told(capsys).err.split())


def test_several_placements_are_not_served_behind_one_emulated_way(tmp_path, capsys):
    plan = ways.digits_plan()
    here, there = (
        plan.placements[0],
        plan.placements[0].model_copy(update={"site": "munich-store"}),
    )
    twice = plan.model_copy(update={"placements": (here, there)})
    (tmp_path / "plan.json").write_text(twice.model_dump_json(by_alias=True))
    (tmp_path / "model.py").write_text("def build(): ...\n")
    (tmp_path / "weights.safetensors").write_bytes(b"")

    code = main(["serve", str(tmp_path / "plan.json"), "--emulate-network"])

    said = " ".join(told(capsys).err.split())
    assert code == 2
    assert "the way to one placement, and 2 are chosen" in said
    assert "--workload or --site" in said


@pytest.mark.slow
def test_behind_an_emulated_way_its_server_is_not_asked_one_by_one(
    travelling, tmp_path, monkeypatch
):
    """Nobody could tell the way's time from the server's, whoever emulates it."""
    told_of = []
    monkeypatch.setattr(
        wiring,
        "keeping",
        lambda *_, **__: lambda tried: told_of.append(tried) or "stored",
    )
    own = about(digits_placement()) | {"placement": {"emulated-way": "RTT 28.0 ms"}}
    found = []
    for script, more in (
        (Script(steady(GOOD), about=own), []),
        (Script(steady(GOOD), about=about(digits_placement())), ["--emulate-network"]),
    ):
        with serving(script) as url:
            verify(travelling, url, "--seconds", "1", "--rate", "30", "--store", *more)
        found.append(len(script.received))

    assert [t.lone for t in told_of] == [None, None]
    assert all("RTT 28.0 ms" in t.emulated_way for t in told_of)
    assert found == [len(t.replies) + 1 for t in told_of]


@pytest.mark.parametrize("verb", ["serve", "verify"])
def test_an_infeasible_answer_has_nothing_to_run(tmp_path, capsys, verb):
    file = tmp_path / "no.json"
    file.write_text(infeasible_plan().model_dump_json(by_alias=True))
    more = ["--url", "http://h/", "--workload", "w"] if verb == "verify" else []

    assert main([verb, str(file), *more]) == 2
    assert "nothing to run" in told(capsys).err
