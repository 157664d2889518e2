"""``theano.version``: the version of Theano whose interface this is."""

__all__ = ["full_version", "git_revision", "release", "short_version", "version"]

version = full_version = short_version = "1.0.5"
git_revision = "unknown"
release = True
