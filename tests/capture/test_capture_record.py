"""Lines of capture files: the contract's layout, and the engine's reader as its judge."""

import base64
import json
import uuid
import zlib
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchpost.capture.config import CaptureConfig
from watchpost.capture.record import CapturedCall, Transcriber, event_id
from watchpost.capture.sampling import Rule, Sampling
from watchpost.data.envelopes import decode_capture
from watchpost.data.payloads import decode_payload
from watchpost.data.quarantine import Quarantine
from watchpost.errors import Misconfigured

AT = 1574292792.9  # 2019-11-20T23:33:12Z
EVENT = uuid.UUID("feca1ab1-8025-47e3-8f6a-99e3fdd7b8d9").int


def line(call: CapturedCall, config: CaptureConfig | None = None) -> str:
    made = Transcriber(config or CaptureConfig()).line(call, AT, EVENT)
    assert isinstance(made, bytes), made
    return made.decode()


def test_a_record_is_byte_for_byte_the_contracts() -> None:
    # Contract 1.2, with the ids, types and payloads of its example.
    call = CapturedCall(
        b"132,25,113.2,96", b"0.0107", "text/csv", "text/csv; charset=utf-8", "234", custom_attributes=("k=v",)
    )
    assert line(call) == (
        '{"captureData":{'
        '"endpointInput":{"observedContentType":"text/csv","mode":"INPUT","data":"132,25,113.2,96","encoding":"CSV"},'
        '"endpointOutput":{"observedContentType":"text/csv; charset=utf-8","mode":"OUTPUT","data":"0.0107",'
        '"encoding":"CSV"}},'
        '"eventMetadata":{"eventId":"feca1ab1-8025-47e3-8f6a-99e3fdd7b8d9","inferenceId":"234",'
        '"customAttributes":["k=v"],"inferenceTime":"2019-11-20T23:33:12Z"},'
        '"eventVersion":"0"}\n'
    )


def test_a_line_of_the_original_service_is_written_as_it_stands(shared: Path) -> None:
    recorded = shared / "golden" / "sagemaker-sdk-fixtures" / "monitor" / "captured-data.jsonl"
    original = recorded.read_text().splitlines()[0]
    metadata = json.loads(original)["eventMetadata"]
    sides = json.loads(original)["captureData"]
    call = CapturedCall(
        sides["endpointInput"]["data"].encode(),
        sides["endpointOutput"]["data"].encode(),
        "application/json",
        "application/json",
    )
    made = Transcriber(CaptureConfig()).line(call, 1574580650.0, uuid.UUID(metadata["eventId"]).int)
    assert isinstance(made, bytes)
    assert made.decode() == f"{original}\n"


@given(st.integers(0, 2**128 - 1))
def test_event_ids_are_random_uuids(bits: int) -> None:
    made = uuid.UUID(event_id(bits))
    assert (made.version, made.variant) == (4, uuid.RFC_4122)
    assert str(made) == event_id(bits)


bodies = st.one_of(
    st.binary(max_size=200),
    st.text(max_size=100).map(lambda text: text.encode("utf-8", "replace")),
    st.lists(st.floats(allow_nan=False), min_size=1).map(lambda row: ",".join(map(str, row)).encode()),
    st.dictionaries(st.text(max_size=5), st.one_of(st.integers(), st.text(max_size=5), st.none())).map(
        lambda row: json.dumps(row).encode()
    ),
)
types = st.sampled_from(["text/csv", "Text/CSV ;header=absent", "application/json", "image/png", "text/plain"])


@given(asked=bodies, answered=bodies, asked_as=types, answered_as=types, inference_id=st.text(max_size=20))
def test_what_passed_is_what_the_engines_reader_finds(
    asked: bytes, answered: bytes, asked_as: str, answered_as: str, inference_id: str
) -> None:
    record = decode_capture(line(CapturedCall(asked, answered, asked_as, answered_as, inference_id)).encode())
    for side, body in ((record.captureData.endpointInput, asked), (record.captureData.endpointOutput, answered)):
        assert side is not None
        found = base64.b64decode(side.data) if side.encoding == "BASE64" else side.data.encode()
        assert found == body
    assert record.identifier == (inference_id or str(uuid.UUID(int=EVENT)))


@given(asked=bodies, answered=bodies, asked_as=types, answered_as=types, inference_id=st.text(max_size=3))
def test_the_short_way_to_a_line_leads_where_the_long_one_does(
    asked: bytes, answered: bytes, asked_as: str, answered_as: str, inference_id: str
) -> None:
    call = CapturedCall(asked, answered, asked_as, answered_as, inference_id, ("k=v",))
    looked_into = CaptureConfig(sampling=Sampling(100.0, (Rule(100.0, ()),)))
    assert line(call) == line(call, looked_into)


@given(st.lists(st.lists(st.floats(-1e9, 1e9).map(repr), min_size=3, max_size=3), min_size=1, max_size=5), types)
def test_rows_that_pass_are_rows_that_are_read(rows: list[list[str]], kind: str) -> None:
    body = "\n".join(map(",".join, rows)).encode()
    side = decode_capture(line(CapturedCall(body, None, kind)).encode()).captureData.endpointInput
    assert side is not None
    if side.encoding != "JSON":
        assert decode_payload(side.data, side.encoding, kind, "endpointInput").positional == tuple(map(tuple, rows))


def test_a_file_of_lines_is_a_table_to_the_engine(tmp_path: Path) -> None:
    import watchpost

    calls = [CapturedCall(f"{n},{n / 4}".encode(), f"{n % 2}".encode(), "text/csv", "text/csv") for n in range(50)]
    (tmp_path / "a.jsonl").write_text("".join(line(call) for call in calls))
    quarantine = Quarantine()
    table = pl.concat(watchpost.open_dataset(tmp_path, format="capture").batches(quarantine))
    assert table.rows() == [(n % 2, n, n / 4) for n in range(50)]


@pytest.mark.parametrize(
    ("content_type", "config", "encoding"),
    [
        ("text/csv", CaptureConfig(), "CSV"),
        ("TEXT/CSV; charset=utf-8", CaptureConfig(), "CSV"),
        ("application/json", CaptureConfig(), "JSON"),
        ("application/jsonlines", CaptureConfig(), "BASE64"),
        ("application/jsonlines", CaptureConfig(json_content_types=("application/jsonlines",)), "JSON"),
        ("", CaptureConfig(), "BASE64"),
        ("text/csv", CaptureConfig.of_sagemaker({"CaptureOptions": [{"CaptureMode": "Input"}]}), "BASE64"),
    ],
)
def test_the_content_type_chooses_the_encoding(content_type: str, config: CaptureConfig, encoding: str) -> None:
    side = json.loads(line(CapturedCall(b"1", None, content_type), config))["captureData"]["endpointInput"]
    assert side["encoding"] == encoding


def test_text_in_another_character_set_becomes_the_same_text() -> None:
    call = CapturedCall("Ærø,1".encode("latin-1"), None, "text/csv; charset=ISO-8859-1")
    assert json.loads(line(call))["captureData"]["endpointInput"]["data"] == "Ærø,1"


def test_bytes_that_are_no_text_are_kept_in_base64() -> None:
    side = json.loads(line(CapturedCall(b"\xff\xfe1", None, "text/csv")))["captureData"]["endpointInput"]
    assert (side["encoding"], base64.b64decode(side["data"])) == ("BASE64", b"\xff\xfe1")


@pytest.mark.parametrize(("wbits", "coding"), [(31, "gzip"), (15, "deflate")])
def test_packed_bodies_are_unpacked(wbits: int, coding: str) -> None:
    packing = zlib.compressobj(wbits=wbits)
    packed = packing.compress(b"1,2") + packing.flush()
    side = json.loads(line(CapturedCall(packed, None, "text/csv", input_coding=coding)))["captureData"]["endpointInput"]
    assert (side["encoding"], side["data"]) == ("CSV", "1,2")


def test_a_body_that_unpacks_beyond_the_cap_is_oversized() -> None:
    packing = zlib.compressobj(wbits=31)
    packed = packing.compress(bytes(100_000)) + packing.flush()
    call = CapturedCall(packed, None, "text/csv", input_coding="gzip")
    assert Transcriber(CaptureConfig(max_body_bytes=10_000)).line(call, AT, EVENT) == "oversized"


@pytest.mark.parametrize(("modes", "sides"), [(["Input"], ["endpointInput"]), (["Output"], ["endpointOutput"])])
def test_only_the_modes_asked_for_are_written(modes: list[str], sides: list[str]) -> None:
    config = CaptureConfig.of_sagemaker({"CaptureOptions": [{"CaptureMode": mode} for mode in modes]})
    assert list(json.loads(line(CapturedCall(b"1", b"2"), config))["captureData"]) == sides


def test_sagemakers_configuration_is_taken_over() -> None:
    members = {
        "EnableCapture": True,
        "InitialSamplingPercentage": 20,
        "DestinationS3Uri": "s3://bucket/prefix",
        "CaptureOptions": [{"CaptureMode": "InputAndOutput"}],
        "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"], "JsonContentTypes": ["application/json"]},
    }
    assert CaptureConfig.of_sagemaker(members) == CaptureConfig(sampling=Sampling(20.0))


# --- redaction ------------------------------------------------------------------------------------------------------

SECRET = CaptureConfig(
    input_columns=("name", "card", "amount"), redact=("name", "customer.email"), hash=("card",), hash_key=b"key"
)


def asked(call: CapturedCall, config: CaptureConfig = SECRET) -> str:
    data = json.loads(line(call, config))["captureData"]["endpointInput"]["data"]
    assert isinstance(data, str)
    return data


def test_named_csv_cells_are_emptied_and_hashed() -> None:
    name, card, amount = asked(CapturedCall(b"Ann,4111,7.50", None, "text/csv")).split(",")
    assert (name, amount, len(card)) == ("", "7.50", 32)
    assert card != "4111"


def test_csv_with_quotes_and_several_rows_keeps_its_other_cells() -> None:
    rows = asked(CapturedCall(b'"Lee, Bo",41,1\nCy,42,"2"\n', None, "text/csv")).splitlines()
    assert [(row.split(",")[0], row.split(",")[2]) for row in rows] == [("", "1"), ("", "2")]


def test_one_value_has_one_hash_in_csv_and_json_and_another_under_another_key() -> None:
    csv_hash = asked(CapturedCall(b"Ann,4111,1", None, "text/csv")).split(",")[1]
    other = CaptureConfig(hash=("card",), hash_key=b"another")
    for value in (b"4111", b'"4111"'):
        call = CapturedCall(b'{"card": ' + value + b"}", None, "application/json")
        assert json.loads(asked(call))["card"] == csv_hash
        assert json.loads(asked(call, other))["card"] not in {csv_hash, "4111"}


def test_json_members_are_found_at_any_depth_and_the_rest_keeps_its_digits() -> None:
    customer = b'"customer": {"email": "a@b", "x": 1.10}'
    body = b'{"instances": [{' + customer + b', "email": "kept", "name": "Ann", "n": 12345678901234567890}]}'
    assert asked(CapturedCall(body, None, "application/json")) == (
        '{"instances":[{"customer":{"email":null,"x":1.10},"email":"kept","name":null,"n":12345678901234567890}]}'
    )


def test_places_are_cells_of_rows_and_elements_of_arrays() -> None:
    config = CaptureConfig(redact=("input[1]", "output[0]"))
    made = json.loads(
        line(CapturedCall(b"1,2,3", b'{"predictions":[[0.5,"x"]]}', "text/csv", "application/json"), config)
    )["captureData"]
    assert (made["endpointInput"]["data"], made["endpointOutput"]["data"]) == ("1,,3", '{"predictions":[[null,"x"]]}')


def test_json_lines_are_redacted_line_by_line() -> None:
    config = CaptureConfig(redact=("name",), json_content_types=("application/jsonlines",))
    body = b'{"name":"Ann"}\n{"name":"Bo"}\n'
    assert asked(CapturedCall(body, None, "application/jsonlines"), config) == '{"name":null}\n{"name":null}'


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"\x89PNG", "image/png"),
        (b"{broken", "application/json"),
        (b"Ann,4111", "text/csv"),  # a row narrower than its names
        (b"[" * 100_000, "application/json"),
    ],
)
def test_a_payload_that_cannot_be_searched_for_the_field_is_withheld(body: bytes, content_type: str) -> None:
    assert Transcriber(SECRET).line(CapturedCall(body, None, content_type), AT, EVENT) == "withheld"


@given(st.text(st.characters(blacklist_characters='\r\n"', blacklist_categories=["Cs"]), min_size=4))
def test_no_redacted_or_hashed_cell_is_ever_in_the_line(secret: str) -> None:
    marked = f"secret-{secret.replace(',', ';')}-secret"
    csv_line = Transcriber(SECRET).line(CapturedCall(f"{marked},{marked},1".encode(), None, "text/csv"), AT, EVENT)
    body = json.dumps([{"name": marked, "card": marked}]).encode()
    json_line = Transcriber(SECRET).line(CapturedCall(body, None, "application/json"), AT, EVENT)
    for made in (csv_line, json_line):
        assert isinstance(made, bytes)
        assert b"secret" not in made


@pytest.mark.parametrize(
    "wrong",
    [
        {"hash": ("card",)},
        {"redact": ("",)},
        {"redact": ("a..b",)},
        {"input": False, "output": False},
        {"queue_records": 0},
    ],
)
def test_a_configuration_that_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(Misconfigured):
        CaptureConfig(**wrong)  # type: ignore[arg-type]  # wrong on purpose


def test_the_hash_key_is_not_shown() -> None:
    assert "sesame" not in repr(CaptureConfig(hash=("a",), hash_key=b"sesame"))
