"""The import of a CSV bundle: reading and checking, then writing what is new or changed."""

from cs_ml.services.importing.faults import Fault, InvalidBundle
from cs_ml.services.importing.service import FileReport, ImportReport, ImportService
from cs_ml.services.importing.template import write_template

__all__ = ["Fault", "FileReport", "ImportReport", "ImportService", "InvalidBundle", "write_template"]
