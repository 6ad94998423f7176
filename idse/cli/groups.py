"""Groups of options that a command takes as one argument."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Group:
    """A group of options, and the function that combines their values.

    Attributes:
        parameters: Parameters of a function, with Typer's annotations and defaults.
        collect: Makes the one argument from the values by name.
    """

    parameters: Sequence[inspect.Parameter]
    collect: Callable[[Mapping[str, Any]], Any]


def option(name: str, annotation: Any, default: Any = None) -> inspect.Parameter:
    """Return a parameter of a group."""
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def grouped(**groups: Group) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Decorate a command so that Typer sees the options of each group in place of the argument of that name."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(command, eval_str=True)
        parameters: list[inspect.Parameter] = []
        for parameter in signature.parameters.values():
            group = groups.get(parameter.name)
            those = [parameter] if group is None else group.parameters
            parameters += [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in those]

        @functools.wraps(command)
        def run(**values: Any) -> None:
            for name, group in groups.items():
                values[name] = group.collect({p.name: values.pop(p.name) for p in group.parameters})
            command(**values)

        run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {p.name: p.annotation for p in parameters}
        return run

    return decorate
