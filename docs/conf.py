"""How Sphinx builds this site: ``python -m sphinx -W --keep-going -b html docs OUTDIR``.

Nothing is fetched while it is built, and no page loads anything from another site.
"""

import sys
from pathlib import Path

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS / "_ext"), str(DOCS.parent), str(DOCS.parent / "cli")]

import convt  # noqa: E402  # of this tree, whatever is installed

project = "convt"
author = "The convt authors"
project_copyright = author
version = release = convt.__version__

extensions = ["myst_parser", "numpydoc", "sphinx.ext.autodoc", "commands"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings state types, as numpydoc does
numpydoc_show_class_members = False  # autodoc shows them, each with its docstring
smartquotes = False  # -- begins an option, and quotes are code

html_theme = "furo"
html_title = "convt"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = html_show_sourcelink = False
