"""The bill of materials that hatchling puts into the wheel (PEP 770), of pyproject's own words."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from packaging.requirements import Requirement


class BillOfMaterials(BuildHookInterface[Any]):
    """Writes what the distribution is and what it asks for, in CycloneDX 1.6.

    A wheel carries no code of others, so a component has a requirement and no version. There is
    neither a moment nor a serial number in it: what is built twice is the same twice.
    """

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's
        """Write the file and hand it to the builder."""
        self._folder = tempfile.TemporaryDirectory()
        path = Path(self._folder.name, f"{self.metadata.core.name}.cdx.json")
        path.write_text(json.dumps(self._document(), indent=2) + "\n", encoding="utf-8")
        build_data["sbom_files"].append(str(path))

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002 - hatchling's
        """Remove the file."""
        self._folder.cleanup()

    def _document(self) -> dict[str, Any]:
        core = self.metadata.core
        asked: dict[str, list[str]] = {}
        required = {_name(text) for text in core.dependencies}
        for text in core.dependencies:
            asked.setdefault(_name(text), []).append(text)
        for extra, texts in sorted(core.optional_dependencies.items()):
            for text in texts:
                asked.setdefault(_name(text), []).append(f'{text} ; extra == "{extra}"')
        own = f"pkg:pypi/{core.name}@{self.metadata.version}"
        return {
            "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
            "bomFormat": "CycloneDX",
            "specVersion": "1.6",
            "version": 1,
            "metadata": {
                "component": {
                    "type": "library",
                    "bom-ref": own,
                    "name": core.name,
                    "version": self.metadata.version,
                    "description": core.description,
                    "licenses": [{"license": {"id": core.license_expression}}],
                    "purl": own,
                }
            },
            "components": [
                {
                    "type": "library",
                    "bom-ref": f"pkg:pypi/{name}",
                    "name": name,
                    "scope": "required" if name in required else "optional",
                    "purl": f"pkg:pypi/{name}",
                    "properties": [{"name": "requirement", "value": text} for text in texts],
                }
                for name, texts in sorted(asked.items())
            ],
            "dependencies": [
                {"ref": own, "dependsOn": [f"pkg:pypi/{name}" for name in sorted(asked)]}
            ],
        }


def _name(requirement: str) -> str:
    return Requirement(requirement).name
