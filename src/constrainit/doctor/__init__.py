"""Why a constrained model breaks: probe, evidence, rules, treatments, report."""

from ._diagnose import diagnose as diagnose
from ._finding import Finding as Finding
from ._finding import Treatment as Treatment
from ._report import Report as Report

__all__ = ["Finding", "Report", "Treatment", "diagnose"]
