"""Every set of the catalogue projects the same weights to the same images on every backend.

The images are in `expected/images.npz`, computed in float64 by the projections themselves on
PyTorch; what makes them the nearest points is asked by the oracles and the contract. No set is
left out: where the set is not convex, more than one member can be nearest to a weight that has
equal entries or equal singular values, and seeded normal weights have none. To write the file anew,
after a change of a case or of what is nearest:

    KERAS_BACKEND=torch python tests/test_backends.py
"""

import functools
import pathlib
import zlib

import keras
import numpy as np
import pytest
from cases import CASES
from conftest import arithmetic, array, tensor

STORED = pathlib.Path(__file__).parent / "expected" / "images.npz"

# What images may differ by, relative to the largest entry: some roundings of the arithmetic. Half
# precision is computed in float32.
LOOSE = {"float32": 4e-6, "float64": 1e-13}

# Near the set and far from it, as numbers that float32 holds.
SIZES = {"near": 0.3, "far": 3.0}


def seeded(case, kind):
    """The weights of a case, the same everywhere."""
    rng = np.random.default_rng(zlib.crc32(f"{case.name} {kind}".encode()))
    return (SIZES[kind] * rng.normal(size=case.shape)).astype("float32").astype("float64")


def images(case, dtype):
    """The images of a case's weights, in NumPy float64."""
    made = case.make()
    with arithmetic(dtype):
        return {kind: array(made.project(tensor(seeded(case, kind), dtype))) for kind in SIZES}


@functools.cache
def stored():
    """What the file holds."""
    with np.load(STORED) as file:
        return {name: file[name] for name in file.files}


@pytest.mark.parametrize("dtype", LOOSE)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_images_are_those_of_every_backend(case, dtype):
    """Within the accuracy that a set documents, else some roundings of the largest weight."""
    for kind, image in images(case, dtype).items():
        w = seeded(case, kind)
        loose = max(LOOSE[dtype], case.accuracy) * max(np.abs(w).max(), 1.0)
        expected = stored()[f"{case.name} {kind}"]
        np.testing.assert_allclose(image, expected, rtol=0, atol=loose, err_msg=kind)


def test_the_file_is_of_these_cases():
    """It has two images of every case and no others."""
    assert set(stored()) == {f"{case.name} {kind}" for case in CASES for kind in SIZES}


if __name__ == "__main__":
    found = {
        f"{case.name} {kind}": image
        for case in CASES
        for kind, image in images(case, "float64").items()
    }
    np.savez_compressed(STORED, allow_pickle=False, **found)
    print(f"{len(found)} images, computed on {keras.backend.backend()}")
