"""``theano.tests``: what test suites written for Theano borrowed."""

from . import unittest_tools as unittest_tools
