"""The records of a log in TensorBoard, Weights & Biases and MLflow, through the real packages."""

import json
import warnings

import keras
import numpy as np
import pytest

import constrainit as ci
from constrainit.log import MlflowSink, TensorBoardSink, WandbSink


def _fit(path, sink):
    """What the log holds of the weight's norm, by step, after a training with the sink."""
    dense = keras.layers.Dense(2, kernel_constraint=ci.NonNegative(), name="dense")
    model = keras.Sequential([keras.Input((3,)), dense], name="m")
    model.compile("sgd", "mse")
    log = ci.WeightLog(path / "run.db", every=2, sinks=[sink])
    model.fit(np.ones((8, 3)), np.ones((8, 2)), batch_size=2, verbose=0, callbacks=[log])
    frame = ci.WeightLog.read(path / "run.db")
    return dict(zip(frame["step"], frame["after_norm"], strict=True))


def test_tensorboard(tmp_path):
    """TensorBoard reads back what the log holds."""
    pytest.importorskip("tensorboard", reason="an optional package")
    held = _fit(tmp_path, TensorBoardSink(tmp_path / "events"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        events = EventAccumulator(str(tmp_path / "events"))
        events.Reload()
    found = {event.step: event.value for event in events.Scalars("m/dense/kernel/after_norm")}
    assert found == pytest.approx(held)
    # What does not exist is not written: at the start there is no gradient.
    assert [event.step for event in events.Scalars("m/dense/kernel/gradient_norm")] == [2, 4]


@pytest.mark.filterwarnings("ignore")
def test_wandb(tmp_path, monkeypatch):
    """Offline, the file of the run holds what the log holds."""
    wandb = pytest.importorskip("wandb", reason="an optional package")
    monkeypatch.setenv("WANDB_SILENT", "true")
    with pytest.raises(ValueError, match="needs a run"):
        _fit(tmp_path, WandbSink())
    with wandb.init(mode="offline", dir=str(tmp_path), project="p") as run:
        held = _fit(tmp_path, WandbSink())
        assert dict(run.summary)["weights/m/dense/kernel/after_norm"] == pytest.approx(held[4])
        assert run.summary["weights/step"] == 4
    assert list(tmp_path.glob("wandb/offline-run-*/*.wandb"))


@pytest.mark.filterwarnings("ignore")
def test_mlflow(tmp_path, monkeypatch):
    """A local store holds what the log holds."""
    mlflow = pytest.importorskip("mlflow", reason="an optional package")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow.set_tracking_uri((tmp_path / "runs").as_uri())
    with pytest.raises(ValueError, match="needs a run"):
        _fit(tmp_path, MlflowSink())
    with mlflow.start_run() as run:
        held = _fit(tmp_path, MlflowSink())
    history = mlflow.MlflowClient().get_metric_history(run.info.run_id, "m/dense/kernel/after_norm")
    assert {one.step: one.value for one in history} == pytest.approx(held)


def test_any_object_is_a_sink(tmp_path):
    """What has `write` and `close` gets each step once, as plain numbers."""

    class Lines:
        def __init__(self):
            self.lines, self.closed = [], 0

        def write(self, step, records):
            self.lines.append(json.dumps([step, records]))

        def close(self):
            self.closed += 1

    sink = Lines()
    held = _fit(tmp_path, sink)
    found = {
        step: records["m/dense/kernel"]["after_norm"]
        for step, records in map(json.loads, sink.lines)
    }
    assert found == pytest.approx(held)
    assert sink.closed == 1


class Lost:
    """A server that is gone after some records, or that can not be told of the end."""

    def __init__(self, taken, closes=True):
        self.taken, self.closes, self.asked = taken, closes, 0

    def write(self, step, records):
        self.asked += 1
        if self.asked > self.taken:
            raise ConnectionError("the server is gone")

    def close(self):
        if not self.closes:
            raise ConnectionError("the server is gone")


@pytest.mark.parametrize("sink", [Lost(2), Lost(2, closes=False), Lost(99, closes=False)])
def test_a_sink_that_is_lost_ends_no_training(tmp_path, sink):
    """One warning, and what it lacks is in the file."""
    expected = (
        r"Lost of the log .* can not be written any more: ConnectionError: the server is gone"
    )
    with pytest.warns(UserWarning, match=expected) as told:
        held = _fit(tmp_path, sink)
    assert sum("Lost" in str(one.message) for one in told) == 1
    assert [*held] == [0, 2, 4]
    assert sink.asked == 3


def test_a_sink_that_takes_nothing_is_told_at_once(tmp_path):
    """It is misused: training does not go on for hours without it."""
    with pytest.raises(ConnectionError, match="gone"):
        _fit(tmp_path, Lost(0))


@pytest.mark.parametrize(
    ("sink", "package"),
    [(TensorBoardSink, "tensorboard"), (WandbSink, "wandb"), (MlflowSink, "mlflow")],
)
def test_a_package_that_is_not_there_is_named(monkeypatch, sink, package):
    """One sentence, with what to install."""
    monkeypatch.setattr("constrainit.log._sinks.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=rf"needs {package}: pip install {package}"):
        sink(*["folder"][: sink is TensorBoardSink])
