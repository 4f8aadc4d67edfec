import h5py
import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def write(tmp_path):
    """Write text or bytes under a name, and give the path."""

    def write(name, content):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


@pytest.fixture
def savez(tmp_path):
    def savez(**arrays):
        path = tmp_path / "arrays.npz"
        np.savez(path, **arrays)
        return path

    return savez


@pytest.fixture
def save_h5(tmp_path):
    def save_h5(**arrays):
        path = tmp_path / "arrays.h5"
        with h5py.File(path, "w") as file:
            for key, value in arrays.items():
                file[key] = value
        return path

    return save_h5


@pytest.fixture
def draw(tmp_path):
    """Save an image of one color (or one from an array) and give the path."""

    def draw(name, color=(255, 0, 0), size=(5, 4), mode="RGB"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        image = Image.fromarray(color) if isinstance(color, np.ndarray) else Image.new(mode, size, color)
        image.save(path)
        return path

    return draw
