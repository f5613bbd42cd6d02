"""What the documents show works: doctests of every public module, Python blocks and commands of the pages."""

import doctest
import importlib
import itertools
import pkgutil
import re
import shlex
from pathlib import Path

import pytest

import elman
from elman import cli

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "README.zh-CN.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
MODULES = ["elman", *(module.name for module in pkgutil.walk_packages(elman.__path__, "elman."))]


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of one language in a Markdown page, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("name", [name for name in MODULES if "._" not in name])
def test_doctests(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert doctest.testmod(importlib.import_module(name), verbose=False).failed == 0, "the report is on stdout"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_blocks_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The blocks of a page run from top to bottom in one namespace, as a reader would type them."""
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": page.stem}
    for number, block in enumerate(blocks(page, "python"), 1):
        exec(compile(block, f"{page.name}, Python block {number}", "exec"), namespace)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    targets = re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", text) + re.findall(r'(?:src|href)="([^"#]+)"', text)
    inside = [target for target in targets if not re.match(r"https?:|mailto:", target)]
    assert [target for target in inside if not (page.parent / target).exists()] == []


def commands(page: Path, program: str) -> list[list[str]]:
    """The words after `program`, wherever a bash block of the page runs it."""
    found = []
    for line in "".join(blocks(page, "bash")).replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|>&;")
        lexer.whitespace_split = True
        for mark, words in itertools.groupby(lexer, key=lambda word: word in {"|", ">", "&&", ";"}):
            first, *rest = words
            if first == program and not mark:
                found.append(rest)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_named_in_the_text_exist(page: Path) -> None:
    """A path in backquotes; NAME stands for a name that the reader chooses."""
    paths = re.findall(r"`((?:src|kernels|tests|docs|examples|benchmarks)/[\w./-]+)`", page.read_text(encoding="utf-8"))
    assert [path for path in paths if "NAME" not in path and not (ROOT / path).exists()] == []


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    assert [page.name for page in PAGES if page.parent.name == "docs" and f"({page.name})" not in index] == ["index.md"]


def test_pages_named_in_the_code_exist() -> None:
    files = [
        file
        for kind in ("py", "h", "cc")
        for folder in ("src", "kernels")
        for file in (ROOT / folder).rglob(f"*.{kind}")
    ]
    named = {page: file.name for file in files for page in re.findall(r"\bdocs/[\w-]+\.md", file.read_text("utf-8"))}
    assert {page: file for page, file in named.items() if not (ROOT / page).exists()} == {}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_make_targets_exist(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in {word for words in commands(page, "make") for word in words if "=" not in word}:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"{page.name} shows make {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_have_these_verbs_and_flags(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in commands(page, "elman"):
        assert cli.run([*words, "--help"]) == 0, f"elman {shlex.join(words)}: {capsys.readouterr().err}"


def test_commands_are_found_in_a_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```bash\nmake demo  # see\nelman info a.elman | elman x \\\n  -o 'b c …' > d\n```\n")
    assert commands(page, "make") == [["demo"]]
    assert commands(page, "elman") == [["info", "a.elman"], ["x", "-o", "b c …"]]
