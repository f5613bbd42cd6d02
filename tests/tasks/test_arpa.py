"""ARPA files: KenLM reads what we write and scores it as we do; we read what it writes; bad files by line."""

import gzip
import math
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import elman
from elman import NGram
from elman.tasks import ModelFileError

TEXT = "\n".join(elman.corpora.shakespeare().splitlines()[:3000]) + "\n"
UNSEEN = elman.corpora.shakespeare().splitlines()[20000:20400]
HAND_WRITTEN = r"""
anything before the data

\data\
ngram 1=5
ngram 2=3

\1-grams:
-1.0	<unk>	0
-99	<s>	-0.5
-0.5	</s>	0
-0.3	a	-0.2
-0.6 b

\2-grams:
-0.1	<s> a
-0.2	a b
-0.4	b </s>

\end\
"""


def spelt(line: str, kind: str) -> str:
    """A line as KenLM wants it: the tokens of the file between spaces."""
    return " ".join(token.replace(" ", "▁") for token in line) if kind == "chars" else line


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("words", {"order": 5}),
        ("words", {"order": 4, "prune": [0, 0, 1]}),
        ("words", {"order": 3, "min_count": 2}),
        ("chars", {"order": 6}),
    ],
)
def test_scores_are_those_of_kenlm(kind: str, options: dict[str, object], tmp_path: Path) -> None:
    kenlm = pytest.importorskip("kenlm", reason="KenLM is not installed: pip install kenlm")
    model = NGram(tokens=kind, **options).fit(TEXT)  # type: ignore[arg-type]
    model.save_arpa(tmp_path / "a.arpa")
    theirs = kenlm.Model(str(tmp_path / "a.arpa"))
    expected = [theirs.score(spelt(line, kind)) for line in UNSEEN]
    np.testing.assert_allclose(model.score(UNSEEN) / math.log(10), expected, rtol=0, atol=1e-4)
    words = sum(len(spelt(line, kind).split()) + 1 for line in UNSEEN)
    with pytest.warns(UserWarning, match="does not know") if kind == "words" else nullcontext():
        figures = model.evaluate("\n".join(UNSEEN))
    assert figures["tokens"] == words
    assert figures["perplexity"] == pytest.approx(10 ** (-sum(expected) / words), rel=1e-5)


def test_a_file_gives_the_same_model_back(tmp_path: Path) -> None:
    text = "我 昨天\t迟到▁了 {9}\n\n▁ too\u3000late\x0b\n"
    for kind in ("words", "chars", "segments"):
        model = NGram(order=3, tokens=kind).fit(text * 2)
        for name in ("a.arpa", "a.arpa.gz"):
            model.save_arpa(tmp_path / name)
            again = elman.load(tmp_path / name)
            assert isinstance(again, NGram)
            assert again.hyperparameters.tokens == kind
            assert again.hyperparameters.smoothing is None
            assert list(again.lexicon) == list(model.lexicon)
            assert all(map(np.array_equal, again.table.log_probabilities, model.table.log_probabilities))
            assert all(map(np.array_equal, again.table.backoffs, model.table.backoffs))
            assert again.evaluate(text) == model.evaluate(text)
            again.save(tmp_path / "b.elman")
            assert elman.load(tmp_path / "b.elman").evaluate(text) == model.evaluate(text)
    assert (tmp_path / "a.arpa.gz").read_bytes()[:2] == b"\x1f\x8b"
    assert gzip.decompress((tmp_path / "a.arpa.gz").read_bytes()) == (tmp_path / "a.arpa").read_bytes()


@settings(deadline=None, max_examples=30)
@given(st.lists(st.text(st.characters(), min_size=1, max_size=3), min_size=1, max_size=5))
def test_any_character_survives(tmp_path_factory: pytest.TempPathFactory, lines: list[str]) -> None:
    path = tmp_path_factory.mktemp("arpa") / "a.arpa"
    model = NGram(order=2, tokens="chars").fit("\n".join(lines) + "\n")
    model.save_arpa(path)
    again = NGram.from_arpa(path)
    assert list(again.lexicon) == list(model.lexicon)
    assert again.score(lines).tolist() == model.score(lines).tolist()


def test_what_is_impossible_stays_so(tmp_path: Path) -> None:
    model = NGram(order=3, smoothing="maximum-likelihood").fit("a b\na c\n")
    model.save_arpa(tmp_path / "a.arpa")
    again = NGram.from_arpa(tmp_path / "a.arpa")
    for line in ("a b", "a c", "b", "a"):
        assert again.score([line]) == model.score([line])
    assert again.score(["b"]) == -math.inf
    assert "inf" not in (tmp_path / "a.arpa").read_text()


def test_a_file_of_other_programs(tmp_path: Path) -> None:
    path = tmp_path / "a.arpa"
    path.write_text(HAND_WRITTEN, encoding="utf-8")
    model = NGram.from_arpa(path)
    assert (model.hyperparameters.tokens, model.table.order) == ("chars", 2)
    words = NGram.from_arpa(path, tokens="words")
    tens = words.score(["a b", "b a", "x"]) / math.log(10)
    # <s> a, a b, b </s>; then <s> | b backs off, b | a backs off from a weight of 1, </s> | a from -0.2; <unk>.
    assert tens == pytest.approx([-0.1 - 0.2 - 0.4, -0.5 - 0.6 - 0.3 - 0.2 - 0.5, -0.5 - 1.0 - 0.5], abs=1e-6)
    assert model.predict(["a"], top=1) == [[("b", pytest.approx(10**-0.2 / _total_after_a(), rel=1e-5))]]
    path.write_text(
        HAND_WRITTEN.replace("ngram 1=5", "ngram 1=4").replace("-1.0	<unk>	0\n", ""), encoding="utf-8"
    )
    assert NGram.from_arpa(path, tokens="words").score(["x"]) == -math.inf, "no <unk>: unknown words are impossible"
    assert NGram.from_arpa(path, tokens="words").score(["a b"]) == words.score(["a b"])


def _total_after_a() -> float:
    """The file is no distribution: a prediction is a part of what there is."""
    return 10**-0.2 + 10**-0.2 * (10**-0.5 + 10**-0.3 + 10**-1.0)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("\\data\\", "data", r"a\.arpa:1: this is not an ARPA file: it has no line \\data\\"),
        ("ngram 2=3", "ngram 3=3", r"a\.arpa:6: got 'ngram 3=3', expected ngram 2=NUMBER"),
        ("ngram 2=3", "bigrams 3", r"a\.arpa:6: got 'bigrams 3', expected ngram 2=NUMBER"),
        ("ngram 1=5\nngram 2=3\n", "\n", r"a\.arpa:5: got no sizes here, expected ngram 1=NUMBER"),
        ("ngram 1=5", "ngram 1=6", r"a\.arpa:14: got '', expected a logarithm, 1 word and a back-off weight or none"),
        ("ngram 2=3", "ngram 2=2", r"a\.arpa:18: got '-0\.4\\tb </s>', expected \\end\\"),
        ("\\2-grams:", "\\3-grams:", r"a\.arpa:15: got '.+3-grams:', expected .2-grams:"),
        ("-0.3	a", "-0.x	a", r"a\.arpa:12: got '-0\.x', expected a number"),
        ("-0.3	a", "0.3	a", r"a\.arpa:12: got '0\.3', expected a logarithm of a probability, at most 0"),
        ("-0.3	a	-0.2", "-0.3	a	nan", r"a\.arpa:12: got 'nan', expected a number"),
        ("-0.2	a b", "-0.2	a", r"a\.arpa:17: got '-0\.2\\ta', expected a logarithm, 2 words and"),
        ("a b", "a c", r"a\.arpa:17: the word 'c' is not among the 1-grams"),
        ("a b", "<s> a", r"a\.arpa:17: this n-gram is listed twice"),
        ("-0.6 b", "-0.6 a", r"a\.arpa:9: a word is listed twice among the 1-grams"),
        ("-99	<s>", "-99	<S>", r"a\.arpa:9: there is no <s> among the 1-grams"),
        ("\n\\end\\\n", "", r"a\.arpa:\d+: the file ends here: it is truncated; expected \\end\\"),
        ("-0.4	b </s>\n\n\\end\\\n", "", r"a\.arpa:18: the file ends here: it is truncated; expected 3 2-grams"),
        ("\\end\\", "end", r"a\.arpa:20: got 'end', expected \\end\\ or another order's n-grams"),
    ],
)
def test_bad_files(old: str, new: str, words: str, tmp_path: Path) -> None:
    assert old in HAND_WRITTEN
    (tmp_path / "a.arpa").write_text(HAND_WRITTEN.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ModelFileError, match=words):
        NGram.from_arpa(tmp_path / "a.arpa")


def test_a_context_that_is_missing(tmp_path: Path) -> None:
    text = HAND_WRITTEN.replace("ngram 2=3\n", "ngram 2=3\nngram 3=1\n")
    text = text.replace("\\end\\", "\\3-grams:\n-0.1\tb b a\n\n\\end\\")
    (tmp_path / "a.arpa").write_text(text, encoding="utf-8")
    with pytest.raises(ModelFileError, match=r"a\.arpa:22: the first 2 words of this 3-gram are not among the 2-grams"):
        NGram.from_arpa(tmp_path / "a.arpa")


def test_damaged_compression(tmp_path: Path) -> None:
    packed = gzip.compress(HAND_WRITTEN.encode())
    (tmp_path / "a.arpa.gz").write_bytes(packed[:-20])
    with pytest.raises(ModelFileError, match=r"a\.arpa\.gz is truncated: its gzip stream does not end"):
        elman.load(tmp_path / "a.arpa.gz")
    (tmp_path / "a.arpa.gz").write_bytes(gzip.compress(b"a text\n"))
    with pytest.raises(ModelFileError, match=r"a\.arpa\.gz:1: this is not an ARPA file"):
        elman.load(tmp_path / "a.arpa.gz")
    (tmp_path / "a.arpa").write_bytes(HAND_WRITTEN.encode().replace(b"\ta\t", b"\t\xff\t"))
    with pytest.raises(ModelFileError, match=r"a\.arpa:12: got .*, which is not UTF-8"):
        elman.load(tmp_path / "a.arpa")
    with pytest.raises(FileNotFoundError, match=r"cannot read .*none\.arpa: no such file"):
        NGram.from_arpa(tmp_path / "none.arpa")
    with pytest.raises(OSError, match=r"cannot write .*no.a\.arpa: no such file"):
        NGram(order=1).fit("a\n").save_arpa(tmp_path / "no" / "a.arpa")
