"""docs/reference/webhook-signatures.md agrees with the code, and its commands make good signatures."""

from __future__ import annotations

import os
import re
import shutil
import time
from pathlib import Path

import pytest

from chalicelib.adapters.rules import WEBHOOK_TYPES
from chalicelib.adapters.verification.forms import FORMS, TOLERANCE_SECONDS, Form, forms_of
from chalicelib.adapters.verification.reading import MAX_HEADER_BYTES
from chalicelib.adapters.verification.verify import verify
from tests.docs.markdown import DOCS, steps
from tests.docs.session import session

PAGE = DOCS / "reference" / "webhook-signatures.md"
TEXT = PAGE.read_text()
# The header, its value, and the other cells of a row of the table of forms.
ROWS = re.findall(r"^\|[^|]*\| `([\w-]+): ([^`]*)` \|([^|]*)\|([^|]*)\|([^|]*)\|$", TEXT, re.MULTILINE)


def shown(form: Form) -> tuple[str, str, str, str, str]:
    """Returns what the page shows for a form, without the encoding of the signature."""
    if form.signed is None:
        return (form.header, "<secret>", "", "", "")
    signed = form.signed.replace("{", "<").replace("}", ">")
    timestamp = "" if form.timestamp_header is None else f"`{form.timestamp_header}`"
    identifier = f"`{form.id_header}`" if form.id_header else f"`{form.payload_id}` of the payload"
    return (
        form.header,
        ("t=<timestamp>," if form.timestamp_prefix else "") + form.prefix,
        f"`{signed}<body>`",
        "in the header" if form.timestamp_prefix else timestamp,
        identifier if form.id_header or form.payload_id else "",
    )


def test_the_table_shows_every_form_in_the_order_of_precedence() -> None:
    rows = [
        (header.lower(), re.sub("<(hex|base64)>$", "", value), signed.strip(), timestamp.strip().lower(), name.strip())
        for header, value, signed, timestamp, name in ROWS
    ]
    # The prefix of this form is optional, and the page shows it without.
    expected = [shown(form) for form in FORMS]
    without_prefix = [(row[0], "", *row[2:]) if row[0] == "x-webhook-signature" else row for row in expected]
    assert rows == without_prefix


def test_the_page_shows_which_types_of_adapters_accept_which_headers() -> None:
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| (all|(?:`[\w-]+`(?:, )?)+) \|$", TEXT, re.MULTILINE)
    accepted = {
        type_: [form.header for form in FORMS] if headers == "all" else re.findall(r"`([\w-]+)`", headers.lower())
        for types, headers in rows
        for type_ in re.findall(r"`(\w+)`", types)
    }
    assert accepted == {type_: [form.header for form in forms_of(type_)] for type_ in WEBHOOK_TYPES}


def test_the_page_shows_the_limits() -> None:
    assert {form.tolerance_seconds for form in FORMS} == {TOLERANCE_SECONDS}
    assert f"at most {TOLERANCE_SECONDS} seconds before or after" in TEXT
    assert f"at most {MAX_HEADER_BYTES:,} characters".replace(",", " ") in TEXT


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_the_commands_of_the_page_make_good_signatures(tmp_path: Path) -> None:
    forms = []
    with session(tmp_path, {"PATH": os.environ["PATH"]}) as run:
        for step in steps(PAGE):
            header, _, value = run(step).strip().partition(": ")
            secret, body = re.findall(r"^(?:secret|body)='(.*)'$", TEXT, re.MULTILINE)
            headers = {header.lower(): value}
            forms.append(verify("generic_webhook", headers, body.encode(), [secret], now=time.time()).form)
    assert forms == ["webhook_signature", "mixpeek"]
