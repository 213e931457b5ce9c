"""Profiling runs that cost nothing: jobs, an emulator, and where their functions are."""

from pathlib import Path

from planner.domain.evidence import Evidence, Provenance
from planner.domain.profiles import BatchProfile, ServicePoint
from planner.domain.profiling import ProfilingJob, TorchModel
from planner.domain.variants import Precision, Runtime, Variant
from planner.errors import DeviceUnavailableError
from profilers.profiler import Profiling
from profilers.running.process import Measuring
from profilers.trials import Envelope, Measurement, Trial

# On the search path of whoever measures: `measurers` is a module there.
SUPPORT = str(Path(__file__).parent)
MEASURING = Measuring(function="measurers:measure", preload=())
VERSIONS = "measurers:versions"
IDENTITY = "measurers:identity"


def job(name, directory, *, devices=("local",), precisions=(Precision.FP32,), **model):
    return ProfilingJob(
        model=TorchModel(
            name=name, directory=directory, **{"factory": "m:build", **model}
        ),
        precisions=precisions,
        runtimes=(Runtime.TORCH,),
        devices=devices,
        batches=(1, 2),
    )


def trial(name, directory, *, timeout_s=60.0, factory="m:build", envelope=None):
    return Trial(
        model=TorchModel(name=name, directory=directory, factory=factory),
        variant=Variant(precision=Precision.FP32, runtime=Runtime.TORCH),
        envelope=envelope or Envelope(),
        batches=(1,),
        timeout_s=timeout_s,
    )


def profiling(store, executor, *, emulator=None, **options):
    return Profiling(
        store,
        executor,
        emulator=emulator or DoublingEmulator(),
        identity=IDENTITY,
        **options,
    )


def measured(directory):
    """The names of what was measured, in order."""
    log = directory / "log"
    return [line.split()[0] for line in log.read_text().splitlines()]


def sessions(directory):
    """The batch sizes of everything that was measured, in order."""
    lines = (directory / "log").read_text().splitlines()
    return [tuple(int(b) for b in line.split()[1].split(",")) for line in lines]


class DoublingEmulator:
    """Knows one device, `half-speed`, which takes twice this machine's time."""

    def __init__(self, calibration=()):
        self.calibration = calibration
        self.learned = None

    def devices(self):
        return ("half-speed",)

    def precisions(self, device):
        return tuple(Precision)

    def envelope(self, device):
        if device != "half-speed":
            raise DeviceUnavailableError(f"'{device}' cannot be emulated")
        return Envelope(threads=2)

    def calibration_trials(self, devices):
        return self.calibration if devices else ()

    def calibrate(self, results):
        self.learned = dict(results)

    def profile(self, measurement: Measurement, trial: Trial, device: str):
        if self.calibration and not any(
            isinstance(r, Measurement) for r in self.learned.values()
        ):
            raise DeviceUnavailableError("nothing was learned")
        return BatchProfile(
            model=trial.model.name,
            variant=trial.variant,
            device=device,
            points=tuple(
                ServicePoint(batch=p.batch, p50_s=2 * p.p50_s)
                for p in measurement.points
            ),
            evidence=Evidence(
                provenance=Provenance.EMULATED,
                source="a test",
                as_of=measurement.measured_at.date(),
                error_frac=0.3,
            ),
        )


ROOMS_BYTES = {"small": 2.0**26, "middle": 2.0**30, "large": None}


class RoomsEmulator(DoublingEmulator):
    """Devices that differ in memory alone, and only ever run fp32."""

    def devices(self):
        return tuple(ROOMS_BYTES)

    def precisions(self, device):
        return (Precision.FP32,)

    def envelope(self, device):
        return Envelope(memory_bytes=ROOMS_BYTES[device])
