"""Training on several devices or processes, for test_distributed.py, which runs this as a script.

Arguments: the engine and a file for the weights; for engines of two processes also the rank and a
port. `one` is one machine.
"""

import faulthandler
import os
import random
import sys

# A process that waits for ever says where, before who waits for it ends it.
faulthandler.dump_traceback_later(300, exit=True)

ENGINE, TARGET, *PLACE = sys.argv[1:]
RANK, PORT = map(int, PLACE) if ENGINE in ("workers", "ddp", "processes") else (0, 0)
if ENGINE in ("data", "model"):
    os.environ["XLA_FLAGS"] = (
        f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=8"
    )
if ENGINE == "workers":
    workers = ", ".join(f'"localhost:{PORT + rank}"' for rank in range(2))
    os.environ["TF_CONFIG"] = (
        f'{{"cluster": {{"worker": [{workers}]}}, "task": {{"type": "worker", "index": {RANK}}}}}'
    )

if ENGINE == "processes":
    # Before Keras asks JAX for its devices.
    import jax

    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.distributed.initialize(f"127.0.0.1:{PORT}", num_processes=2, process_id=RANK)

import keras  # noqa: E402
import numpy as np  # noqa: E402

import constrainit as ci  # noqa: E402

STEPS, BATCH = 50, 16


def make():
    """A model whose three kernels are in a norm, a bound with a brake, and a matrix set."""
    sets = [ci.UnitNorm(), ci.Braked(ci.NonNegative()), ci.Orthogonal()]
    # Keras draws seeds of initializers here, and JAX compares what two processes start with.
    # `set_random_seed` would import TensorFlow on every backend.
    random.seed(0)
    model = keras.Sequential([keras.Input((8,))])
    for a_set in sets:
        model.add(keras.layers.Dense(8, "tanh", **ci.constrained(kernel=a_set)))
    # The same start on every engine, whatever it makes of seeds.
    rng = np.random.default_rng(1)
    model.set_weights([rng.normal(size=w.shape).astype("f4") / 3 for w in model.get_weights()])
    ci.project(model)
    return model


def data():
    rng = np.random.default_rng(0)
    return rng.normal(size=(STEPS, BATCH, 8)).astype("f4"), rng.normal(
        size=(STEPS, BATCH, 8)
    ).astype("f4")


def fit(model, optimizer=None):
    """Fifty steps, in order, with a log; one more, which is at fault, is undone."""
    # Each of two processes has its share of each batch.
    count = 2 if ENGINE == "processes" else 1
    x, y = (np.concatenate([p, p[:1]])[:, RANK::count] for p in data())
    x[-1, 0, 0] = np.nan
    model.compile(optimizer or keras.optimizers.SGD(0.1, momentum=0.9), "mse")
    stop = ci.StopAtFault(None, every=17)
    callbacks = [ci.WeightLog(f"{TARGET}.db", every=20), stop, ci.KeepFeasible("raise")]
    model.fit(
        x.reshape(-1, 8), y.reshape(-1, 8), batch_size=BATCH // count, shuffle=False, verbose=0,
        callbacks=callbacks,
    )  # fmt: skip
    assert [(fault.step, fault.stage) for fault in stop.faults] == [(STEPS + 1, "batch")]
    return model


def on_jax(kind):
    """`keras.distribution` over eight devices; shards keep their layout."""
    devices = keras.distribution.list_devices()
    assert len(devices) == (2 if kind == "processes" else 8)
    if kind in ("data", "processes"):
        parallel = keras.distribution.DataParallel(devices=devices, auto_shard_dataset=False)
        keras.distribution.set_distribution(parallel)
        return fit(make())
    mesh = keras.distribution.DeviceMesh((2, 4), ("batch", "model"), devices)
    layout = keras.distribution.LayoutMap(mesh)
    layout[".*kernel"] = (None, "model")
    keras.distribution.set_distribution(
        keras.distribution.ModelParallel(layout_map=layout, batch_dim_name="batch")
    )
    model = make()
    before = [layer.kernel.value.sharding for layer in model.layers]
    fit(model)
    for layer, sharding in zip(model.layers, before, strict=True):
        value = layer.kernel.value
        assert value.sharding.is_equivalent_to(sharding, 2), value.sharding
        assert value.addressable_shards[0].data.shape == (8, 2)
    return model


def on_tensorflow(kind):
    """Mirrored variables, on two devices by `fit`, in two processes by a loop.

    In Keras 3.15 `fit` can not be run by several processes.
    """
    import tensorflow as tf

    if kind == "mirrored":
        cpu = tf.config.list_physical_devices("CPU")[0]
        two = 2 * [tf.config.LogicalDeviceConfiguration()]
        tf.config.set_logical_device_configuration(cpu, two)
        strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    else:
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
    assert strategy.num_replicas_in_sync == 2
    with strategy.scope():
        model = make()
        optimizer = keras.optimizers.SGD(0.1, momentum=0.9)
        if kind == "mirrored":
            return fit(model, optimizer)
        optimizer.build(model.trainable_variables)

    def replica_step(x, y):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((model(x) - y) ** 2) / 2
        weights = model.trainable_variables
        optimizer.apply(tape.gradient(loss, [w.value for w in weights]), weights)

    @tf.function
    def train_step(x, y):
        strategy.run(replica_step, (x, y))

    for x, y in zip(*data(), strict=True):
        train_step(tf.constant(x[RANK::2]), tf.constant(y[RANK::2]))
    assert ci.check(model).ok
    return model


def on_torch():
    """`DistributedDataParallel` over gloo, with torch.optim and a hook behind its steps."""
    import torch
    import torch.distributed as dist

    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(PORT)}
    if ENGINE == "ddp":
        dist.init_process_group("gloo", rank=RANK, world_size=2)
    model = make()
    wrapped = torch.nn.parallel.DistributedDataParallel(model) if ENGINE == "ddp" else model
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
    ci.hold_after(optimizer, model)
    share = slice(RANK, None, 2) if ENGINE == "ddp" else slice(None)
    for x, y in zip(*data(), strict=True):
        optimizer.zero_grad()
        ((wrapped(torch.tensor(x[share])) - torch.tensor(y[share])) ** 2).mean().backward()
        optimizer.step()
    assert ci.check(model).ok
    if ENGINE == "ddp":
        dist.barrier()
        dist.destroy_process_group()
    return model


def main():
    backend = keras.backend.backend()
    if backend == "torch":
        model = on_torch()
    elif ENGINE == "one":
        model = fit(make())
    else:
        model = on_jax(ENGINE) if backend == "jax" else on_tensorflow(ENGINE)
    weights = [np.asarray(keras.ops.convert_to_numpy(w)) for w in model.weights]
    np.savez(f"{TARGET}.{RANK}.npz", *weights)
    if ENGINE == "ddp":
        # How the threads of gloo end is not tested: one of two processes was seen to wait for ever.
        os._exit(0)


if __name__ == "__main__":
    main()
