from planner.domain.variants import Precision, Runtime
from planner.reference.catalog import Catalog
from profilers import factories
from profilers.emulators import calibration
from profilers.identity import identity
from profilers.trials import Envelope


def test_each_room_is_calibrated_once_and_memory_makes_no_other_room():
    same = calibration.trials(
        [Envelope(memory_bytes=4e9), Envelope(memory_bytes=8e9), Envelope()]
    )
    two = calibration.trials([Envelope(threads=1), Envelope(threads=4)])

    assert len(same) == len(calibration.MODELS) * len(calibration.PRECISIONS)
    assert len(two) == 2 * len(same)


def test_known_models_are_measured_without_a_memory_limit_at_batch_1():
    trials = calibration.trials([Envelope(threads=2, memory_bytes=4e9)])

    assert {t.envelope for t in trials} == {Envelope(threads=2)}
    assert {t.batches for t in trials} == {(1,)}
    assert {t.variant.runtime for t in trials} == {Runtime.ONNXRUNTIME}
    assert {t.variant.precision for t in trials} == {Precision.FP32, Precision.INT8}


def test_known_models_are_published_under_the_names_they_have_here():
    published = {model.name for model in Catalog.shipped().models()}

    assert set(calibration.MODELS) <= published


def test_known_models_are_found_by_the_machinery_that_measures_users_models():
    for trial in calibration.trials([Envelope()]):
        module = str(trial.model.factory).partition(":")[0]

        assert factories.source_file(module, trial.model.directory).is_file()
        assert len(identity(trial.model)) == 64


def test_the_four_known_models_have_four_identities():
    found = {identity(t.model) for t in calibration.trials([Envelope()])}

    assert len(found) == len(calibration.MODELS)
