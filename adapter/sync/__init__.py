"""What is read, when, and what is written back."""

from adapter.output.evaluated import EvaluatedPatient
from adapter.sync.runs import Evaluate, PatientOutcome, SyncReport, sync_once

__all__ = ["Evaluate", "EvaluatedPatient", "PatientOutcome", "SyncReport", "sync_once"]
