"""Sphinx configuration: `sphinx-build -W -b html docs docs/_build/html`."""

import re
import tomllib
from pathlib import Path

_project = tomllib.loads(
    (Path(__file__).resolve().parents[1] / "pyproject.toml").read_text(encoding="utf-8")
)["project"]

project = _project["name"]
release = version = _project["version"]
author = "The sparsecsc developers"
copyright = f"2026, {author}"

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinxcontrib.bibtex",
]
exclude_patterns = ["_build"]
templates_path = ["_templates"]
root_doc = "index"

# Every cross-reference must resolve. The build uses no network, hence no inventory of other
# projects: their names are exempt, ours are not.
nitpicky = True
nitpick_ignore_regex = [
    (
        r"py:.*",
        r"(array|bool|bytes|callable|collections\.|dict|enum\.|float|int|list|np\.|numpy\.|object"
        r"|optional|os\.|pathlib\.|scipy\.|sequence|str|tuple|types\.|typing\.).*",
    ),
]

myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
# Types stand in the numpydoc sections, with shapes.
autodoc_typehints = "none"
autosummary_generate = True
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

bibtex_bibfiles = ["references.bib"]
bibtex_default_style = "alpha"
bibtex_reference_style = "label"

html_theme = "furo"
html_title = f"{project} {release}"

_MARKED_UP = re.compile(r"(``.+?``|:\w+:`[^`]+`|`[^`]+`)")
_SHAPE_STAR = re.compile(r"(?<![*\w\\])\*(?=[a-z])")


def plain_signs(_app, _what, _name, _object, _options, lines):
    """Keep shapes such as (n, *spatial) and norms such as |z| in docstrings from being markup.

    The signs are replaced by look-alikes of the same width, so that tables stay aligned.
    """
    in_math = False
    for number, line in enumerate(lines):
        if line.strip():
            in_math = line.startswith(" ") and in_math
        in_math = in_math or line.strip().startswith(".. math::")
        if in_math or line.lstrip().startswith((">>>", "...")):
            continue
        pieces = _MARKED_UP.split(line)
        pieces[::2] = [_SHAPE_STAR.sub("∗", p).replace("|", "∣") for p in pieces[::2]]
        lines[number] = "".join(pieces)


def setup(app):
    """Run before numpydoc reads the docstrings."""
    app.connect("autodoc-process-docstring", plain_signs, priority=100)
