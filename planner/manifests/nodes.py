"""How a pod asks for the machine that the plan bought, in each provider's own labels.

Sources, read 2026-11: Kubernetes' well-known labels (instance type, region);
Karpenter's `karpenter.sh/capacity-type` on AWS; GKE's `cloud.google.com/gke-spot`;
AKS's `kubernetes.azure.com/scalesetpriority`. A provider without managed node labels
gets our own, which its README section tells the user to set.
"""

from typing import Final

from planner.domain.hardware import Purchase
from planner.manifests.documents.pods import Toleration
from planner.manifests.hardware import Accelerator
from planner.manifests.names import slug
from planner.manifests.placed import Placed

INSTANCE_TYPE: Final = "node.kubernetes.io/instance-type"
REGION: Final = "topology.kubernetes.io/region"
OWN_MACHINE: Final = "deployment-planner/machine"
AZURE_SPOT: Final = "kubernetes.azure.com/scalesetpriority"
_MANAGED: Final = frozenset({"aws", "gcp", "azure"})
GPU_RESOURCE: Final = {
    Accelerator.NVIDIA: "nvidia.com/gpu",
    Accelerator.JETSON: "nvidia.com/gpu",
    Accelerator.AMD: "amd.com/gpu",
}


def labels_nodes(provider: str) -> bool:
    """Whether the provider's Kubernetes service labels nodes by itself."""
    return provider in _MANAGED


def own_label(placed: Placed) -> str:
    """What our own label says of a machine: its type and how it is paid for."""
    p = placed.placement
    return slug(f"{p.instance_type}-{p.purchase}")


def node_selector(placed: Placed) -> dict[str, str]:
    """Labels of the nodes that the placement may stand on."""
    p = placed.placement
    if not labels_nodes(p.provider):
        return {OWN_MACHINE: own_label(placed)}
    selector = {INSTANCE_TYPE: p.instance_type, REGION: p.site}
    is_spot = p.purchase is Purchase.SPOT
    if p.provider == "aws":
        selector["karpenter.sh/capacity-type"] = "spot" if is_spot else "on-demand"
    elif is_spot and p.provider == "gcp":
        selector["cloud.google.com/gke-spot"] = "true"
    elif is_spot:
        selector[AZURE_SPOT] = "spot"
    return selector


def tolerations(placed: Placed) -> list[Toleration]:
    """Taints of those nodes."""
    found = []
    if placed.accelerator is not None:
        key = GPU_RESOURCE[placed.accelerator]
        found.append(Toleration(key=key, operator="Exists"))
    p = placed.placement
    if p.purchase is Purchase.SPOT and p.provider == "azure":
        found.append(Toleration(key=AZURE_SPOT, operator="Equal", value="spot"))
    return found
