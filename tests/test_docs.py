"""The documentation runs: each ```python block of README.md and docs/, page by page.

The blocks of a page share one namespace, in order, in an empty working directory of their own. Only
the exact opening ```python makes a Python block; every other way to write one (an option such as
`no-run`, an alias, a directive) is refused, so that no Python in the documentation goes unchecked.
Shell blocks are not run.
"""

import re
import sys
import textwrap
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

from oracles import require_torch

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    ROOT / "README.md",
    *sorted(
        page
        for page in (ROOT / "docs").rglob("*.md")
        if not {"_build", "generated"} & set(page.relative_to(ROOT / "docs").parts)
    ),
]

FENCE = re.compile(r"^(?P<indent>[ \t]*)(?P<fence>`{3,}|~{3,})(?P<info>.*)$")
PYTHON_IN_DISGUISE = re.compile(
    r"^(\{(code|code-block|code-cell|sourcecode)\}\s*)?(\{?\.?)i?(py|python)\w*\b", re.IGNORECASE
)
CITATION = re.compile(r"(?::cite(?::\w+)*:|\{cite(?::\w+)*\})`([^`]+)`")


@dataclass(frozen=True)
class Block:
    """A fenced block: its opening's words, the number of its first line, its lines."""

    info: str
    first_line: int
    lines: tuple[str, ...]


def fenced_blocks(lines: list[str], offset: int = 0) -> Iterator[Block]:
    """Yield the fenced blocks of a page, those inside directives such as {note} included."""
    number = 0
    while number < len(lines):
        opening = FENCE.match(lines[number])
        number += 1
        if opening is None:
            continue
        fence, first = opening["fence"], number
        closing = re.compile(rf"^[ \t]*{re.escape(fence[0])}{{{len(fence)},}}[ \t]*$")
        while number < len(lines) and not closing.match(lines[number]):
            number += 1
        if number == len(lines):
            raise ValueError(f"line {offset + first}: the block that opens here is never closed")
        body = lines[first:number]
        number += 1
        info = opening["info"].strip()
        yield Block(info, offset + first + 1, tuple(body))
        if info.startswith("{"):
            yield from fenced_blocks(body, offset + first)


def python_blocks(page: Path) -> list[Block]:
    """Return the page's Python blocks, refusing those that would not be run as they stand."""
    found = []
    for block in fenced_blocks(page.read_text(encoding="utf-8").splitlines()):
        if block.info == "python":
            found.append(block)
        elif PYTHON_IN_DISGUISE.match(block.info):
            raise ValueError(
                f"{page.name}, line {block.first_line - 1}: a Python block must open with exactly "
                f"```python, so that it is run; got ```{block.info}"
            )
    return found


def run_page(page: Path, monkeypatch: pytest.MonkeyPatch, folder: Path) -> ModuleType:
    """Run the page's Python blocks in one namespace in `folder`; return the namespace."""
    module = ModuleType("documentation_page")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.chdir(folder)
    for block in python_blocks(page):
        # Empty lines in front put the block where it stands in the page, so that a traceback names
        # the page and its line.
        source = "\n" * (block.first_line - 1) + textwrap.dedent("\n".join(block.lines)) + "\n"
        exec(compile(source, str(page), "exec"), module.__dict__)
    return module


def page_id(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_every_python_block_of_the_page_runs(page, monkeypatch, tmp_path):
    run_page(page, monkeypatch, tmp_path)


def test_the_readme_shows_python_that_is_run():
    assert python_blocks(ROOT / "README.md")


# ---- what else the pages say must hold ----


def citation_keys(text: str) -> set[str]:
    return {key.strip() for keys in CITATION.findall(text) for key in keys.split(",")}


def test_every_citation_has_an_entry():
    bibliography = (ROOT / "docs" / "references.bib").read_text(encoding="utf-8")
    entries = set(re.findall(r"^@\w+\{([^,\s]+),", bibliography, re.MULTILINE))
    missing = {
        f"{source.relative_to(ROOT)}: {key}"
        for source in [*PAGES, *(ROOT / "sparsecsc").rglob("*.py")]
        for key in citation_keys(source.read_text(encoding="utf-8")) - entries
    }
    assert not missing


def test_the_citation_file_states_the_version():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    stated = re.search(r"^version: (\S+)$", citation, re.MULTILINE)
    assert stated is not None
    assert stated[1] == project["version"]


def test_the_readme_and_the_checking_script_run_the_same_tests():
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    command = re.search(r"^test_command=\((.+)\)$", script, re.MULTILINE)
    assert command is not None
    assert command[1] in (ROOT / "README.md").read_text(encoding="utf-8")


# ---- the checks fail when they should ----


def write_page(folder: Path, *blocks: str, info: str = "python") -> Path:
    page = folder / "page.md"
    page.write_text("# A page\n\n" + "\n".join(f"```{info}\n{b}\n```\n" for b in blocks))
    return page


def test_a_wrong_block_fails_and_names_its_line(monkeypatch, tmp_path):
    page = write_page(tmp_path, "a = 1", "b = 2\nassert a == b")
    with pytest.raises(AssertionError) as caught:
        run_page(page, monkeypatch, tmp_path)
    place = caught.traceback[-1]
    assert Path(place.path).name == "page.md"
    assert page.read_text().splitlines()[place.lineno] == "assert a == b"


@pytest.mark.parametrize(
    ("block", "error"),
    [
        ("import no_such_module_here", ModuleNotFoundError),
        ("not a program", SyntaxError),
        ("import warnings\nwarnings.warn('about this')", UserWarning),
        ("import numpy as np\nnp.float64(1.0) / np.float64(0.0)", FloatingPointError),
        ("import numpy as np\nnp.exp(np.float32(1000))", FloatingPointError),
    ],
)
def test_a_block_that_errs_or_warns_fails(block, error, monkeypatch, tmp_path):
    page = write_page(tmp_path, block)
    with pytest.raises(error):
        run_page(page, monkeypatch, tmp_path)


def test_a_block_may_underflow(monkeypatch, tmp_path):
    run_page(
        write_page(tmp_path, "import numpy as np\nnp.float32(1e-30) ** 2"), monkeypatch, tmp_path
    )


def test_blocks_of_a_page_share_a_namespace_and_pages_do_not(monkeypatch, tmp_path):
    module = run_page(write_page(tmp_path, "a = 1", "b = a + 1"), monkeypatch, tmp_path)
    assert module.b == 2
    with pytest.raises(NameError, match="'a' is not defined"):
        run_page(write_page(tmp_path, "b = a + 1"), monkeypatch, tmp_path)


def test_blocks_run_in_the_given_folder(monkeypatch, tmp_path):
    page = write_page(tmp_path, "from pathlib import Path\nPath('written').touch()")
    (tmp_path / "empty").mkdir()
    run_page(page, monkeypatch, tmp_path / "empty")
    assert (tmp_path / "empty" / "written").exists()


@pytest.mark.parametrize(
    "info",
    [
        "python no-run",
        "python {no-run}",
        "Python",
        "python3",
        "py",
        "pycon",
        "ipython",
        "{.python}",
        "{python}",
        "{code-block} python",
        "{code-cell} ipython3",
    ],
)
def test_python_that_would_not_be_run_is_refused(info, tmp_path):
    page = write_page(tmp_path, "a = 1", info=info)
    with pytest.raises(ValueError, match="must open with exactly ```python"):
        python_blocks(page)


@pytest.mark.parametrize("info", ["", "console", "bash", "text", "json", "{math}", "{toctree}"])
def test_other_blocks_are_left_alone(info, tmp_path):
    assert python_blocks(write_page(tmp_path, "a = 1", info=info)) == []


def test_blocks_inside_lists_and_directives_are_found(monkeypatch, tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "- item\n\n  ```python\n  a = 1\n  ```\n\n"
        "````{note}\n```python\nif a:\n    b = a + 1\n```\n````\n\n"
        ":::{tip}\n~~~python\nc = b + 1\n~~~\n:::\n"
    )
    assert run_page(page, monkeypatch, tmp_path).c == 3


def test_a_fence_shown_inside_a_longer_one_is_text(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("````markdown\n```python\nnot a program\n```\n````\n")
    assert python_blocks(page) == []


def test_an_unclosed_block_is_refused(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("text\n\n```python\na = 1\n")
    with pytest.raises(ValueError, match="line 3: the block that opens here is never closed"):
        python_blocks(page)


def test_citations_are_found_in_docstrings_and_pages():
    text = "see :cite:p:`beck2009, boyd2011`, :cite:`tropp2004` and {cite:t}`zhang2021`; not `this`"
    assert citation_keys(text) == {"beck2009", "boyd2011", "tropp2004", "zhang2021"}


# ---- the guards of the test run itself ----


def test_a_missing_torch_is_a_failure_where_it_is_required(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setenv("SPARSECSC_REQUIRE_TORCH", "1")
    with pytest.raises(pytest.fail.Exception, match="SPARSECSC_REQUIRE_TORCH=1 asks for torch"):
        require_torch()


def test_a_missing_torch_is_a_skip_elsewhere(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delenv("SPARSECSC_REQUIRE_TORCH", raising=False)
    with pytest.raises(pytest.skip.Exception, match="could not import 'torch'"):
        require_torch()
