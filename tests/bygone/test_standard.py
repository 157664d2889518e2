"""What Python's library no longer has."""

import os

import pytest

from lasagne import bygone
from lasagne.bygone import dir_util, imp, version


def test_getargspec():
    def function(a, b, c=1, *rest, **others):
        pass

    spec = bygone.getargspec(function)
    assert spec == (["a", "b", "c"], "rest", "others", (1,))
    assert spec.keywords == "others"


@pytest.mark.parametrize(
    ("text", "value"), [("yes", 1), ("On", 1), ("1", 1), ("n", 0), ("False", 0)]
)
def test_strtobool(text, value):
    assert bygone.strtobool(text) == value


def test_strtobool_refuses():
    with pytest.raises(ValueError, match="'perhaps' is neither yes nor no"):
        bygone.strtobool("perhaps")


def test_linux_distribution():
    assert bygone.linux_distribution(full_distribution_name=False) == ("", "", "")


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("0.8.2", "0.10"),
        ("0.9.0dev1", "0.9.1"),
        ("1.0.dev1", "1.0.1"),
        ("1.0", "1.0.1"),
    ],
)
def test_versions(older, newer):
    older_version = version.LooseVersion(older)
    assert older_version < version.StrictVersion(newer)
    assert older_version < newer
    assert newer > older_version
    assert older_version == older != newer
    assert str(older_version) == older


def test_version_parts():
    found = version.LooseVersion("1.10.dev2")
    assert found.version == [1, 10, "dev", 2]
    assert "1.10.dev2" in repr(found)
    assert len({found, version.LooseVersion("1.10.dev2")}) == 1


def test_folders(tmp_path):
    inner = tmp_path / "a" / "b"
    assert dir_util.mkpath(str(inner)) == [str(inner)]
    assert dir_util.mkpath(str(inner)) == []
    (inner / "file").write_text("x")
    copy = str(tmp_path / "copy")
    copied = dir_util.copy_tree(str(tmp_path / "a"), copy)
    assert copied == [os.path.join(copy, "b", "file")]
    assert dir_util.copy_tree(str(tmp_path / "a"), copy) == copied
    dir_util.remove_tree(copy)
    assert not os.path.exists(copy)


def test_modules_made_by_hand():
    assert imp.new_module("made").__name__ == "made"
    assert imp.reload(version) is version


@pytest.mark.parametrize(
    ("module", "name"), [(imp, "imp"), (dir_util, "distutils.dir_util"), (version, "d")]
)
def test_unknown_names(module, name):
    with pytest.raises(AttributeError, match=rf"{name}.*nothing has no successor"):
        module.nothing  # noqa: B018
