"""How Sphinx builds the documentation: `make docs`."""

from importlib import import_module
from importlib.metadata import version as version_of

project = "Lasagne"
author = "The Lasagne authors"
project_copyright = "The Lasagne authors"
version = release = version_of("lasagne")

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "numpydoc",
    "myst_parser",
]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"Lasagne {release}"

# A reference that leads nowhere is a warning, and `make docs` fails on it.
nitpicky = True
nitpick_ignore_regex = [
    ("py:.*", r"(collections|numpy|np|numba|pytensor|scipy|jax|torch)(\..*)?"),
]

autodoc_preserve_defaults = True
autodoc_typehints = "none"  # numpydoc describes types, with shapes
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence", "deflist"]


def resolve_short_name(app, env, node, contnode):
    """Resolve a reference by the end of its name, if only one object fits.

    Docstrings are written inside a module, such as ``lasagne.layers.conv``, but
    its names are documented where users import them, in ``lasagne.layers``.
    What exists and has no place in these pages is set as plain code.
    """
    if node.get("refdomain") != "py":
        return None
    domain = env.domains["py"]
    target = node["reftarget"]
    for end in (target, target.rpartition(".")[2]):
        names = [
            name
            for name, entry in domain.objects.items()
            if f".{name}".endswith(f".{end}") and not entry.aliased
        ]
        if len(names) == 1:
            return domain.resolve_xref(
                env, node["refdoc"], app.builder, "obj", names[0], node, contnode
            )
    described_with_its_class = node["reftype"] == "attr"
    return contnode if described_with_its_class or exists_near(node, target) else None


def exists_near(node, name):
    """Tell whether the module or class of a docstring has an attribute."""
    module = import_module(node.get("py:module") or "lasagne")
    owner = getattr(module, node.get("py:class") or "", module)
    return any(hasattr(place, name) for place in (module, owner))


def setup(app):
    app.connect("missing-reference", resolve_short_name)
