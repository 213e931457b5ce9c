"""The answer as a Python value: prints well, writes its files, turns into plain data."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from planner.domain.placement import Verdict
from planner.files import write_text
from planner.manifests import TARGETS, write_manifests
from planner.report.html import plan_html, plan_page
from planner.report.markdown import plan_markdown
from planner.report.text import plan_text
from planner.specs.load import parse_document, read_document
from planner.specs.placements import PlanPlacement
from planner.specs.plan import PlanDocument
from planner.specs.ways_out import Reason, Relaxation


@dataclass(frozen=True, slots=True)
class Answer:
    """What every answer can do, plan or not."""

    document: PlanDocument

    def table(self, *, width: int = 100) -> str:
        """The answer in plain text, as the terminal shows it."""
        return plan_text(self.document, width=width)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as in `plan.json`."""
        return json.loads(self.to_json())  # type: ignore[no-any-return]  # an object

    def to_json(self) -> str:
        """The document that `planner recommend --json` prints."""
        return self.document.model_dump_json(by_alias=True, indent=2) + "\n"

    def __str__(self) -> str:
        return self.table()

    def _repr_html_(self) -> str:
        return plan_html(self.document)


@dataclass(frozen=True, slots=True)
class Plan(Answer):
    """A plan that passed its check."""

    @property
    def placements(self) -> tuple[PlanPlacement, ...]:
        """What runs where."""
        return self.document.placements

    @property
    def cost_usd_per_month(self) -> float:
        """The whole monthly bill."""
        return self.document.cost.total_usd_per_month

    def write(
        self, directory: str | Path, *, targets: Sequence[str] = tuple(TARGETS)
    ) -> tuple[Path, ...]:
        """`plan.json`, `report.md`, `report.html` and the manifests, each atomically.

        Raises:
            ManifestError: A manifest that does not say what the plan says.
        """
        folder = Path(directory)
        reports = (
            write_text(folder / "plan.json", self.to_json()),
            write_text(folder / "report.md", plan_markdown(self.document)),
            write_text(folder / "report.html", plan_page(self.document)),
        )
        manifests = write_manifests(
            self.document, folder / "manifests", targets=targets
        )
        return (*reports, *manifests)


@dataclass(frozen=True, slots=True)
class Infeasible(Answer):
    """No plan: why, and which changes would make one."""

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """What stands in the way."""
        return self.document.reasons

    @property
    def relaxations(self) -> tuple[Relaxation, ...]:
        """Changes that suffice, each solved, the nearest plan first."""
        return self.document.relaxations


def answer_of(document: PlanDocument) -> Plan | Infeasible:
    """The value that stands for a document."""
    if document.status is Verdict.INFEASIBLE:
        return Infeasible(document)
    return Plan(document)


def load_plan(path: str | Path) -> Plan | Infeasible:
    """An answer from its `plan.json` (or the folder that holds it).

    Raises:
        SpecFileError: Missing, empty, too large, not text, or not a document.
        SpecMistakesError: A document that is no plan.
    """
    file = Path(path)
    if file.is_dir():
        file = file / "plan.json"
    document = parse_document(read_document(file), PlanDocument, document=str(file))
    return answer_of(document)
