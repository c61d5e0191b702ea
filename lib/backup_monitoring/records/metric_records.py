"""Metrics as records."""

from math import isinf

from backup_monitoring.model import Metric, Range
from backup_monitoring.records.record_values import Record, write_number


def make_metric_record(metric: Metric) -> Record:
    """Return *metric* with its thresholds, None where it has none."""
    return {
        "name": metric.name,
        "value": write_number(metric.value),
        "unit": metric.unit,
        "warning": _make_range_record(metric.warning),
        "critical": _make_range_record(metric.critical),
        "minimum": None if metric.minimum is None else write_number(metric.minimum),
        "maximum": None if metric.maximum is None else write_number(metric.maximum),
    }


def _make_range_record(good: Range | None) -> Record | None:
    if good is None:
        return None
    return {
        "start": _write_end(good.start),
        "end": _write_end(good.end),
        "inverted": good.inverted,
    }


def _write_end(end: float) -> float | None:
    return None if isinf(end) else write_number(end)
