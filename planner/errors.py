"""What can go wrong, drawn as a tree; each branch has its exit code.

PlannerError
├── SpecError                     2   the document or the usage is wrong
│   ├── SpecFileError                 missing, empty, unreadable, too large, not YAML
│   ├── SpecMistakesError             every mistake of a document at once
│   └── UnknownReferenceError         a name that no catalogue knows
├── ProfilingError                3
│   ├── DeviceUnavailableError
│   ├── UnstableMeasurementError
│   ├── OutsideProfileError           the answer lies beyond what was measured
│   ├── ProfileStoreError
│   └── ModelLoadError
├── CloudError                    4
│   ├── CredentialsError
│   ├── QuotaError
│   ├── PriceMissingError
│   ├── ProviderUnavailableError
│   └── CatalogIntegrityError         facts that break their own rules
├── SolverError                   5
│   ├── SolverUnavailableError
│   ├── SolverTimeoutError
│   └── PlanRejectedError             the checker refused what the solver said
├── ManifestError                 6
└── MissingExtraError             2   an optional package is not installed

An infeasible problem is an answer, not an error (exit 1).
"""

from dataclasses import dataclass, fields
from typing import Any, ClassVar, Final

# What tells all names of a kind.
_LISTINGS: Final = {
    "device": "planner catalog devices",
    "model": "planner catalog profiles",
}


@dataclass(eq=False)
class PlannerError(Exception):
    """Base of all that the planner refuses by design; never a traceback for users."""

    exit_code: ClassVar[int] = 2

    def __reduce__(self) -> tuple[Any, ...]:
        # Ray pickles exceptions by args, which dataclass fields never reach.
        return type(self), tuple(getattr(self, f.name) for f in fields(self))


@dataclass(eq=False)
class SpecError(PlannerError):
    """The document or the usage is wrong."""

    message: str

    def __str__(self) -> str:
        return self.message


@dataclass(eq=False)
class SpecFileError(SpecError):
    """A document that cannot be read at all."""

    path: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """One mistake of a document: where it stands, what is wrong, the way out."""

    path: str
    problem: str
    way_out: str = ""

    def __str__(self) -> str:
        ending = f" ({self.way_out})" if self.way_out else ""
        return f"{self.path}: {self.problem}{ending}"


@dataclass(eq=False)
class SpecMistakesError(PlannerError):
    """Every mistake of a document, in document order."""

    document: str
    mistakes: tuple[Mistake, ...]

    def __str__(self) -> str:
        count = len(self.mistakes)
        head = f"{self.document}: {count} mistake{'s' if count > 1 else ''}"
        return "\n".join([head, *(f"  {m}" for m in self.mistakes)])


@dataclass(eq=False)
class UnknownReferenceError(PlannerError):
    """A name that a catalogue does not know, with the nearest it does."""

    what: str
    name: str
    nearest: tuple[str, ...]

    def __str__(self) -> str:
        listing = _LISTINGS.get(self.what)
        hint = f"; {listing} lists them" if listing else ""
        if self.nearest:
            hint = f"; nearest: {', '.join(self.nearest)}"
        return f"unknown {self.what} '{self.name}'{hint}"


@dataclass(eq=False)
class MissingExtraError(PlannerError):
    """An optional package is needed and not installed."""

    package: str
    extra: str
    needed_for: str

    def __str__(self) -> str:
        return (
            f"{self.needed_for} needs the package '{self.package}', which is not "
            f"installed: pip install 'deployment-planner[{self.extra}]'"
        )


@dataclass(eq=False)
class ProfilingError(PlannerError):
    """A measurement could not be made."""

    exit_code: ClassVar[int] = 3

    message: str

    def __str__(self) -> str:
        return self.message


@dataclass(eq=False)
class DeviceUnavailableError(ProfilingError):
    """The device asked for cannot be measured or emulated here."""


@dataclass(eq=False)
class UnstableMeasurementError(ProfilingError):
    """The machine was too noisy for a figure worth keeping."""


@dataclass(eq=False)
class OutsideProfileError(ProfilingError):
    """The answer lies beyond the largest measured batch or load."""


@dataclass(eq=False)
class ProfileStoreError(ProfilingError):
    """The profile database cannot be opened, read or written."""


@dataclass(eq=False)
class ModelLoadError(ProfilingError):
    """The user's factory, weights or evaluation set cannot be loaded."""


@dataclass(eq=False)
class CloudError(PlannerError):
    """A provider could not answer."""

    exit_code: ClassVar[int] = 4

    message: str

    def __str__(self) -> str:
        return self.message


@dataclass(eq=False)
class CredentialsError(CloudError):
    """No credentials, or credentials that the provider refuses."""


@dataclass(eq=False)
class QuotaError(CloudError):
    """The provider throttles or limits this account."""


@dataclass(eq=False)
class PriceMissingError(CloudError):
    """The provider has no price for what was asked."""


@dataclass(eq=False)
class ProviderUnavailableError(CloudError):
    """The provider cannot be reached or answers with a server error."""


@dataclass(eq=False)
class CatalogIntegrityError(CloudError):
    """Facts that break the catalogue's own rules are never published."""


@dataclass(eq=False)
class SolverError(PlannerError):
    """The optimizer could not answer."""

    exit_code: ClassVar[int] = 5

    message: str

    def __str__(self) -> str:
        return self.message


@dataclass(eq=False)
class SolverUnavailableError(SolverError):
    """No solver is installed that can run here."""


@dataclass(eq=False)
class SolverTimeoutError(SolverError):
    """The time limit passed before any plan was found."""


@dataclass(eq=False)
class PlanRejectedError(SolverError):
    """The independent checker refused the solver's plan: a bug, never shown as a plan."""


@dataclass(eq=False)
class ManifestError(PlannerError):
    """A deployment document could not be written or does not say what the plan says."""

    exit_code: ClassVar[int] = 6

    message: str

    def __str__(self) -> str:
        return self.message
