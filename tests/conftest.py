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

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# Thousands of small functions are compiled and run a few times each: compiling well costs more.
os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false"
    " --xla_cpu_parallel_codegen_split_count=1",
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

    @pytest.mark.in_turns
    @pytest.mark.parametrize("index", range(len(wrong)))
    def test_message(index):
        """The error names the argument, says what it must be and what came."""
        call, message = wrong[index]
        with pytest.raises(ValueError, match=r"\A") as caught:
            call()
        assert re.fullmatch(message, str(caught.value), flags=re.DOTALL), str(caught.value)

    return test_message


def pytest_configure(config):
    """The marker of `_dealt`, and a cache of what JAX compiles."""
    config.addinivalue_line(
        "markers", "in_turns(every=2): on JAX and TensorFlow one test of so many each, in turns"
    )
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
    """Tests that are marked `in_turns` and not dealt to this backend are left out."""
    if keras.backend.backend() == "torch" or any("::" in given for given in config.args):
        return  # what is named itself is wanted
    left_out = {item.nodeid for item in items} - _dealt(items, keras.backend.backend())
    if left_out:
        config.hook.pytest_deselected(items=[item for item in items if item.nodeid in left_out])
        items[:] = [item for item in items if item.nodeid not in left_out]


def _dealt(items, backend):
    """The tests that JAX or TensorFlow runs: all without the mark, and its own of those with it.

    For what no compiler has a part in, or has the same part in for each parameter: PyTorch, which
    compiles nothing, sees all. Of the marked tests of a file the other two see one in `every` each,
    and not the same. What is skipped somewhere is in no turn: it may be skipped where it would be.
    """
    dealt, places = set(), {}
    for item in items:
        mark = None if item.get_closest_marker("skipif") else item.get_closest_marker("in_turns")
        if mark is None:
            dealt.add(item.nodeid)
            continue
        every = mark.kwargs.get("every", 2)
        place = places[item.path, every] = places.get((item.path, every), -1) + 1
        if place % every == {"jax": 0, "tensorflow": min(2, every // 2)}[backend]:
            dealt.add(item.nodeid)
    return dealt


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
