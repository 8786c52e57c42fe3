"""Settings of the documentation: `make docs` builds it into `docs/_build/html`, without a network."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent / "_ext"), str(Path(__file__).parent.parent)]

project = "rtcpy"
author = "the rtcpy authors"
copyright = "the rtcpy authors; BSD-3-Clause"

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "pages",
    "pictures",
    "fences",
    "docstrings",
    "rfclinks",
    "offline",
]
exclude_patterns = ["_build", "_ext", "_data", "conf.py"]  # .py is a lesson for myst-nb
root_doc = "index"

nb_custom_formats = {".py": ["jupytext.reads", {"fmt": "py:percent"}]}
nb_execution_mode = "cache"
nb_execution_cache_path = str(Path(__file__).parent / "_build" / ".jupyter_cache")
nb_execution_timeout = 120  # s for one cell
nb_execution_raise_on_error = True
nb_merge_streams = True
nb_ipywidgets_js: dict[
    str, dict[str, str]
] = {}  # its scripts would come from a CDN; the cards stand without them

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
suppress_warnings = [
    "ref.python"
]  # `type` in an annotation is a name of many things; nothing links wrongly, it just does not link

autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
default_role = "code"
python_use_unqualified_type_names = True
toc_object_entries = False

html_theme = "furo"
html_title = "rtcpy"
html_static_path = ["_static"]
html_css_files = ["rtcpy.css"]
html_show_sphinx = False
html_theme_options = {"navigation_with_keys": True}
pygments_style = "friendly"
highlight_language = "none"  # drawings in docstrings; code in pages names its language
