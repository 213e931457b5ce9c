"""From where requests start to where they are answered: round trip, line, waiting."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from planner.domain.hardware import NetworkPath, Offer, Purchase
from planner.domain.workloads import Workload
from planner.reference.catalog import Catalog
from planner.specs.by_request import HostedApi
from planner.specs.deployment import Deployment
from planner.specs.sites import EdgeSite
from planner.units import bytes_per_s, milliseconds, seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A site's way out; `is_shared` where all its requests go over one line."""

    rtt_s: float
    bytes_per_s: float
    to: str
    is_shared: bool
    max_load_frac: float
    source: str
    jitter_s: float = 0.0


def lines(spec: Deployment, catalog: Catalog) -> dict[str, Line]:
    """The way out of every edge site that has one."""
    regions = spec.regions()
    found = {}
    for site in spec.edge_sites():
        line = _line(site, regions[0] if regions else site.name, catalog)
        if line is not None:
            found[site.name] = line
    return found


def _line(site: EdgeSite, first_region: str, catalog: Catalog) -> Line | None:
    uplink = site.uplink
    if uplink is None:
        return None
    to = uplink.to or first_region
    if uplink.access is not None:
        network = catalog.access_network(uplink.access)
        return Line(
            rtt_s=network.rtt_s,
            bytes_per_s=network.up_bytes_per_s,
            to=to,
            is_shared=False,
            max_load_frac=uplink.max_load_frac,
            source=f"{network.name}: {network.source}",
        )
    if uplink.rtt_ms is None or uplink.bandwidth_mbps is None:
        raise AssertionError("the document was checked to hold one kind of uplink")
    return Line(
        rtt_s=seconds(uplink.rtt_ms),
        bytes_per_s=bytes_per_s(uplink.bandwidth_mbps),
        to=to,
        is_shared=True,
        max_load_frac=uplink.max_load_frac,
        source=f"uplink of {site.name} to {to}: {uplink.rtt_ms:g} ms, "
        f"{uplink.bandwidth_mbps:g} Mbit/s (spec)",
        jitter_s=seconds(uplink.jitter_ms),
    )


def shared_limits_bytes_per_s(lines: Mapping[str, Line]) -> dict[str, float]:
    """How much traffic may leave each site whose line is shared."""
    return {
        name: line.bytes_per_s * line.max_load_frac
        for name, line in lines.items()
        if line.is_shared
    }


class Ways:
    """From each origin to each site; the load on a shared line is the most it may be.

    The wait for the line is that of an M/D/1 queue at the load the line would
    have if all of its site's traffic left, the rises of demand with it, but no more
    than it may carry: what is kept at the site only makes the wait shorter.
    """

    def __init__(
        self,
        spec: Deployment,
        catalog: Catalog,
        *,
        lines: Mapping[str, Line],
        workloads: Sequence[Workload],
    ) -> None:
        self._sites = {s.name: s for s in spec.edge_sites()}
        self._apis = {s.name: s for s in spec.hosted_apis()}
        self._catalog = catalog
        self._lines = lines
        rises = spec.policy.demand_rises
        most_rises = rises.most_at_once if rises else 0
        self._loads_frac = {
            name: _load_frac(name, line, workloads, most_rises=most_rises)
            for name, line in lines.items()
        }
        self._known: dict[tuple[str, str, bool], NetworkPath | None] = {}

    def path(self, workload: Workload, offer: Offer) -> NetworkPath | None:
        """The way from the workload's origin to the offer; None where there is none."""
        key = (workload.name, offer.site, offer.purchase is Purchase.OWNED)
        if key not in self._known:
            self._known[key] = self._path(workload, offer)
        return self._known[key]

    def _path(self, workload: Workload, offer: Offer) -> NetworkPath | None:
        site = self._sites.get(workload.origin)
        if offer.purchase is Purchase.OWNED:
            here = site is not None and offer.site == site.name
            return self._inside(site, workload) if here and site is not None else None
        if site is None and offer.site in self._apis:
            rtt_s, source = self._to_api(self._apis[offer.site])
            return NetworkPath(
                rtt_s=rtt_s, transfer_s=0.0, uplink_load_frac=0.0, source=source
            )
        if site is None:
            return self._between_regions(workload.origin, offer.site)
        line = self._lines.get(site.name)
        return None if line is None else self._over(line, workload, offer.site)

    @staticmethod
    def _inside(site: EdgeSite, workload: Workload) -> NetworkPath:
        payload_bytes = workload.request_bytes + workload.response_bytes
        return NetworkPath(
            rtt_s=seconds(site.lan_rtt_ms),
            transfer_s=payload_bytes / bytes_per_s(site.lan_bandwidth_mbps),
            uplink_load_frac=0.0,
            source=f"network inside {site.name}: {site.lan_rtt_ms:g} ms, "
            f"{site.lan_bandwidth_mbps:g} Mbit/s (spec)",
        )

    @staticmethod
    def _to_api(site: HostedApi) -> tuple[float, str]:
        return seconds(
            site.rtt_ms
        ), f"round trip to {site.name}: {site.rtt_ms:g} ms (spec)"

    def _between_regions(self, origin: str, to: str) -> NetworkPath | None:
        found = self._catalog.rtt_s(origin, to)
        if found is None:
            return None
        rtt_s, source = found
        return NetworkPath(
            rtt_s=rtt_s,
            transfer_s=0.0,
            uplink_load_frac=0.0,
            source=f"{origin} to {to}: {milliseconds(rtt_s):.1f} ms ({source})",
        )

    def _over(self, line: Line, workload: Workload, to: str) -> NetworkPath | None:
        if to in self._apis:
            beyond: tuple[float, str] | None = self._to_api(self._apis[to])
        else:
            beyond = (0.0, "") if line.to == to else self._catalog.rtt_s(line.to, to)
        if beyond is None:
            return None
        rtt_s, source = beyond
        words = f"; {line.to} to {to}: {milliseconds(rtt_s):.1f} ms ({source})"
        payload_bytes = workload.request_bytes + workload.response_bytes
        return NetworkPath(
            rtt_s=line.rtt_s + rtt_s,
            transfer_s=payload_bytes / line.bytes_per_s,
            uplink_load_frac=self._loads_frac[workload.origin],
            source=line.source + (words if rtt_s else ""),
            line=workload.origin,
            jitter_s=line.jitter_s,
        )


def _load_frac(
    site: str, line: Line, workloads: Sequence[Workload], *, most_rises: int
) -> float:
    if not line.is_shared:
        return 0.0
    mine = [
        (w, w.rate_rps * (w.request_bytes + w.response_bytes))
        for w in workloads
        if w.origin == site
    ]
    rises = sorted((w.rise_frac * sent for w, sent in mine), reverse=True)
    leaving_bytes_per_s = sum(sent for _, sent in mine) + sum(rises[:most_rises])
    return min(leaving_bytes_per_s / line.bytes_per_s, line.max_load_frac)
