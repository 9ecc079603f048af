"""Other places that the records of a log can go to, through the packages of their makers."""

import os
import re
import time
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

Records = Mapping[str, Mapping[str, float | None]]
"""By the path of a weight its numbers, by the names of `constrainit.log._storage.COLUMNS`."""


class TensorBoardSink:
    """Writes the numbers of a `WeightLog` for TensorBoard.

    Each is a scalar such as `model/dense/kernel/after_norm`. Needs `tensorboard`, not TensorFlow.

    Args:
        folder: Where the event files go; `tensorboard --logdir FOLDER` shows them.

    Raises:
        ImportError: `tensorboard` is not installed.
    """

    def __init__(self, folder: str | os.PathLike[str]):
        _need("tensorboard", "TensorBoardSink")
        self.folder = os.fspath(folder)
        self._writer: Any = None

    def write(self, step: int, records: Records) -> None:
        """Writes the records of a step."""
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        if self._writer is None:
            self._writer = EventFileWriter(self.folder)
        values = [
            Summary.Value(tag=name, simple_value=number) for name, number in flat(records).items()
        ]
        self._writer.add_event(
            Event(step=step, summary=Summary(value=values), wall_time=time.time())
        )

    def close(self) -> None:
        """Ends the file; a new `fit` begins another one in the folder."""
        if self._writer is not None:
            self._writer.close()
        self._writer = None


class WandbSink:
    """Writes the numbers of a `WeightLog` into a run of Weights & Biases.

    They are plotted over `weights/step`, so that they do not clash with steps of your own. The run
    is yours: this neither begins nor ends it.

    Args:
        run: What `wandb.init` gave; None takes the run that is active.

    Raises:
        ImportError: `wandb` is not installed.
        ValueError: No run is active, said at the start of `fit`.
    """

    def __init__(self, run: Any = None):
        _need("wandb", "WandbSink")
        self.run = run
        self._told: Any = None

    def write(self, step: int, records: Records) -> None:
        """Writes the records of a step."""
        import wandb  # pyright: ignore[reportMissingImports]

        run = self.run or wandb.run
        if run is None:
            raise ValueError("`WandbSink` needs a run. Call `wandb.init(...)` before `fit`.")
        if self._told is not run:
            run.define_metric("weights/step")
            run.define_metric("weights/*", step_metric="weights/step")
            self._told = run
        numbers = {f"weights/{name}": number for name, number in flat(records).items()}
        run.log({"weights/step": step, **numbers})

    def close(self) -> None:
        """Nothing: the run is not ours."""


class MlflowSink:
    """Writes the numbers of a `WeightLog` as metrics of a run of MLflow.

    Args:
        run_id: The run; None takes the one that is active.

    Raises:
        ImportError: `mlflow` is not installed.
        ValueError: No run is active, said at the start of `fit`.
    """

    def __init__(self, run_id: str | None = None):
        _need("mlflow", "MlflowSink")
        self.run_id = run_id

    def write(self, step: int, records: Records) -> None:
        """Writes the records of a step."""
        import mlflow  # pyright: ignore[reportMissingImports]

        active = mlflow.active_run()
        run_id = self.run_id or (active and active.info.run_id)
        if run_id is None:
            raise ValueError("`MlflowSink` needs a run. Call `mlflow.start_run()` before `fit`.")
        # What MLflow takes in the name of a metric.
        named = {re.sub(r"[^\w\-./ ]", "_", n): number for n, number in flat(records).items()}
        mlflow.log_metrics(named, step=step, run_id=run_id)

    def close(self) -> None:
        """Nothing: the run is not ours."""


def flat(records: Records) -> dict[str, float]:
    """The numbers that exist, by weight and number."""
    return {
        f"{path}/{name}": number
        for path, numbers in records.items()
        for name, number in numbers.items()
        if number is not None
    }


def _need(package, owner):
    if find_spec(package) is None:
        raise ImportError(f"`{owner}` needs {package}: pip install {package}.")
