"""Every set of the catalogue gives the same on every backend: images and members of its map.

They are in `expected/images.npz` and `expected/members.npz`, computed in float64 by the sets
themselves on PyTorch; what makes them the nearest points is asked by the oracles and the contract.
No set is left out: where the set is not convex, more than one member can be nearest to a weight
that has equal entries or equal singular values, and seeded normal weights have none. What the maps
are to be is asked by `test_transforms.py`, of some in NumPy. To write the files anew, after a
change of a case, of what is nearest or of a map:

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

FOLDER = pathlib.Path(__file__).parent / "expected"
STORED, MEMBERS = FOLDER / "images.npz", FOLDER / "members.npz"

# What images may differ by, relative to the largest entry: some roundings of the arithmetic. Half
# precision is computed in float32.
LOOSE = {"float32": 4e-6, "float64": 1e-13}

# Of PyTorch softplus is the identity from 20 on, which leaves 2e-9 of it out.
MAPPED = {"float32": 4e-6, "float64": 1e-9}

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


SMOOTH = [case for case in CASES if case.make().transform is not None]


def members(case, dtype):
    """The members that a case's free values stand for, in NumPy float64."""
    smooth, found = case.make().transform, {}
    rng = np.random.default_rng(zlib.crc32(f"{case.name} free".encode()))
    drawn = smooth.deviation(case.shape) * rng.normal(size=smooth.free_shape(case.shape))
    for kind, size in SIZES.items():
        v = (size * drawn).astype("float32").astype("float64")
        with arithmetic(dtype):
            found[kind] = array(smooth.forward(tensor(v, dtype), case.shape))
    return found


def in_turns(cases, dtypes):
    """Cases in every dtype; on JAX and TensorFlow in one each, in turns.

    They take most of their time for compiling, and the contract asks there for what a set promises
    in other dtypes.
    """
    backend = keras.backend.backend()
    if backend == "torch":
        return [(case, dtype) for case in cases for dtype in dtypes]
    first, names = ["jax", "tensorflow"].index(backend), list(dtypes)
    return [(case, names[(i + first) % len(names)]) for i, case in enumerate(cases)]


def of_pair(pairs):
    """The name of each test."""
    return [f"{case.name}-{dtype}" for case, dtype in pairs]


IMAGES, MAPS = in_turns(CASES, LOOSE), in_turns(SMOOTH, MAPPED)


@functools.cache
def stored(path=STORED):
    """What a file holds."""
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


@pytest.mark.parametrize(("case", "dtype"), IMAGES, ids=of_pair(IMAGES))
def test_images_are_those_of_every_backend(case, dtype):
    """Within the accuracy that a set documents, else some roundings of the largest weight."""
    for kind, image in images(case, dtype).items():
        w = seeded(case, kind)
        loose = max(LOOSE[dtype], case.accuracy) * max(np.abs(w).max(), 1.0)
        expected = stored()[f"{case.name} {kind}"]
        np.testing.assert_allclose(image, expected, rtol=0, atol=loose, err_msg=kind)


@pytest.mark.parametrize(("case", "dtype"), MAPS, ids=of_pair(MAPS))
def test_members_are_those_of_every_backend(case, dtype):
    """Of free values of the usual size and of three times that, within some roundings."""
    for kind, member in members(case, dtype).items():
        expected = stored(MEMBERS)[f"{case.name} {kind}"]
        loose = MAPPED[dtype] * max(np.abs(expected).max(), 1.0)
        np.testing.assert_allclose(member, expected, rtol=0, atol=loose, err_msg=kind)


@pytest.mark.parametrize(("path", "cases"), [(STORED, CASES), (MEMBERS, SMOOTH)])
def test_the_file_is_of_these_cases(path, cases):
    """It has two arrays of every case and no others."""
    assert set(stored(path)) == {f"{case.name} {kind}" for case in cases for kind in SIZES}


if __name__ == "__main__":
    for path, cases, arrays in ((STORED, CASES, images), (MEMBERS, SMOOTH, members)):
        found = {
            f"{case.name} {kind}": one
            for case in cases
            for kind, one in arrays(case, "float64").items()
        }
        np.savez_compressed(path, allow_pickle=False, **found)
        print(f"{len(found)} {path.stem}, computed on {keras.backend.backend()}")
