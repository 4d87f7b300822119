"""Sphinx configuration: `sphinx-build -W -b html docs docs/_build/html`."""

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
