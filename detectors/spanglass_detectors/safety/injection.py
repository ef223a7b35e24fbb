"""Instructions that try to take a model over, in prompts, documents and tools' results.

Rules find the known kinds; before, a text is freed of what hides them: characters nobody sees,
look-alike letters, spaced and leet spelling, base64. What they can't see: an attack in words that
no rule knows, one that is spread over several turns, images; and a text *about* such attacks looks
like one. A finding is a reason to look, not a proof.

Sources: OWASP Top 10 for LLM Applications (LLM01); Perez and Ribeiro, "Ignore Previous Prompt"
(2022); Greshake et al., "Not What You've Signed Up For" (2023); Shen et al., "Do Anything Now"
(2023).
"""

import base64
import binascii
import re
import unicodedata
from typing import Any, Final, NamedTuple

from spanglass_detectors.safety.injection_rules import RULES

#: From here on a text is said to be an attack.
ATTACK: Final = 0.5
#: Characters of a text that are looked at; of a longer one its beginning and its end.
_MOST: Final = 400_000
_AROUND: Final = 80
_UNSEEN: Final = re.compile(
    "[\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufe00-\ufe0f\ufeff]"
)
#: Tag characters: a whole message can be written in them, and nobody sees it.
_TAGS: Final = re.compile("[\U000e0020-\U000e007e]{4,}")
_SPACES: Final = re.compile(r"[ \t\r\f\v]+")
_LOOKALIKES: Final = str.maketrans(
    "абвгдезіїклмнорстуфхсцчшѕјԁɡаеіорсухՏօԛԝΑΒΕΖΗΙΚΜΝΟΡΤΥΧαορυ",
    "abbrdeziiklmhopctyoxcцчwsjdgaeiopcyxSoqwABEZHIKMNOPTYXaopu",
)
_SPACED: Final = re.compile(r"\b(?:\w[ ._-]{1,3}){7,}\w\b")
_LEET: Final = str.maketrans("013457@$!|", "oieastasil")
_LEET_WORD: Final = re.compile(r"\b(?=\w*[a-z])(?=[\w@$!|]*[013457@$!|])[\w@$!|]{4,}")
_BASE64: Final = re.compile(r"(?<![\w+/=-])[A-Za-z0-9+/]{40,4000}={0,2}(?![\w+/=])")
_MOST_BASE64: Final = 8


class Injection(NamedTuple):
    """What was found in one text.

    Attributes:
        value: how sure it is, from 0 to 1.
        kind: of the rule that says most.
        excerpt: where.
        kinds: all.
    """

    value: float
    kind: str = ""
    excerpt: str = ""
    kinds: tuple[str, ...] = ()


class InjectionFinder:
    """Looks through texts.

    Raises:
        ImportError: if google-re2 is not installed.
    """

    def __init__(self) -> None:
        import re2

        options = re2.Options()
        options.log_errors = False
        options.max_mem = 128 << 20
        self._set = re2.Set.SearchSet(options)
        for rule in RULES:
            self._set.Add(rule.pattern)
        self._set.Compile()
        self._rules: list[Any] = [re2.compile(rule.pattern, options=options) for rule in RULES]

    def find(self, text: str, *, is_user: bool = True) -> Injection:
        """What is in a text.

        Args:
            text: any.
            is_user: whether a user wrote it; what no user wrote has no business to give orders.
        """
        if len(text) > _MOST:
            text = text[: _MOST // 2] + "\n" + text[-_MOST // 2 :]
        seen = [("", plain(text))]
        seen += [("hidden", plain(each)) for each in _hidden(text)]
        left = 1.0
        found: dict[str, tuple[float, str]] = {}
        for way, each in seen:
            for number in self._set.Match(each) or ():
                rule = RULES[number]
                if rule.in_documents and is_user:
                    continue
                match = self._rules[number].search(each)
                if match is None:
                    continue
                weight = min(0.98, rule.weight + 0.15) if way or not is_user else rule.weight
                left *= 1 - weight
                if weight > found.get(rule.kind, (0.0, ""))[0]:
                    found[rule.kind] = (weight, _excerpt(each, match.start(), match.end(), way))
        if not found:
            return Injection(0.0)
        kind = max(found, key=lambda name: found[name][0])
        return Injection(round(1 - left, 4), kind, found[kind][1], tuple(sorted(found)))


def plain(text: str) -> str:
    """A text in lower case, with plain letters and single spaces."""
    if not text.isascii():
        text = _UNSEEN.sub("", text)
        text = unicodedata.normalize("NFKC", text)
        if not _is_other_script(text):
            text = text.translate(_LOOKALIKES)
    text = text.replace("’", "'").lower()
    return _SPACES.sub(" ", re.sub(r"(?<=[^\n.:>])\n(?=[a-z])", " ", text))


def _is_other_script(text: str) -> bool:
    """Whether a text is written in another script than Latin, rather than disguised in it."""
    letters = [each for each in text[:2_000] if each.isalpha()]
    return sum(not each.isascii() for each in letters) > 0.5 * len(letters)


def _hidden(text: str) -> list[str]:
    """What a text says in a way that is not read: tags, spaced or leet spelling, base64."""
    found = [
        "".join(chr(ord(each) - 0xE0000) for each in match.group())
        for match in _TAGS.finditer(text)
    ]
    if _SPACED.search(text):
        found.append(_SPACED.sub(lambda match: _words_of(match.group()), text))
    if _LEET_WORD.search(text[:20_000].lower()):
        found.append(
            _LEET_WORD.sub(
                lambda match: match.group() if match.group().isdigit() else match.group().translate(_LEET),
                text[:20_000].lower(),
            )
        )  # fmt: skip
    for count, match in enumerate(_BASE64.finditer(text)):
        if count >= _MOST_BASE64:
            break
        decoded = _decoded(match.group())
        if decoded:
            found.append(decoded)
    return [each for each in found if each != text.lower()]


def _words_of(spaced: str) -> str:
    """`i g n o r e   a l l` in words: two and more spaces part them."""
    parts = re.split(r"\s{2,}|[ ._-]{2,}", spaced)
    return " ".join(re.sub(r"[ ._-]", "", part) for part in parts)


def _decoded(given: str) -> str:
    try:
        raw = base64.b64decode(given + "=" * (-len(given) % 4), validate=True)
        text = raw.decode("utf-8")
    except (binascii.Error, ValueError):
        return ""
    return text if sum(each.isalpha() or each.isspace() for each in text) > 0.8 * len(text) else ""


def _excerpt(text: str, start: int, end: int, way: str) -> str:
    cut = text[max(0, start - _AROUND) : min(len(text), end + _AROUND)].strip()
    return f"(hidden) {cut}" if way else cut
