"""The lowest version of each dependency that pyproject allows, for pip has no such resolution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from packaging.requirements import Requirement

if TYPE_CHECKING:
    from collections.abc import Mapping


def lowest_versions(project: Mapping[str, Any]) -> list[str]:
    """Pin every direct dependency to its lower bound.

    Args:
        project: The ``project`` table of a pyproject.toml.

    Returns:
        Constraints for pip, one for each requirement of the dependencies and the extras.

    Raises:
        ValueError: A requirement has no lower bound, or two of one name have different ones.
    """
    found: dict[str, str] = {}
    extras = project.get("optional-dependencies", {}).values()
    for text in [*project["dependencies"], *(text for extra in extras for text in extra)]:
        requirement = Requirement(text)
        bounds = [
            one.version for one in requirement.specifier if one.operator in {">=", "==", "~="}
        ]
        if len(bounds) != 1 or found.setdefault(requirement.name, bounds[0]) != bounds[0]:
            msg = (
                f"{text}: give {requirement.name} one lower bound, the same one wherever it stands."
            )
            raise ValueError(msg)
    return [f"{name}=={version}" for name, version in sorted(found.items())]
