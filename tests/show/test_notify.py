# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""`notify` sends each message once, in order, whatever fails or is killed."""

from __future__ import annotations

import json
import logging
import re
import signal
import threading
import time
from contextlib import closing

import pytest
from helpers.programs import program, wait_for
from helpers.routed_rows import commit_rows, row
from helpers.web_hook import hook
from pydantic import SecretStr

from fink_voevent.errors import ConfigError
from fink_voevent.show import notify
from fink_voevent.show.message_log import UNCERTAIN, MessageLog
from fink_voevent.show.notify import Destination, Notifier

GOLD = ["fink_grb_gold_ztf"]
STOP = threading.Event()


@pytest.fixture
def server():
    with hook() as made:
        yield made


@pytest.fixture
def notifier(settings, server):
    commit_rows(settings.root, 0, [row(99, event="before")])
    with closing(MessageLog(settings.spool)) as log:
        made = Notifier(settings, log, {"grb_gold"}, [Destination.parse(server.url, 1)])
        made.start()
        yield made


def send(notifier: Notifier) -> None:
    notifier.collect()
    notifier.compose(time.time())
    notifier.send(STOP)


def test_what_is_found_from_now_on_is_sent_once(notifier, server):
    root = notifier.settings.root
    send(notifier)
    assert server.messages == []
    commit_rows(root, 1, [row(1, topics=GOLD), row(2)])  # the second is bronze only
    commit_rows(root, 2, [row(1, topics=GOLD, status="update", batch=1)])
    send(notifier)
    send(notifier)
    (message,) = server.messages
    assert message["title"] == "Gamma-ray burst grb"
    assert message["message"].startswith("grb_gold: ZTF221, r 17.5 mag, at RA 288.2")
    assert message["event_id"] == "grb"


def test_an_end_is_sent_and_one_that_was_never_reported_is_not(notifier, server):
    root = notifier.settings.root
    commit_rows(root, 1, [row(1, topics=GOLD)])
    send(notifier)
    end = {"status": "withdrawn", "topics": GOLD, "batch": 2}
    commit_rows(root, 2, [row(1, **end), row(5, **end)])
    commit_rows(root, 3, [row(7, topics=GOLD), row(8, topics=GOLD)])
    commit_rows(root, 4, [row(7, status="retracted", topics=GOLD, batch=4)])
    send(notifier)
    texts = [message["message"] for message in server.messages]
    assert len(texts) == 2
    assert texts[1].splitlines()[0] == (
        "withdrawn: ZTF221: no longer in the region or the window of the event"
    )
    assert "ZTF228" in texts[1]
    assert "ZTF227" not in texts[1]  # it ended before it was reported


def test_a_destination_that_fails_is_tried_again_and_in_order(
    notifier, server, caplog, monkeypatch
):
    monkeypatch.setattr(notify, "FIRST_WAIT_S", 0.05)
    server.failures = 2
    root = notifier.settings.root
    commit_rows(root, 1, [row(1, topics=GOLD)])
    send(notifier)
    commit_rows(root, 2, [row(2, event="later", topics=GOLD, batch=2)])
    send(notifier)
    wait_for(lambda: send(notifier) or len(server.messages) == 2)
    assert [m["event_id"] for m in server.messages] == ["grb", "later"]
    warnings = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert len(warnings) == 1
    assert "trying again" in warnings[0]


def test_secrets_of_an_address_are_in_no_log_line_and_no_text(settings, server, caplog):
    caplog.set_level(logging.DEBUG)
    url = server.url.replace("json://", "json://user:passw0rd-of-mine@") + "/t0ken-abc"
    server.failures = 1
    destination = Destination.parse(url, 1)
    reason = destination.send(notify.messages.Message("t", "b"), "")
    assert reason
    for text in (caplog.text, reason, repr(destination), destination.name):
        assert "passw0rd" not in text
        assert "t0ken" not in text


def test_beyond_the_limit_the_last_message_is_a_digest(notifier, server):
    notifier.settings = notifier.settings.model_copy(update={"notify_per_hour": 3})
    rows = [row(n, event=f"event{n}", topics=GOLD) for n in range(6)]
    commit_rows(notifier.settings.root, 1, rows)
    send(notifier)
    titles = [message["title"] for message in server.messages]
    assert titles[:2] == ["Gamma-ray burst event0", "Gamma-ray burst event1"]
    assert titles[2:] == ["4 changes in 4 events"]
    commit_rows(notifier.settings.root, 2, [row(9, event="x", topics=GOLD, batch=2)])
    send(notifier)
    assert len(server.messages) == 3  # the limit is reached
    notifier.compose(time.time() + 3601)
    notifier.send(STOP)
    assert server.messages[-1]["title"] == "Gamma-ray burst x"


def test_a_message_that_was_perhaps_sent_is_not_repeated_and_the_next_says_so(
    notifier, server, caplog
):
    commit_rows(notifier.settings.root, 1, [row(1, topics=GOLD)])
    notifier.collect()
    notifier.compose(time.time())
    (delivery,) = notifier.log.due(time.time())
    notifier.log.set_state(delivery, "started")  # and here the process is killed
    notifier.start()
    assert "was perhaps not sent; it is not repeated" in caplog.text
    send(notifier)
    assert server.messages == []
    assert notifier.log.counts() == {UNCERTAIN: 1}
    commit_rows(notifier.settings.root, 2, [row(2, topics=GOLD, batch=2)])
    send(notifier)
    text = server.messages[0]["message"]
    assert text.startswith("(The message before this one may not have arrived.)")


def test_no_message_is_sent_twice_when_the_process_is_killed(settings, server):
    environment = {
        "VOEVENT_NOTIFY": server.url,
        "VOEVENT_DATA_PREFIX": settings.data_prefix,
        "VOEVENT_SPOOL": settings.spool,
        "VOEVENT_NOTIFY_FILTERS": "grb_gold",
        "VOEVENT_NOTIFY_PER_HOUR": "1000",
    }
    commit_rows(settings.root, 0, [row(99, event="before")])
    with closing(MessageLog(settings.spool)) as log:
        Notifier(settings, log, {"grb_gold"}, ()).start()
    server.delay_s = 0.02
    for batch in range(1, 4):
        rows = [
            row(n, event=f"{batch}-{n}", topics=GOLD, batch=batch) for n in range(20)
        ]
        commit_rows(settings.root, batch, rows)
        before = len(server.messages)
        with program("-m", "fink_voevent", "notify", **environment) as process:
            wait_for(lambda n=before: len(server.messages) >= n + 7)
            process.send_signal(signal.SIGKILL)
    with program("-m", "fink_voevent", "notify", **environment) as process:
        wait_for(lambda: _is_finished(settings))
    titles = [message["title"] for message in server.messages]
    assert len(titles) == len(set(titles))
    with closing(MessageLog(settings.spool)) as log:
        uncertain = log.counts().get(UNCERTAIN, 0)
    assert uncertain <= 3
    assert 60 - uncertain <= len(titles) <= 60


def _is_finished(settings) -> bool:
    with closing(MessageLog(settings.spool)) as log:
        counts = log.counts()
        return not log.waiting() and sum(counts.values()) == 60 == sum(
            counts.get(state, 0) for state in ("sent", UNCERTAIN)
        )


def test_a_dry_run_has_the_messages_of_all_coincidences_and_records_nothing(settings):
    commit_rows(settings.root, 0, [row(1, topics=GOLD), row(2)])
    wanted = settings.model_copy(update={"notify_filters": "grb_gold"})
    for _ in range(2):
        (message,) = notify.dry_run(wanted)
        assert message.title == "Gamma-ray burst grb"
        assert "ZTF221" in message.body


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"notify_filters": "grb_gold"}, "VOEVENT_NOTIFY"),
        ({"notify": "nonsense"}, "number 1 (nonsense://) is no address of apprise"),
        ({"notify": "json://a slack://"}, "number 2 (slack://)"),
    ],
)
def test_settings_that_cannot_work_are_one_sentence(settings, changes, text):
    if "notify" in changes:
        changes["notify"] = SecretStr(changes["notify"])
    with pytest.raises(ConfigError, match=re.escape(text)):
        notify.run(settings.model_copy(update=changes), STOP)


@pytest.mark.parametrize("filters", ["", "grb_golden"])
def test_a_filter_that_does_not_exist_is_named(settings, filters):
    with pytest.raises(ConfigError, match=filters or "no filter is chosen"):
        notify.chosen_filters(settings.model_copy(update={"notify_filters": filters}))


def test_e_mail_of_an_event_refers_to_the_same_message():
    import apprise

    plugins = []
    for event in ("a", "a", "b"):
        plugin = apprise.Apprise.instantiate("mailto://user:pass@example.org")
        notify._add_thread(plugin, event)
        plugins.append(plugin.headers["References"])
    assert plugins[0] == plugins[1] != plugins[2]


def test_the_test_message_says_what_failed(settings, server):
    urls = SecretStr(f"{server.url} json://127.0.0.1:1/")
    results = notify.test(settings.model_copy(update={"notify": urls}))
    assert list(results.values())[0] == ""
    assert list(results.values())[1] != ""
    assert json.dumps(server.messages).count("fink_voevent: test") == 1
