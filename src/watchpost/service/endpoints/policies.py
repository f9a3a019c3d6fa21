"""How traffic moves from an old fleet to a new one: DeploymentConfig as steps.

Source: SageMaker API reference, BlueGreenUpdatePolicy, TrafficRoutingConfig, RollingUpdatePolicy.
"""

from collections.abc import Mapping

import msgspec

from watchpost.service.endpoints.documents import Members, Shift


class _Size(msgspec.Struct, frozen=True):
    Type: str = "CAPACITY_PERCENT"
    Value: int = 100


class _Routing(msgspec.Struct, frozen=True):
    Type: str = "ALL_AT_ONCE"
    WaitIntervalInSeconds: int = 0
    CanarySize: _Size | None = None
    LinearStepSize: _Size | None = None


class _BlueGreen(msgspec.Struct, frozen=True):
    TrafficRoutingConfiguration: _Routing = _Routing()
    TerminationWaitInSeconds: int = 0


class _Rolling(msgspec.Struct, frozen=True):
    MaximumBatchSize: _Size = _Size()
    WaitIntervalInSeconds: int = 0


class _Alarm(msgspec.Struct, frozen=True):
    AlarmName: str = ""


class _AutoRollback(msgspec.Struct, frozen=True):
    Alarms: tuple[_Alarm, ...] = ()


class _Policy(msgspec.Struct, frozen=True):
    BlueGreenUpdatePolicy: _BlueGreen | None = None
    RollingUpdatePolicy: _Rolling | None = None
    AutoRollbackConfiguration: _AutoRollback = _AutoRollback()


def shift_of(policy: Members | None, instances: int = 1) -> Shift:
    """The steps of a DeploymentConfig; without one, all traffic at once and nothing to wait for.

    Args: instances: of the new fleet, for steps that are given as a number of instances.
    """
    read = msgspec.convert(policy or {}, type=_Policy)
    alarms = tuple(alarm.AlarmName for alarm in read.AutoRollbackConfiguration.Alarms if alarm.AlarmName)
    if read.RollingUpdatePolicy is not None:
        rolling = read.RollingUpdatePolicy
        steps = _steps(_fraction(rolling.MaximumBatchSize, instances))
        return Shift(steps, float(rolling.WaitIntervalInSeconds), alarms=alarms)
    routing = (read.BlueGreenUpdatePolicy or _BlueGreen()).TrafficRoutingConfiguration
    wait = float(routing.WaitIntervalInSeconds)
    if routing.Type == "CANARY":
        first = _fraction(routing.CanarySize or _Size(), instances)
        return Shift((first, 1.0) if first < 1 else (1.0,), wait, alarms=alarms)
    if routing.Type == "LINEAR":
        return Shift(_steps(_fraction(routing.LinearStepSize or _Size(), instances)), wait, alarms=alarms)
    return Shift((1.0,), wait, alarms=alarms)


def termination_wait(policy: Mapping[str, object] | None) -> float:
    """How many seconds the old fleet is kept after it lost its traffic."""
    read = msgspec.convert(dict(policy or {}), type=_Policy)
    return float(read.BlueGreenUpdatePolicy.TerminationWaitInSeconds) if read.BlueGreenUpdatePolicy else 0.0


def _fraction(size: _Size, instances: int) -> float:
    whole = 100 if size.Type == "CAPACITY_PERCENT" else max(instances, 1)
    return min(size.Value / whole, 1.0)


def _steps(step: float) -> tuple[float, ...]:
    """Equal steps up to the whole.

    >>> _steps(0.4)
    (0.4, 0.8, 1.0)
    """
    steps, done = list[float](), 1
    while done * step < 1.0:
        steps.append(round(done * step, 6))
        done += 1
    return (*steps, 1.0)
