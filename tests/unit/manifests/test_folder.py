"""Manifests on disk: whole, checked, and in step with the plan."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from planner.errors import ManifestError
from planner.manifests import (
    TARGETS,
    check_manifests,
    plan_sha256,
    render,
    targets,
    write_manifests,
)
from planner.specs.plan import PlanDocument
from tests.support.chat_plans import chat_plan
from tests.support.plans import storefront_plan

COMPOSE = "edge-berlin-store/compose.yaml"
KUBERNETES = "kubernetes-aws-eu-central-1/reorder-digits.yaml"
RAY = "ray-serve/aws-eu-central-1.yaml"


def names(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}


def test_the_list_of_targets_is_the_folder():
    files = Path(targets.__file__).parent.glob("[a-z]*.py")

    assert {f.stem.replace("_", "-") for f in files} == set(TARGETS)


def test_a_storefront_gets_one_folder_a_place(storefront: PlanDocument, tmp_path: Path):
    paths = write_manifests(storefront, tmp_path)

    assert names(tmp_path) == {
        "README.md",
        "index.json",
        "serving-image/Dockerfile",
        COMPOSE,
        KUBERNETES,
        "kubernetes-aws-eu-central-1/kustomization.yaml",
        "kubernetes-aws-eu-central-1/namespace.yaml",
        RAY,
    }
    assert {str(p.relative_to(tmp_path)) for p in paths} == names(tmp_path)


def test_the_same_plan_is_written_the_same_twice(
    storefront: PlanDocument, tmp_path: Path
):
    write_manifests(storefront, tmp_path / "one")
    write_manifests(storefront, tmp_path / "two")

    for name in names(tmp_path / "one"):
        one, two = (tmp_path / run / name for run in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()


def test_an_infeasible_plan_has_nothing_to_deploy(
    infeasible: PlanDocument, tmp_path: Path
):
    with pytest.raises(ManifestError, match="runs nothing"):
        write_manifests(infeasible, tmp_path)


def test_an_unknown_target_is_refused_with_those_there_are(storefront: PlanDocument):
    with pytest.raises(ManifestError, match="compose, kubernetes, ray-serve"):
        render(storefront, "helm")


def test_another_plans_files_are_taken_away_and_the_users_are_not(tmp_path: Path):
    write_manifests(storefront_plan(), tmp_path)
    (tmp_path / "edge-berlin-store" / "notes.txt").write_text("mine", encoding="utf-8")

    write_manifests(chat_plan(), tmp_path)

    assert not (tmp_path / COMPOSE).exists()
    assert not (tmp_path / "kubernetes-aws-eu-central-1").exists()
    assert (tmp_path / "edge-berlin-store" / "notes.txt").read_text() == "mine"


def test_writing_one_target_again_keeps_the_others_of_the_same_plan(
    storefront: PlanDocument, tmp_path: Path
):
    write_manifests(storefront, tmp_path)
    before = names(tmp_path)

    write_manifests(storefront, tmp_path, targets=["compose"])

    assert names(tmp_path) == before
    check_manifests(storefront, tmp_path)


def test_one_target_alone_writes_no_other(storefront: PlanDocument, tmp_path: Path):
    write_manifests(storefront, tmp_path, targets=["compose"])

    assert COMPOSE in names(tmp_path)
    assert not any(n.startswith(("kubernetes", "ray")) for n in names(tmp_path))
    assert "kubectl" not in (tmp_path / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("path", "edit", "says"),
    [
        (COMPOSE, ("replicas: 1", "replicas: 2"), "replicas is 4, the plan says 2"),
        (COMPOSE, ('PLANNER_MAX_BATCH: "1"', 'PLANNER_MAX_BATCH: "8"'), "max_batch"),
        (COMPOSE, ("device: raspberry-pi-4", "device: raspberry-pi-5"), "device is"),
        (COMPOSE, ('share-frac: "1.0"', 'share-frac: "0.5"'), "share_frac is 0.5"),
        (COMPOSE, ("PRECISION: int8", "PRECISION: fp32"), "precision is 'fp32'"),
        (KUBERNETES, ("minReplicas: 1", "minReplicas: 2"), "least_replicas is 2"),
        (KUBERNETES, ("type: c7g.large", "type: c7g.xlarge"), "instance_type is"),
        (KUBERNETES, ("  max_batch: 8", "  max_batch: 16"), "max_batch is 16"),
        (KUBERNETES, ("max_wait_ms: 4.0", "max_wait_ms: 40.0"), "max_wait_ms is 40.0"),
        (RAY, ("initial_replicas: 1", "initial_replicas: 2"), "replicas is 2"),
        (RAY, ("precision: int8", "precision: bf16"), "precision is 'bf16'"),
        (RAY, ("runtime: onnxruntime", "runtime: torch"), "runtime is 'torch'"),
        (RAY, ("graviton3-2vcpu: 1.0", "graviton4-2vcpu: 1.0"), "device is"),
        (RAY, ("name: reorder-digits", "name: other"), "not in the plan"),
    ],
)
def test_a_file_that_says_something_else_is_named_with_the_difference(
    storefront: PlanDocument,
    tmp_path: Path,
    path: str,
    edit: tuple[str, str],
    says: str,
):
    write_manifests(storefront, tmp_path)
    text = (tmp_path / path).read_text(encoding="utf-8")
    assert edit[0] in text
    (tmp_path / path).write_text(text.replace(*edit), encoding="utf-8")

    with pytest.raises(ManifestError) as caught:
        check_manifests(storefront, tmp_path)

    assert path in str(caught.value)
    assert says in str(caught.value)


def test_an_edit_that_changes_no_decision_is_still_seen(
    storefront: PlanDocument, tmp_path: Path
):
    write_manifests(storefront, tmp_path)
    with (tmp_path / COMPOSE).open("a", encoding="utf-8") as file:
        file.write("# mine\n")

    with pytest.raises(ManifestError, match="edited since"):
        check_manifests(storefront, tmp_path)


def test_a_key_that_is_not_ours_is_seen(storefront: PlanDocument, tmp_path: Path):
    write_manifests(storefront, tmp_path)
    text = (tmp_path / COMPOSE).read_text(encoding="utf-8")
    changed = text.replace("    init: true", "    privileged: true\n    init: true")
    (tmp_path / COMPOSE).write_text(changed, encoding="utf-8")

    with pytest.raises(ManifestError, match="privileged"):
        check_manifests(storefront, tmp_path)


def test_a_missing_file_and_another_plan_are_each_named(
    storefront: PlanDocument, chat: PlanDocument, tmp_path: Path
):
    write_manifests(storefront, tmp_path)

    with pytest.raises(ManifestError, match="of another plan"):
        check_manifests(chat, tmp_path)
    (tmp_path / KUBERNETES).unlink()
    with pytest.raises(ManifestError, match="cannot be read back"):
        check_manifests(storefront, tmp_path)


def test_a_folder_that_cannot_be_written_is_one_sentence(
    storefront: PlanDocument, tmp_path: Path
):
    (tmp_path / "taken").write_text("a file", encoding="utf-8")

    with pytest.raises(ManifestError, match="taken"):
        write_manifests(storefront, tmp_path / "taken")


def test_the_hash_of_a_plan_changes_with_any_decision(storefront: PlanDocument):
    first, *rest = storefront.placements
    other = first.model_copy(update={"max_batch": 2})
    changed = storefront.model_copy(update={"placements": (other, *rest)})

    assert plan_sha256(changed) != plan_sha256(storefront)


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
def test_kustomize_puts_the_users_image_and_namespace_everywhere(
    storefront: PlanDocument, tmp_path: Path
):
    write_manifests(storefront, tmp_path)
    folder = tmp_path / "kubernetes-aws-eu-central-1"
    kustomization = folder / "kustomization.yaml"
    text = kustomization.read_text(encoding="utf-8")
    kustomization.write_text(
        text.replace("newName: deployment", "newName: registry.test/deployment"),
        encoding="utf-8",
    )

    built = subprocess.run(
        ["kubectl", "kustomize", str(folder)],
        capture_output=True,
        text=True,
        check=True,
    )

    objects = {d["kind"]: d for d in yaml.safe_load_all(built.stdout)}
    (container,) = objects["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert container["image"].startswith("registry.test/deployment-planner-serving:")
    assert objects["Service"]["metadata"]["namespace"] == "storefront"
