"""Durations as people write them: 90s, 3m, 1h30m, 180."""

import math
import re

__all__ = ["parse_duration"]

_FORM = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?")


def parse_duration(value: str | float, name: str = "time") -> float:
    """Seconds of a duration.

    Parameters
    ----------
    value
        Hours, minutes and seconds with their letters, in this order, or a number of seconds.
    name
        What the duration is for, as errors shall call it.

    Returns
    -------
    float
        Seconds, more than 0.

    Raises
    ------
    ValueError
        If `value` is of no such form, or not positive; the message shows the forms.
    TypeError
        If `value` is neither a str nor a number.

    Examples
    --------
    >>> [parse_duration(value) for value in ("90s", "3m", "1h30m", "0.5h", "180", 180)]
    [90.0, 180.0, 5400.0, 1800.0, 180.0, 180.0]
    """
    forms = "write it like 90s, 3m, 1h30m, or as a number of seconds"
    if isinstance(value, str):
        match = _FORM.fullmatch(value.strip().lower())
        if match is None or not any(match.groups()):
            raise ValueError(f"{name} is {value!r}, which is not a duration: {forms}")
        seconds = sum(float(part or 0) * unit for part, unit in zip(match.groups(), (3600, 60, 1), strict=True))
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        seconds = float(value)
    else:
        raise TypeError(f"{name} is a {type(value).__name__}, expected a duration: {forms}")
    if not 0 < seconds < math.inf:
        raise ValueError(f"{name} is {value!r}, expected more than 0 seconds: {forms}")
    return seconds
