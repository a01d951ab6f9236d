"""The marks of every row of the matrix."""

import pytest

from tests.support.patience import patient

FAULT = [
    pytest.mark.cluster,
    pytest.mark.postgres,
    pytest.mark.redis,
    pytest.mark.faults,
    # By a signal, so that one row that hangs ends alone.
    pytest.mark.timeout(patient(300), method="signal"),
]
