import pytest
from hypothesis import given
from hypothesis import strategies as st

from index import UnsupportedFormat, decode_text


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("Zürich “now”".encode(), "Zürich “now”"),
        (b"\xef\xbb\xbfabc", "abc"),
        ("abc é".encode("utf-16"), "abc é"),
        ("abc é".encode("utf-32"), "abc é"),
        ("It cost £5 – “really”.".encode("windows-1252"), "It cost £5 – “really”."),
        ("Привет, как дела? Сегодня хорошая погода в Москве.".encode("koi8-r"), None),
        (b"a\r\nb", "a\r\nb"),
        ("e\u0301 \u200d \u202e".encode(), "e\u0301 \u200d \u202e"),
    ],
)
def test_decodes_what_people_have(data: bytes, text: str | None) -> None:
    decoded = decode_text(data)
    if text is None:
        assert decoded.isprintable() and any("\u0400" <= c <= "\u04ff" for c in decoded)
    else:
        assert decoded == text


def test_repairs_text_that_was_decoded_wrongly_as_a_whole() -> None:
    broken = "Kim’s “letter” – naïve".encode().decode("windows-1252", "replace")
    if "\ufffd" not in broken:
        assert decode_text(broken.encode()) == "Kim’s “letter” – naïve"
    assert decode_text("donâ€™t".encode()) == "don’t"


def test_leaves_text_alone_that_only_looks_broken() -> None:
    assert decode_text("Ã is a letter, € is not".encode()) == "Ã is a letter, € is not"


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"%PDF-1.7 ...", "PDF"),
        (b"PK\x03\x04rest", "ZIP"),
        (b"MZ\x90\x00", "program"),
        (b"\x89PNG\r\n", "image"),
        (b"\x1f\x8b\x08", "gzip"),
        (bytes(range(32)) * 50, "binary"),
        ("plain utf-16 without a mark".encode("utf-16-le"), "binary"),
    ],
)
def test_refuses_what_is_not_text_and_says_what_it_is(data: bytes, says: str) -> None:
    with pytest.raises(UnsupportedFormat, match=says):
        decode_text(data)


@given(st.binary(max_size=300))
def test_any_bytes_give_text_or_a_clear_error(data: bytes) -> None:
    try:
        text = decode_text(data)
    except UnsupportedFormat as error:
        assert ":" in str(error)
    else:
        text.encode()  # no lone surrogate


@given(st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=200))
def test_utf8_comes_back_as_it_was_unless_it_could_be_repaired(text: str) -> None:
    decoded = decode_text(text.encode())
    bare = text.removeprefix("\ufeff")
    assert decoded == bare.removeprefix("\ufeff") or len(decoded) < len(bare)
