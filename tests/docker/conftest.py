"""The image's file tree, built once for the tests that run what is in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docker import image


@pytest.fixture(scope="session")
def image_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that stands for the image's root: the adapter is installed under `opt/hcc` with nothing beside it."""
    return image.build(tmp_path_factory.mktemp("image"))
