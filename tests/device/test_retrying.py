import pytest

from edgebert.device.device import retrying
from edgebert.errors import CheckFailed, DeviceGone, DeviceProblem, UsageError


def failing(*errors):
    """Return a call that raises these one after the other and then returns ``done``."""
    waiting = list(errors)

    def call():
        if waiting:
            raise waiting.pop(0)
        return "done"

    return call


@pytest.mark.parametrize(("failures", "slept"), [(0, []), (1, [1.0]), (2, [1.0, 5.0])])
def test_retries(failures, slept):
    """A device that is gone is tried again after each wait, and each retry is told once."""
    told, waits = [], []
    errors = [DeviceGone(str(index)) for index in range(failures)]
    result = retrying(failing(*errors), on_retry=told.append, sleep=waits.append)
    assert (result, told, waits) == ("done", errors, slept)


def test_the_last_try_counts():
    """When all tries fail the last failure is raised, and told as none that was tried again."""
    told = []
    errors = [DeviceGone("1"), DeviceGone("2"), DeviceGone("3")]
    with pytest.raises(DeviceGone, match="3"):
        retrying(failing(*errors), on_retry=told.append, sleep=lambda seconds: None)
    assert told == errors[:2]


@pytest.mark.parametrize("error", [DeviceProblem("x"), CheckFailed("x"), UsageError("x"), KeyboardInterrupt()])
def test_lasting_problems_are_not_tried_again(error):
    """Every other failure ends it at once."""
    told = []
    with pytest.raises(type(error)):
        retrying(failing(error), on_retry=told.append, sleep=lambda seconds: None)
    assert told == []
