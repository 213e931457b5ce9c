"""Every name of the document that a catalogue must know, checked at once."""

from collections.abc import Callable, Iterable

from planner.errors import Mistake, SpecMistakesError, UnknownReferenceError
from planner.reference.catalog import Catalog
from planner.specs.by_request import Serverless
from planner.specs.deployment import Deployment
from planner.specs.sites import CloudSite, EdgeSite


def check_references(spec: Deployment, catalog: Catalog) -> None:
    """Raise unless every name is known.

    Raises:
        SpecMistakesError: All unknown names, each with the nearest known.
    """
    mistakes = tuple(_unknown_names(spec, catalog))
    if mistakes:
        raise SpecMistakesError(spec.name, mistakes)


def _unknown_names(spec: Deployment, catalog: Catalog) -> Iterable[Mistake]:
    for i, model in enumerate(spec.models):
        if model.source.kind == "reference":
            path = f"models.{i}.source.name"
            yield from _lookup(path, catalog.profiles, model.source.name)
    for i, site in enumerate(spec.sites):
        if isinstance(site, EdgeSite):
            yield from _edge_names(f"sites.{i}", site, catalog)
        elif isinstance(site, CloudSite):
            yield from _cloud_names(f"sites.{i}", site, catalog)
        elif isinstance(site, Serverless):
            yield from _function_names(f"sites.{i}", site, catalog)


def _edge_names(path: str, site: EdgeSite, catalog: Catalog) -> Iterable[Mistake]:
    for j, d in enumerate(site.devices):
        yield from _lookup(f"{path}.devices.{j}.device", catalog.device, d.device)
    if site.uplink is not None and site.uplink.access is not None:
        yield from _lookup(
            f"{path}.uplink.access", catalog.access_network, site.uplink.access
        )


def _function_names(path: str, site: Serverless, catalog: Catalog) -> Iterable[Mistake]:
    found = list(_lookup(f"{path}.provider", catalog.regions, site.provider))
    yield from found or _lookup(
        f"{path}.region", lambda r: catalog.region(site.provider, r), site.region
    )
    for j, function in enumerate(site.functions):
        where = f"{path}.functions.{j}.runs_like"
        yield from _lookup(where, catalog.device, function.runs_like)


def _cloud_names(path: str, site: CloudSite, catalog: Catalog) -> Iterable[Mistake]:
    found = list(_lookup(f"{path}.provider", catalog.regions, site.provider))
    if found:
        yield from found
        return
    unknown = [
        mistake
        for j, region in enumerate(site.regions)
        for mistake in _lookup(
            f"{path}.regions.{j}", lambda r: catalog.region(site.provider, r), region
        )
    ]
    yield from unknown or _instance_types(path, site, catalog)


def _instance_types(path: str, site: CloudSite, catalog: Catalog) -> Iterable[Mistake]:
    if not site.instance_types:
        return
    offers = catalog.offers(site.provider, site.regions, site.purchase)
    offered = {o.instance_type for o in offers}
    for j, wanted in enumerate(site.instance_types):
        if wanted not in offered:
            yield Mistake(
                path=f"{path}.instance_types.{j}",
                problem=f"'{wanted}' is not offered in {', '.join(site.regions)}",
                way_out=f"see: planner catalog offers --provider {site.provider}",
            )


def _lookup(
    path: str, look: Callable[[str], object], name: str
) -> Iterable[Mistake]:  # fmt: skip
    try:
        look(name)
    except UnknownReferenceError as error:
        near = f"nearest: {', '.join(error.nearest)}" if error.nearest else ""
        yield Mistake(path=path, problem=f"unknown {error.what} '{name}'", way_out=near)
