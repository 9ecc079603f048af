"""The log of weights: its file, what reads it, and other places that its records can go to."""

from constrainit.log._sinks import MlflowSink as MlflowSink
from constrainit.log._sinks import TensorBoardSink as TensorBoardSink
from constrainit.log._sinks import WandbSink as WandbSink

__all__ = ["MlflowSink", "TensorBoardSink", "WandbSink"]
