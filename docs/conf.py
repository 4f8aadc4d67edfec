"""The site, as Sphinx makes it: `make docs` builds it from docs/, the docstrings and the gallery, without network."""

import sys
from pathlib import Path

import chainrule

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS / "_site"), str(DOCS.parent / "tests")]

from support.docstrings import public_names  # noqa: E402

project = "chainrule"
copyright = "the chainrule developers, BSD 3-Clause"
version = release = chainrule.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
    "numpydoc",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
    "equations",
    "found",
    "pages",
    "llms",
]
exclude_patterns = ["_site", "gallery", "quiz"]  # those of docs/quiz are files for the quiz
templates_path = ["_site/templates"]
highlight_language = "none"  # what is no program: equations, what a program prints

# Docstrings. What stands in one pair of backticks is a link where it names something, else code.
default_role = "py:obj"
add_module_names = False
toc_object_entries_show_parents = "hide"
autodoc_preserve_defaults = True
autodoc_typehints = "none"  # the docstrings say more
autosummary_context = {"ours": {}}
for _name, _ in public_names():
    autosummary_context["ours"].setdefault(_name.rpartition(".")[0], []).append(_name.rpartition(".")[2])
numpydoc_show_class_members = False

# Pages.
myst_enable_extensions = ["attrs_block"]
myst_heading_anchors = 6
suppress_warnings = ["config.cache", "misc.highlighting_failure"]  # excerpts with … in them
nitpick_ignore_regex = [("py:obj", ".*")]  # what stands in backticks need not be a name

sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "generated/gallery",
    "within_subsection_order": "FileNameSortKey",
    "only_warn_on_example_error": False,
    "abort_on_example_error": True,
    "download_all_examples": False,
    "min_reported_time": 5,
    "show_memory": False,
    "capture_repr": (),
    "write_computation_times": False,
    "show_signature": False,
    "remove_config_comments": True,
    "reference_url": {"chainrule": None},
    "backreferences_dir": None,
    "doc_module": ("chainrule",),
}

# What can be typed has a button that copies it, without prompts; what is printed has none.
copybutton_selector = "div:not(.highlight-none, .highlight-text) > div.highlight > pre"
copybutton_prompt_text = r"\$ |>>> |\.\.\. "
copybutton_prompt_is_regexp = True

html_theme = "pydata_sphinx_theme"
html_title = "chainrule"
html_static_path = ["_site/static"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_context = {"default_mode": "auto"}  # light or dark, as the system has it
html_copy_source = True
html_show_sourcelink = False
html_theme_options = {
    "logo": {"text": "chainrule"},
    "header_links_before_dropdown": 7,
    "navbar_start": ["navbar-logo", "version"],
    "navbar_align": "left",
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
html_sidebars = {"index": []}
