"""What is served is what was profiled, byte for byte, and nothing that was not trusted."""

import copy
import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from planner.domain.variants import Runtime, SparsityPattern, Variant
from planner.errors import ModelLoadError, PlannerError
from planner.specs.placements import PlanVariant
from planner.specs.plan import PlanModel
from planner.specs.serving import ServedModel, ServingConfig, served_model
from profilers.backends import load_backend
from profilers.identity import identity
from profilers.models import load_model
from profilers.serving.loading import load
from profilers.variants import export_variant
from tests.support import own_sources
from tests.support.own_sources import MODELS, SERVED, on

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return own_sources.write(tmp_path_factory.mktemp("sources"))


def config(
    model: PlanModel, folder: Path, variant: Variant, **changes: object
) -> ServingConfig:
    return ServingConfig(
        **{
            "model": served_model(model, directory=str(folder)),
            "variant": PlanVariant.of(variant),
            "max_batch": 4,
            "max_wait_ms": 1.0,
        }
        | changes
    )


@pytest.mark.parametrize("name", SERVED)
def test_every_source_and_runtime_is_served_as_it_was_profiled(
    name: str, folder: Path, tmp_path: Path
):
    source, variant = SERVED[name]
    asked = config(MODELS[source], folder, variant)
    model = load_model(asked.model.user_model())
    artifact = export_variant(model, variant, tmp_path / "profiled")
    profiled = load_backend(
        variant.runtime,
        artifact.path,
        threads=1,
        build=lambda: copy.deepcopy(model.module),
    )

    served = load(
        asked.model_copy(update={"artifact_sha256": artifact.sha256}),
        tmp_path / "served",
    )

    batch = np.ascontiguousarray(model.example.numpy()[:3])
    np.testing.assert_array_equal(served.backend.run(batch), profiled.run(batch))
    assert served.is_as_profiled
    assert served.backend.runtime is variant.runtime
    assert served.sample_shape == tuple(model.example.shape[1:])
    assert served.sample_dtype == model.example.numpy().dtype


def test_a_compiled_variant_has_code_for_every_batch_before_it_is_asked(
    folder: Path, tmp_path: Path
):
    asked = config(MODELS["torch"], folder, on(Runtime.TORCH_COMPILE))
    served = load(asked, tmp_path)
    images = load_model(asked.model.user_model()).example.numpy()

    # Any compilation from here on is an error of torch's.
    with torch.compiler.set_stance("fail_on_recompile"):
        for size in range(1, asked.max_batch + 1):
            served.backend.run(np.ascontiguousarray(images[:size]))


def test_another_artefact_than_the_profiled_is_served_and_said_to_be(
    folder: Path, tmp_path: Path, caplog
):
    asked = config(
        MODELS["torch"], folder, on(Runtime.TORCH), artifact_sha256="5f" * 32
    )

    with caplog.at_level(logging.WARNING):
        served = load(asked, tmp_path)

    assert served.is_as_profiled is False
    assert "is not the profiled 5f5f5f5f5f5f" in caplog.text


def test_weights_that_fine_tuning_made_are_served_only_where_they_were_graded(
    folder: Path, tmp_path: Path
):
    sparse = on(
        Runtime.TORCH,
        sparsity_frac=0.5,
        sparsity_pattern=SparsityPattern.TWO_OF_FOUR,
    )

    with pytest.raises(ModelLoadError, match="fixed seed"):
        load(
            config(MODELS["torch"], folder, sparse, artifact_sha256="5f" * 32),
            tmp_path,
        )


def test_an_exported_program_is_opened_on_the_word_of_trust_alone(folder: Path):
    distrusted = MODELS["exported"].model_copy(update={"trust": False})

    with pytest.raises(PlannerError, match="say 'trust: true'"):
        served_model(distrusted, directory=str(folder))
    edited = served_model(MODELS["exported"], directory=str(folder)).model_dump()
    edited["source"]["trust"] = False
    with pytest.raises(ValidationError, match="can run code"):
        ServedModel.model_validate(edited)


def test_trust_is_in_the_file_that_was_planned_with(
    folder: Path, tmp_path: Path, monkeypatch
):
    (tmp_path / "nets.py").write_bytes((folder / "nets.py").read_bytes())
    program = tmp_path / "net.pt2"
    program.write_bytes((folder / "net.pt2").read_bytes())
    trusted = served_model(MODELS["exported"], directory=str(tmp_path))
    content = identity(trusted.user_model())
    planned = MODELS["exported"].model_copy(update={"content_sha256": content})
    asked = config(planned, tmp_path, on(Runtime.TORCH))
    assert load(asked, tmp_path / "one").sample_shape == (1, 8, 8)

    program.write_bytes(program.read_bytes() + b"\0")
    opened = []
    monkeypatch.setattr(torch.export, "load", opened.append)

    with pytest.raises(ModelLoadError, match="was changed after the plan was made"):
        load(asked, tmp_path / "two")
    assert opened == []


def test_a_folder_without_the_model_is_one_sentence(tmp_path: Path):
    with pytest.raises(ModelLoadError, match=r"nets\.py"):
        load(config(MODELS["torch"], tmp_path, on(Runtime.TORCH)), tmp_path)
