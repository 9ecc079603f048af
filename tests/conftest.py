"""What every test needs: tensors of any dtype from NumPy and back, on any backend."""

import contextlib
import functools
import gc
import logging
import os
import re
import sys
import tempfile
import typing
import zlib

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# One process per core runs the tests: threads of small operations wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
# Thousands of small functions are compiled and run a few times each: compiling well costs more.
os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false"
    " --xla_cpu_parallel_codegen_split_count=1 --xla_cpu_multi_thread_eigen=false",
)

import keras
import numpy as np
import pytest
from keras import ops

if sys.version_info < (3, 12):
    # Whether a value is of a protocol is asked at each operation of TensorFlow, and what the
    # protocol consists of was found out each time: a third of the time of a small operation.
    typing._get_protocol_attrs = functools.cache(typing._get_protocol_attrs)


def as_stored(values, dtype):
    """`values` rounded to `dtype`, as NumPy float64."""
    import ml_dtypes

    storage = ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype
    with np.errstate(over="ignore"):
        return np.asarray(values, "float64").astype(storage).astype("float64")


def tensor(values, dtype="float32"):
    """A tensor of `dtype` from NumPy values."""
    wide = "float64" if dtype == "float64" else "float32"
    return ops.cast(ops.convert_to_tensor(as_stored(values, dtype).astype(wide), wide), dtype)


def array(x):
    """NumPy float64 from a tensor, a `keras.Variable` or an array of any float dtype."""
    x = ops.convert_to_tensor(x)
    if keras.backend.standardize_dtype(x.dtype) == "bfloat16":
        x = ops.cast(x, "float32")
    return np.asarray(ops.convert_to_numpy(x)).astype("float64")


def same_bits(left, right):
    """Whether two arrays agree in every value, NaN and the sign of zero included."""
    left, right = np.asarray(left), np.asarray(right)
    signs = np.signbit(left) == np.signbit(right)
    return np.array_equal(left, right, equal_nan=True) and bool(np.all(signs | np.isnan(left)))


def arithmetic(dtype):
    """A context in which the backend can hold `dtype`: JAX has float64 only where it is let."""
    if keras.backend.backend() == "jax" and dtype == "float64":
        import jax

        return jax.enable_x64(True)
    return contextlib.nullcontext()


def compiled(function):
    """As a train step runs it."""
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        return jax.jit(function)
    if backend == "tensorflow":
        import tensorflow as tf

        return tf.function(function, autograph=False)
    return function


def whole_messages(wrong):
    """A test of wrong calls: each raises ValueError with a message that matches as a whole.

    Args:
        wrong: Pairs of a call and a regular expression.
    """

    @pytest.mark.parametrize("index", range(len(wrong)))
    def test_message(index):
        """The error names the argument, says what it must be and what came."""
        call, message = wrong[index]
        with pytest.raises(ValueError, match=r"\A") as caught:
            call()
        assert re.fullmatch(message, str(caught.value), flags=re.DOTALL), str(caught.value)

    return test_message


def pytest_configure(config):
    """The markers of `_is_dealt`, and a cache of what JAX compiles."""
    for marker in (
        "everywhere: on each backend",
        "in_turns(every): on one backend, of so many one on JAX and one on TensorFlow",
    ):
        config.addinivalue_line("markers", marker)
    _cached(config)


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """The garbage collector does not walk through what is collected, and seldom through all.

    A seventh of the time on JAX went into looking at modules and compiled programs again.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.set_threshold(700, 10, 100)


def pytest_collection_modifyitems(config, items):
    """Tests that are not dealt to this backend are left out."""
    if any("::" in given for given in config.args):
        return  # what is named itself is wanted
    left_out = [item for item in items if not _is_dealt(item, keras.backend.backend())]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if _is_dealt(item, keras.backend.backend())]


def _is_dealt(item, backend):
    """Whether this backend runs a test.

    PyTorch, which compiles nothing, runs all, and each of the others a fifth. A test that is
    marked `everywhere`, for what a step, a loop or an engine of a backend does, is run by all.
    Of those that are marked `in_turns(every=n)`, for what no compiler has a part in, JAX and
    TensorFlow run one in `n` each, and PyTorch the others. What is skipped somewhere is in no turn:
    it may be skipped where it would be.
    """
    if item.get_closest_marker("everywhere") or item.get_closest_marker("skipif"):
        return True
    mark = item.get_closest_marker("in_turns")
    every = mark.kwargs["every"] if mark else 5
    # By its name, so that a new test changes nobody's turn.
    place = zlib.crc32(item.nodeid.encode()) % every
    turn = {0: "jax", every // 2 if mark else 3: "tensorflow"}.get(place, "torch")
    return turn == backend or (mark is None and backend == "torch")


def _cached(config):
    """What JAX compiles is kept in files while the tests run, by each process for itself.

    Equal programs come again as sets, models and steps are made anew, and after `_bounded_memory`.
    Processes that share a folder may read what another one has half written.
    """
    if keras.backend.backend() != "jax":
        return
    import jax

    folder = tempfile.TemporaryDirectory(prefix="programs-")
    config.add_cleanup(folder.cleanup)
    jax.config.update("jax_compilation_cache_dir", folder.name)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


@pytest.fixture
def rng():
    """A NumPy generator that is the same in every run."""
    return np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _seeded():
    keras.utils.set_random_seed(0)


@pytest.fixture(autouse=True)
def remedy_defects():
    """The doctor passes over a remedy that raises: one with a defect fails the test here."""
    from remedies import Noting

    logger, handler = logging.getLogger("constrainit.doctor.treatments._remedy"), Noting()
    level = logger.level
    logger.setLevel(logging.DEBUG)
    logger.addHandler(handler)
    yield handler.defects
    logger.removeHandler(handler)
    logger.setLevel(level)
    assert not handler.defects, "A remedy raised an error:\n" + "\n".join(handler.defects)


@pytest.fixture(autouse=True)
def _bounded_memory(request):
    """Thousands of compiled programs in one process would take several gigabytes on JAX."""
    yield
    count = request.config.stash[_COUNT] = request.config.stash.get(_COUNT, 0) + 1
    if count % 400 == 0 and keras.backend.backend() == "jax":
        import jax

        jax.clear_caches()


_COUNT = pytest.StashKey[int]()
