"""One named cookie out of Cookie headers, whatever stands beside it."""

from __future__ import annotations

import string
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fprom_middleware.visitor.cookies import clean_value, find_cookie, find_ref, find_tid

TID = "f3a1b2c4-1111-4222-8333-abcdefabcdef"

# Each row: what stands in the Cookie header, and the tid that is in it. "T" in a header
# stands for a cookie name of ours, so that a row reads like what a browser sends.
VECTORS = [
    # The plain cases.
    ("no header", "", None),
    ("alone", "T=abc", "abc"),
    ("first of two", "T=abc; other=1", "abc"),
    ("last of two", "other=1; T=abc", "abc"),
    ("in the middle", "a=1; T=abc; b=2", "abc"),
    ("absent", "a=1; b=2", None),
    ("a uuid", f"a=1; T={TID}", TID),
    ("need not be a uuid", "T=visitor-17", "visitor-17"),
    ("one character", "T=x", "x"),
    # Blanks and separators.
    ("no blank after the semicolon", "a=1;T=abc;b=2", "abc"),
    ("many blanks", "a=1;    T=abc   ;b=2", "abc"),
    ("tabs", "a=1;\tT=abc\t;b=2", "abc"),
    ("blanks at the very start", "  T=abc", "abc"),
    ("blank before the equals sign", "T =abc", "abc"),
    ("blank after the equals sign", "T= abc", "abc"),
    ("blanks and tabs around the equals sign", "T \t=\t abc", "abc"),
    ("semicolon first", ";T=abc", "abc"),
    ("empty segments", ";;; ;T=abc;;", "abc"),
    ("trailing semicolon", "T=abc;", "abc"),
    ("blank inside the value", "T=a bc; b=1", "a bc"),
    ("tab inside the value", "T=a\tbc", None),
    ("a no-break space is no blank", "T=\xa0abc\xa0", "\xa0abc\xa0"),
    ("a no-break space before the name", "a=1;\xa0T=abc", None),
    ("a form feed before the name", "a=1;\x0cT=abc", None),
    ("a line feed before the name", "a=1;\nT=abc", None),
    ("a vertical tab after the name", "T\x0b=abc", None),
    ("a comma separates nothing", "a=1, T=abc", None),
    ("a comma inside the value", "T=a,b,c; d=1", "a,b,c"),
    ("a joined line", "T=abc,a=1", "abc"),
    ("a joined line behind a blank", "T=abc , a=1; d=1", "abc"),
    ("several joined lines", "T=abc,a=1,b=2; d=1", "abc"),
    ("a joined line without a name", "T=abc,=1", "abc,=1"),
    ("a joined line without a value", "T=abc,a=", "abc"),
    ("a comma and no name", "T=a,b,c=d", "a,b"),
    ("a comma and an odd name", 'T=a,"b"=c', 'a,"b"=c'),
    ("nothing before a joined line", "T=,a=1", None),
    ("a quoted value and a joined line", 'T="a,b=c",d=1', "a,b=c"),
    ("an open quote and a joined line", 'T="a,b=c', '"a'),
    ("a joined tid is none of ours", "a=1,T=abc", None),
    # What scripts write for nothing.
    *[(f"{word}", f"T={word}", None) for word in ("undefined", "null", "NaN", "None")],
    ("an object", "T=[object Object]", None),
    ("nothing in quotes", 'T="undefined"', None),
    ("nothing, then one that counts", "T=null; T=abc", "abc"),
    ("nothing in a joined line", "T=null,a=1", None),
    ("nothing as a part", "T=undefined-1", "undefined-1"),
    ("nothing in other letters", "T=nan", "nan"),
    ("an ampersand separates nothing", "a=1&T=abc", None),
    ("a blank separates nothing", "a=1 T=abc", None),
    # The name is matched exactly.
    ("name as a suffix", "xT=evil; T=abc", "abc"),
    ("name as a prefix", "Tx=evil; T=abc", "abc"),
    ("name as a suffix alone", "xT=evil", None),
    ("name as a prefix alone", "Tx=evil", None),
    ("name with a number behind", "T2=evil; T=abc", "abc"),
    ("name with a dash before", "-T=evil", None),
    ("name in another value", "a=T; T=abc", "abc"),
    ("name and equals sign in another value", "a=T=evil; T=abc", "abc"),
    ("name after a blank in another value", "a=x T=evil; T=abc", "abc"),
    ("name twice in another value", "a=T=T=evil; T=abc", "abc"),
    ("name doubled", "TT=evil; T=abc", "abc"),
    ("name in a quoted neighbour", 'a="T=evil"; T=abc', "abc"),
    ("name as a nameless value", "=T; T=abc", "abc"),
    ("name without a value", "T; a=1", None),
    ("name without a value, then with one", "T; T=abc", "abc"),
    ("name in quotes", '"T"=evil; T=abc', "abc"),
    ("name percent-encoded", "%54=evil; T=abc", "abc"),
    ("a host prefix makes another name", "__Host-T=evil; __Secure-T=evil; T=abc", "abc"),
    ("a dollar makes another name", "$T=evil; T=abc", "abc"),
    # What the value may be.
    ("empty", "T=", None),
    ("empty, then one that counts", "T=; T=abc", "abc"),
    ("only blanks", "T=   ; T=abc", "abc"),
    ("more equals signs", "T=a=b==", "a=b=="),
    ("only an equals sign", "T==", "="),
    ("not percent-decoded", "T=a%20b%3D", "a%20b%3D"),
    ("not javascript-decoded", "T=%u20AC", "%u20AC"),
    ("a plus stays", "T=a+b", "a+b"),
    ("a json value", 'T={"a":1}', '{"a":1}'),
    ("latin-1 characters", "T=caf\xe9", "caf\xe9"),
    ("utf-8 bytes as latin-1", "T=\xe2\x82\xac", "\xe2\x82\xac"),
    ("the c1 range is no control character here", "T=a\x80\x9fb", "a\x80\x9fb"),
    ("a soft hyphen", "T=a\xadb", "a\xadb"),
    ("a NUL", "T=a\x00b", None),
    ("a DEL", "T=a\x7fb", None),
    ("a line break", "T=a\r\nb", None),
    ("an escape", "T=a\x1bb; T=abc", "abc"),
    ("the first of duplicates", "T=first; T=second", "first"),
    ("the first that counts", "T=a\x01; T=; T=third; T=fourth", "third"),
    ("a trailing control character", "T=abc\x1f", None),
    # Quotes.
    ("quoted", 'T="abc"', "abc"),
    ("quoted with blanks outside", 'T= "abc" ; a=1', "abc"),
    ("quoted with blanks inside", 'T=" abc "', " abc "),
    ("quoted and empty", 'T=""', None),
    ("quoted and empty, then one that counts", 'T=""; T=abc', "abc"),
    ("one quote", 'T="', '"'),
    ("an opening quote", 'T="abc', '"abc'),
    ("a closing quote", 'T=abc"', 'abc"'),
    ("a quote inside", 'T=a"b', 'a"b'),
    ("only one pair is removed", 'T=""abc""', '"abc"'),
    ("single quotes stay", "T='abc'", "'abc'"),
    ("something behind the quote", 'T="abc"d', '"abc"d'),
    ("an escaped quote", r'T="a\"b"', 'a"b'),
    ("an escaped backslash", r'T="a\\b"', r"a\b"),
    ("an escaped letter", r'T="a\bc"', "abc"),
    ("an escaped backslash before a digit", r'T="\\101"', r"\101"),
    ("a backslash at the end", 'T="abc\\"', "abc\\"),
    ("only a backslash", 'T="\\"', "\\"),
    ("a backslash outside quotes stays", r"T=a\"b\101", r"a\"b\101"),
    ("an octal escape", r'T="\101\102"', "AB"),
    ("an octal semicolon", r'T="a\073b"', "a;b"),
    ("an octal comma", r'T="a\054b"', "a,b"),
    ("an octal blank", r'T="\040"', " "),
    ("the highest octal escape", r'T="\377"', "\xff"),
    ("above the highest octal escape", r'T="\400"', "400"),
    ("no octal digits", r'T="\089"', "089"),
    ("too few octal digits", r'T="\12"', "12"),
    ("a fourth octal digit", r'T="\1011"', "A1"),
    ("an octal NUL", r'T="\000"; T=abc', "abc"),
    ("an octal line feed", r'T="a\012b"', None),
    ("an octal tab", r'T="a\011b"', None),
    ("an octal DEL", r'T="a\177b"', None),
    ("an octal quote", r'T="\042"', '"'),
    ("an octal of the c1 range", r'T="\200"', "\x80"),
    ("an escaped control character", 'T="a\\\x01b"; T=abc', "abc"),
    ("a semicolon inside quotes splits", 'T="a;b"', '"a'),
    ("a semicolon inside quotes splits the neighbour", 'a="x; T=abc; y"', "abc"),
    ("a neighbour whose quote never closes", 'a="x; T=abc', "abc"),
    # Length: 512 characters, counted after unquoting.
    ("512 characters", "T=" + "x" * 512, "x" * 512),
    ("513 characters", "T=" + "x" * 513, None),
    ("513 characters, then one that counts", f"T={'x' * 513}; T=abc", "abc"),
    ("512 characters in quotes", f'T="{"x" * 512}"', "x" * 512),
    ("513 characters in quotes", f'T="{"x" * 513}"', None),
    ("512 characters after unescaping", 'T="' + r"\x" * 512 + '"', "x" * 512),
    ("513 characters after unescaping", 'T="' + r"\x" * 513 + '"', None),
    ("512 characters of octal escapes", 'T="' + r"\101" * 512 + '"', "A" * 512),
    ("513 characters of octal escapes", 'T="' + r"\101" * 513 + '"', None),
    ("512 characters and blanks around", "T= \t" + "x" * 512 + "\t ", "x" * 512),
    ("blanks inside quotes count", f'T=" {"x" * 512}"', None),
    # Neighbours are never judged.
    ("a neighbour without a name", "=x; T=abc", "abc"),
    ("a neighbour without an equals sign", "flag; T=abc", "abc"),
    ("a neighbour with an at sign", "user@host=1; T=abc", "abc"),
    ("a neighbour with a colon", "foo:bar=1; T=abc", "abc"),
    ("a neighbour with a comma", "a,b=1; T=abc", "abc"),
    ("a neighbour with brackets", "a[b]=1; T=abc", "abc"),
    ("a neighbour with a slash", "a/b=1; T=abc", "abc"),
    ("a neighbour with a blank", "a b=1; T=abc", "abc"),
    ("a neighbour with a quote", 'a"b=1; T=abc', "abc"),
    ("a neighbour with braces", 'prefs={"a":{"b":"c,d"}}; T=abc', "abc"),
    ("a neighbour with a NUL", "a=\x00; T=abc", "abc"),
    ("a neighbour with a line break", "a=1\r\n; T=abc", "abc"),
    ("a neighbour with utf-8", "n\xc3\xb6=\xc3\xa9; T=abc", "abc"),
    ("a neighbour with an emoji's bytes", "e=\xf0\x9f\x98\x80; T=abc", "abc"),
    ("a neighbour with a lone quote", 'a="; T=abc; b="', "abc"),
    ("a neighbour with a backslash", "a=\\; T=abc", "abc"),
    ("a neighbour with a percent sign", "a=%; T=abc", "abc"),
    ("a neighbour named like an attribute", "path=/; domain=x; expires=y; T=abc", "abc"),
    ("RFC 2109 attributes", '$Version=1; T="abc"; $Path="/"; $Domain="x"', "abc"),
    ("a neighbour named __proto__", "__proto__=1; T=abc", "abc"),
    ("a long neighbour", "a=" + "x" * 100_000 + "; T=abc", "abc"),
    ("many neighbours", "a=1; " * 5_000 + "T=abc", "abc"),
    ("the other vendor cookies", "_fprom_signup=1; _fprom_rd=x; T=abc", "abc"),
    # In the spirit of other parsers' suites.
    ("keebler, as in http.cookies", r'keebler="E=mc2; L=\"Loves\"; fudge=\012;"; T=abc', "abc"),
    ("illegal key, as in http.cookies", "Set-Cookie: foo=bar; T=abc", "abc"),
    ("dates, as in http.cookies", "exp=Wed, 01-Jan-98 00:00:00 GMT; T=abc", "abc"),
    ("chips ahoy, as in http.cookies", "a b c=1; =bar; eggs; T=ahoy", "ahoy"),
    ("dismiss-top, as in werkzeug", 'fo234{=bar; blub="Blah; T=6; a=42', "6"),
    ("empty pairs, as in werkzeug", "a=;b;c=;T;T=abc", "abc"),
    ("bad value, as in Starlette", "csrf={}; T=1=2=3; x==", "1=2=3"),
    ("no keys, as in Starlette", "abc=def; unnamed; =anon; T=g", "g"),
    ("a google analytics cookie, as in Django", "__utma=1.2.3; gads=ID=1:T=2:S=3; T=abc", "abc"),
    ("repeated nonnested quotes, as in Django", 'a=b; T="c"d"; e="f"', 'c"d'),
]

NAMES = {"tid": (find_tid, "_fprom_tid"), "ref": (find_ref, "_fprom_ref")}
VECTOR_CASES = [pytest.param(header, value, id=name) for name, header, value in VECTORS]


@pytest.mark.parametrize("which", NAMES)
@pytest.mark.parametrize(("header", "expected"), VECTOR_CASES)
def test_vectors(which: str, header: str, expected: str | None) -> None:
    """The tid's and the ref's cookie are found by the same rules."""
    find, name = NAMES[which]

    assert find(header.replace("T", name)) == (expected and expected.replace("T", name))


@pytest.mark.parametrize(("header", "expected"), VECTOR_CASES)
def test_legacy_tid_vectors(header: str, expected: str | None) -> None:
    """The legacy visitor id is found by the rules of the new one."""
    header = header.replace("T", "_fprom_track")

    assert find_tid(header) == (expected and expected.replace("T", "_fprom_track"))


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        pytest.param("_fprom_track=old", "old", id="legacy alone"),
        pytest.param("_fprom_track=old; _fprom_tid=new", "new", id="the new one wins"),
        pytest.param("_fprom_tid=new; _fprom_track=old", "new", id="in either order"),
        pytest.param("_fprom_tid=; _fprom_track=old", "old", id="an empty new one does not count"),
        pytest.param("_fprom_tid=a\x01; _fprom_track=old", "old", id="an invalid new one"),
        pytest.param(f"_fprom_tid={'x' * 513}; _fprom_track=old", "old", id="a long new one"),
        pytest.param("_fprom_track=; _fprom_track=old", "old", id="duplicates of the legacy one"),
        pytest.param("_fprom_track=a\x01", None, id="an invalid legacy one"),
        pytest.param("_fprom_ref=r; _fprom_code=_r_c", None, id="a ref is no tid"),
        pytest.param("_FPROM_TID=x; _Fprom_Tid=y", None, id="the case counts"),
        pytest.param("fprom_tid=x", None, id="the underscore counts"),
        pytest.param("_fprom_track=_r_x", "_r_x", id="no prefix is cut off a tid"),
    ],
)
def test_tid_falls_back_to_the_legacy_cookie(header: str, expected: str | None) -> None:
    """`_fprom_tid` comes first; `_fprom_track` counts where that has nothing."""
    assert find_tid(header) == expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        pytest.param("_fprom_ref=anna", "anna", id="new"),
        pytest.param("_fprom_ref=_r_anna", "_r_anna", id="no prefix is cut off the new one"),
        pytest.param("_fprom_code=_r_anna", "anna", id="legacy"),
        pytest.param("_fprom_code=_r_anna; _fprom_ref=ben", "ben", id="the new one wins"),
        pytest.param("_fprom_ref=; _fprom_code=_r_anna", "anna", id="an empty new one"),
        pytest.param("_fprom_ref=a\x7f; _fprom_code=_r_anna", "anna", id="an invalid new one"),
        pytest.param(
            "_fprom_ref=undefined; _fprom_code=_r_anna", "anna", id="nothing as a new one"
        ),
        pytest.param("_fprom_code=_r_undefined", None, id="nothing behind the prefix"),
        pytest.param("_fprom_code=_r_anna,a=1", "anna", id="a joined line"),
        pytest.param("_fprom_code=anna", None, id="no prefix"),
        pytest.param("_fprom_code=_R_anna", None, id="the prefix in capitals"),
        pytest.param("_fprom_code=_c_anna", None, id="another prefix"),
        pytest.param("_fprom_code=r_anna", None, id="half a prefix"),
        pytest.param("_fprom_code=x_r_anna", None, id="the prefix further in"),
        pytest.param("_fprom_code=_r_", None, id="nothing behind the prefix"),
        pytest.param("_fprom_code=_r", None, id="shorter than the prefix"),
        pytest.param("_fprom_code=", None, id="empty legacy"),
        pytest.param("_fprom_code=_r__r_anna", "_r_anna", id="the prefix is cut off once"),
        pytest.param('_fprom_code="_r_anna"', "anna", id="a quoted legacy one"),
        pytest.param(r'_fprom_code="\137r_anna"', "anna", id="an escaped prefix"),
        pytest.param("_fprom_code= _r_anna ", "anna", id="blanks around the legacy one"),
        pytest.param("_fprom_code=_r_an\x00na", None, id="an invalid legacy one"),
        pytest.param(f"_fprom_code=_r_{'x' * 509}", "x" * 509, id="512 with the prefix"),
        pytest.param(f"_fprom_code=_r_{'x' * 510}", None, id="513 with the prefix"),
        pytest.param("_fprom_tid=t; _fprom_track=u", None, id="a tid is no ref"),
    ],
)
def test_ref_falls_back_to_the_legacy_cookie(header: str, expected: str | None) -> None:
    """`_fprom_ref` is taken as it is; of `_fprom_code` the `_r_` is cut off."""
    assert find_ref(header) == expected


@pytest.mark.parametrize("code", [*range(0x20), 0x7F])
@pytest.mark.parametrize("place", ["{}abc", "a{}bc", "abc{}", '"a{}b"', '"a\\{}b"'])
def test_every_control_character(code: int, place: str) -> None:
    """A value with a control character does not count; a blank around it is no part of it."""
    header = f"_fprom_tid={place.format(chr(code))}; _fprom_tid=next"

    stripped = chr(code) == "\t" and place in {"{}abc", "abc{}"}
    assert find_tid(header) == ("abc" if stripped else "next")


@pytest.mark.parametrize("code", [*range(0x20, 0x7F), *range(0x80, 0x100)])
def test_every_other_latin_1_character(code: int) -> None:
    """A value may hold anything else that a byte can be, but for the semicolon."""
    expected = "a" if chr(code) == ";" else f"a{chr(code)}b"

    assert find_tid(f"_fprom_tid=a{chr(code)}b") == expected


@pytest.mark.parametrize("code", range(0o400))
def test_every_octal_escape(code: int) -> None:
    """Octal escapes from 000 to 377 stand for one character, control characters included."""
    expected = None if code < 0x20 or code == 0x7F else f"a{chr(code)}b"

    assert find_tid(f'_fprom_tid="a\\{code:03o}b"') == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("", None),
        (" \t", None),
        (" abc\t", "abc"),
        ('"abc"', '"abc"'),
        ("a%20b", "a%20b"),
        ("a\x00b", None),
        ("a\x7fb", None),
        ("x" * 512, "x" * 512),
        ("x" * 513, None),
        ("undefined", None),
        (" null ", None),
        ("[object Undefined]", None),
    ],
    ids=ascii,
)
def test_a_value_from_elsewhere(raw: str, expected: str | None) -> None:
    """A value that came by a header or a link counts by the cookie's rules, quotes aside."""
    assert clean_value(raw) == expected


def reference_find(header: str, name: str) -> str | None:
    """Read the policy word by word, without a thought for speed."""
    for segment in header.split(";"):
        if "=" not in segment:
            continue
        left, right = segment.split("=", 1)
        if left.strip(" \t") != name:
            continue
        value = reference_first_line(right.strip(" \t"))
        if len(value) >= 2 and value.startswith('"') and value.endswith('"'):
            value = reference_unescape(value[1:-1])
        if value == "" or len(value) > 512:
            continue
        if value in {"undefined", "null", "NaN", "None", "[object Object]"}:
            continue
        if any(ord(character) < 32 or ord(character) == 127 for character in value):
            continue
        return value
    return None


NAME_CHARACTERS = set(string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~")


def reference_first_line(value: str) -> str:
    """Cut off the lines that a server joined, looking at one comma after the other."""
    at = 1
    while value.startswith('"') and at < len(value) and value[at] != '"':
        at += 2 if value[at] == "\\" else 1
    begin = at + 1 if value.startswith('"') and at < len(value) else 0
    for comma in range(begin, len(value)):
        name, equals, _ = value[comma + 1 :].lstrip(" \t").partition("=")
        name = name.rstrip(" \t")
        if value[comma] == "," and equals and name and set(name) <= NAME_CHARACTERS:
            return value[:comma].rstrip(" \t")
    return value


def reference_unescape(text: str) -> str:
    """Undo backslash escapes one character after the other."""
    result, at = "", 0
    while at < len(text):
        if text[at] != "\\" or at + 1 == len(text):
            result += text[at]
            at += 1
            continue
        digits = text[at + 1 : at + 4]
        if len(digits) == 3 and digits[0] in "0123" and all(d in "01234567" for d in digits):
            result += chr(int(digits, 8))
            at += 4
        else:
            result += text[at + 1]
            at += 2
    return result


PIECES = st.sampled_from(
    [
        *["_fprom_tid", "_fprom_tid=", "; ", ";", "=", " ", "\t", '"', "\\", "\\101", "\\000"],
        *["_fprom_track=old", "x", "abc", ",", "\x00", "\x7f", "\xe9", "\x85", "x" * 512, "\\x"],
        *["_fprom_ti", "d=", "; _fprom_tid=abc", '_fprom_tid="', "\r\n", "7", "0", "\\3"],
        *[",a=", ", b =", "null", "undefined", "[object Object]"],
    ]
)
HEADERS = st.lists(PIECES, max_size=14).map("".join) | st.text(
    st.characters(max_codepoint=255), max_size=60
)


@given(HEADERS)
@example('_fprom_tid="\\')
@example("_fprom_tid=a;_fprom_tid")
@example("; _fprom_tid= \t; _fprom_tid=b")
def test_agrees_with_the_reference(header: str) -> None:
    """For any header the answer is that of a slow parser that follows the policy's words."""
    assert find_cookie(header, "_fprom_tid") == reference_find(header, "_fprom_tid")


@given(HEADERS)
def test_fallbacks_agree_with_the_reference(header: str) -> None:
    """The legacy cookie is asked exactly where the new one has no value that counts."""
    new = reference_find(header, "_fprom_tid")

    expected = reference_find(header, "_fprom_track") if new is None else new
    assert find_tid(header) == expected


HOSTILE = {
    "one long token": lambda n: "a" * n,
    "one long value": lambda n: "_fprom_tid=" + "a" * n,
    "one long quoted value": lambda n: '_fprom_tid="' + "a" * n + '"',
    "backslashes": lambda n: '_fprom_tid="' + "\\" * n + '"',
    "octal escapes": lambda n: '_fprom_tid="' + "\\101" * (n // 4) + '"',
    "the name again and again": lambda n: "_fprom_tid" * (n // 10),
    "the name in segments": lambda n: "_fprom_tid;" * (n // 11),
    "empty values": lambda n: "_fprom_tid=;" * (n // 12),
    "the name in values": lambda n: "x_fprom_tid=1; " * (n // 15),
    "the name in one value": lambda n: "x=" + "_fprom_tid=1 " * (n // 13),
    "semicolons": lambda n: ";" * n,
    "blanks": lambda n: " " * n,
    "blanks before the name": lambda n: " " * n + "_fprom_tid",
    "blanks behind the name": lambda n: ("_fprom_tid" + " " * 90) * (n // 100),
    "blanks in the value": lambda n: "_fprom_tid=" + " " * n + "x",
    "blanks between the names": lambda n: (" " * 90 + "_fprom_tid") * (n // 100),
    "quotes": lambda n: "_fprom_tid=" + '"' * n,
    "no-break spaces": lambda n: "_fprom_tid=" + "\xa0" * n,
    "control characters": lambda n: ("_fprom_tid=\x01;") * (n // 13),
    "commas": lambda n: "_fprom_tid=" + "," * n,
    "commas and names": lambda n: "_fprom_tid=" + ",a" * (n // 2),
    "commas and blanks": lambda n: "_fprom_tid=" + (", " + " " * 90) * (n // 92),
    "a comma and a long name": lambda n: "_fprom_tid=a," + "b" * n,
    "open quotes and commas": lambda n: "_fprom_tid=" + '",' * (n // 2),
    "equals signs": lambda n: "_fprom_tid" + "=" * n,
}


@pytest.mark.parametrize("which", HOSTILE)
def test_hostile_headers_cost_linear_time(which: str) -> None:
    """Ten times the header costs about ten times the time; a quadratic search, a hundred."""
    small, large = HOSTILE[which](30_000), HOSTILE[which](300_000)

    assert cpu_time(large) <= 40 * cpu_time(small) + 0.05


@pytest.mark.parametrize("which", HOSTILE)
def test_hostile_headers_end(which: str) -> None:
    """A megabyte of anything ends in an answer: no tid, or one of a tid's length."""
    found = find_tid(HOSTILE[which](1_000_000))

    assert found is None or len(found) <= 512


def cpu_time(header: str) -> float:
    """Return the least CPU time of three looks at a header, in seconds."""
    taken = []
    for _ in range(3):
        begin = time.process_time()
        find_tid(header)
        find_ref(header)
        taken.append(time.process_time() - begin)
    return min(taken)
