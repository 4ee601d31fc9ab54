"""Every form of signatures: accepted as it was made, and refused after any change of one bit, too early or too late."""

from __future__ import annotations

import base64
import shutil
import subprocess
from dataclasses import replace

import pytest

from chalicelib.adapters.models import SourceAdapterConfig
from chalicelib.adapters.verification.forms import FORMS, Form
from chalicelib.adapters.verification.verify import Verified
from tests.adapters.verification.signed import OTHER, flipped_bytes, flipped_text, outcome
from tests.adapters.verification.vectors import VECTORS, Vector

FORMS_BY_NAME = {form.name: form for form in FORMS}
each_vector = pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
TIMED = [vector for vector in VECTORS if vector.timestamp is not None]
each_timed_vector = pytest.mark.parametrize("vector", TIMED, ids=lambda vector: vector.name)
ADAPTER_TYPES = SourceAdapterConfig.model_json_schema()["properties"]["adapter_type"]["enum"]


def expected(vector: Vector, secret_index: int = 0) -> Verified:
    timestamp = vector.timestamp if FORMS_BY_NAME[vector.form].time_identifies else None
    return Verified(vector.form, vector.message_id, timestamp, vector.payload_id, secret_index)


def with_header(vector: Vector, name: str, value: str) -> Vector:
    return replace(vector, headers={**vector.headers, name: value})


def test_every_form_that_signs_has_a_vector() -> None:
    assert {vector.form for vector in VECTORS} == {form.name for form in FORMS if form.signed is not None}


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
@each_vector
def test_the_command_of_a_vector_prints_its_signature(vector: Vector) -> None:
    done = subprocess.run(["bash", "-c", vector.command], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == vector.signature


@each_vector
def test_a_good_signature_is_accepted_by_the_types_of_adapters_that_have_the_form(vector: Vector) -> None:
    assert vector.headers[FORMS_BY_NAME[vector.form].header].endswith(vector.signature)
    accepting = {type_ for type_ in ADAPTER_TYPES if outcome(vector, type_) == expected(vector)}
    assert accepting == {*vector.adapter_types}
    assert {outcome(vector, type_) for type_ in {*ADAPTER_TYPES, "other"} - accepting} == {"missing"}


@each_vector
def test_a_flipped_bit_in_the_body_is_refused(vector: Vector) -> None:
    bodies = [*flipped_bytes(vector.body), vector.body + b" ", vector.body[:-1] if vector.body else b"\n"]
    assert {outcome(replace(vector, body=body)) for body in bodies} == {"mismatch"}


@each_vector
def test_a_flipped_bit_in_a_header_is_refused(vector: Vector) -> None:
    for name, value in vector.headers.items():
        changed = [text for text in flipped_text(value) if not is_same_signature(vector, value, text)]
        assert len(changed) >= 7 * len(value) - len(vector.signature)
        reasons = {outcome(with_header(vector, name, text)) for text in changed}
        assert reasons <= {"mismatch", "malformed"}, (name, reasons)


def is_same_signature(vector: Vector, value: str, changed: str) -> bool:
    """Returns whether a change of a header concerns only the case of the digits of a signature in hex."""
    before = value.removesuffix(vector.signature)
    return vector.is_hex and before != value and changed.startswith(before) and changed.lower() == value.lower()


@each_vector
def test_a_flipped_bit_in_the_secret_is_refused(vector: Vector) -> None:
    secrets = [*flipped_text(vector.secret), vector.secret + " ", vector.secret[:-1], OTHER]
    assert {outcome(vector, secrets=[secret]) for secret in secrets} == {"mismatch"}


@each_timed_vector
def test_a_signature_is_accepted_for_five_minutes_before_and_after_its_timestamp(vector: Vector) -> None:
    for seconds in (-300, -299.5, 0, 0.5, 300):
        assert outcome(vector, now=vector.now + seconds) == expected(vector), seconds
    for seconds in (300.5, 360, 86_400, 1e12):
        assert outcome(vector, now=vector.now + seconds) == "stale", seconds
        assert outcome(vector, now=vector.now - seconds) == "future", seconds


@each_vector
def test_a_form_without_a_timestamp_has_no_age(vector: Vector) -> None:
    if vector.timestamp is None:
        assert outcome(vector, now=0) == outcome(vector, now=1e12) == expected(vector)


@each_vector
def test_one_good_signature_among_bad_ones_in_a_header_suffices(vector: Vector) -> None:
    form = FORMS_BY_NAME[vector.form]
    before, good = vector.headers[form.header].removesuffix(vector.signature), vector.signature
    bad = ["0" * 64, "x", "", "A" * 43 + "=", good[:-1] + ("0" if good[-1] != "0" else "1")]
    elements = [form.prefix + text for text in (*bad[:3], good, *bad[3:])]
    timestamp = before.removesuffix(form.prefix) if form.timestamp_prefix else ""
    for separator in (form.separator, f" {form.separator} "):
        listed = with_header(vector, form.header, timestamp + separator.join(elements))
        assert outcome(listed) == expected(vector)
        elements_without = [element for element in elements if element != form.prefix + good]
        listed = with_header(vector, form.header, timestamp + separator.join(elements_without))
        assert outcome(listed) == "mismatch"


@each_vector
def test_elements_of_other_schemes_are_ignored(vector: Vector) -> None:
    form = FORMS_BY_NAME[vector.form]
    value = vector.headers[form.header]
    others = [f"v2{form.prefix[2:] or '='}{vector.signature}", "sha1=00", "v9", form.separator]
    assert outcome(with_header(vector, form.header, form.separator.join([*others, value, *others]))) == expected(vector)
    if form.prefix and not form.prefix_optional:
        other = value.replace(form.prefix, "v2" + form.prefix[2:])
        assert outcome(with_header(vector, form.header, other)) == "malformed"
        assert outcome(with_header(vector, form.header, value.replace(form.prefix, ""))) == "malformed"


@each_vector
def test_one_good_secret_among_others_suffices(vector: Vector) -> None:
    assert outcome(vector, secrets=[OTHER, vector.secret]) == expected(vector, 1)
    assert outcome(vector, secrets=["", OTHER, "\ud800", vector.secret, OTHER, vector.secret]) == expected(vector, 3)


@each_vector
def test_other_notations_of_a_signature_are_accepted(vector: Vector) -> None:
    form = FORMS_BY_NAME[vector.form]
    value, good = vector.headers[form.header], vector.signature
    digest_in_hex = good if vector.is_hex else from_base64(good).hex()
    for text in (
        digest_in_hex,
        digest_in_hex.upper(),
        to_base64(bytes.fromhex(digest_in_hex)),
        to_base64(bytes.fromhex(digest_in_hex)).rstrip("="),
        to_base64(bytes.fromhex(digest_in_hex)).replace("+", "-").replace("/", "_"),
    ):
        assert outcome(with_header(vector, form.header, value.replace(good, text))) == expected(vector)
    assert outcome(with_header(vector, form.header, f" \t{value}  ")) == expected(vector)


def to_base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


def from_base64(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


@each_vector
def test_every_header_of_a_form_is_required(vector: Vector) -> None:
    for name in vector.headers:
        without = {other: value for other, value in vector.headers.items() if other != name}
        assert outcome(replace(vector, headers=without)) == "missing"
        for value in ("", " ", "\t", "é" + vector.headers[name], vector.headers[name] + "\n", "\x7f", "a\tb"):
            assert outcome(with_header(vector, name, value)) == "malformed", value


@each_vector
def test_a_header_of_more_than_8_kb_is_refused(vector: Vector) -> None:
    for name, value in vector.headers.items():
        assert outcome(with_header(vector, name, value + " " * (8_192 - len(value)))) == expected(vector)
        assert outcome(with_header(vector, name, value + " " * (8_193 - len(value)))) == "malformed"


@each_timed_vector
@pytest.mark.parametrize(
    "text", ["-1", "+1", "1.5", "1e9", "0x10", "", "1 2", "1_0", "nan", "inf", "9" * 13, "9" * 5_000, "²", "١٢٣"]
)
def test_a_timestamp_is_a_decimal_number_of_seconds(vector: Vector, text: str) -> None:
    name = FORMS_BY_NAME[vector.form].timestamp_header
    assert name is not None
    value = vector.headers[name].replace(str(vector.timestamp), text, 1)
    assert outcome(with_header(vector, name, value)) == "malformed"


def test_two_timestamp_headers_that_were_joined_are_refused() -> None:
    (slack,) = [vector for vector in VECTORS if vector.form == "slack"]
    joined = f"{slack.timestamp},{slack.timestamp}"
    assert outcome(with_header(slack, "x-slack-request-timestamp", joined)) == "malformed"


@pytest.mark.parametrize("vector", [vector for vector in TIMED if len(vector.headers) == 1], ids=lambda each: each.name)
def test_a_timestamp_inside_the_header_is_given_exactly_once(vector: Vector) -> None:
    ((name, value),) = vector.headers.items()
    timestamp, _, signature = value.partition(",")
    assert outcome(with_header(vector, name, f"{signature},{timestamp}")) == expected(vector)
    for changed in (signature, f"{timestamp},{value}", f"t=1,{value}", f"{value},t=", f"T={timestamp[2:]},{signature}"):
        assert outcome(with_header(vector, name, changed)) == "malformed", changed


@pytest.mark.parametrize("form", [form for form in FORMS if form.id_header], ids=lambda form: form.name)
@pytest.mark.parametrize("message_id", ["a.b", "a b", ".", '{"a":1', "é", "a" * 257])
def test_an_id_that_makes_the_signed_text_ambiguous_is_refused(form: Form, message_id: str) -> None:
    vector = next(vector for vector in VECTORS if vector.form == form.name)
    assert form.id_header is not None
    assert outcome(with_header(vector, form.id_header, message_id)) == "malformed"
