"""Tests of the package: they stay true while you edit it."""
