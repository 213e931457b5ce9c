"""`planner catalog`: the facts behind every plan, with their sources; and today's prices."""

from typing import Annotated

import typer

from planner.cli.console import show
from planner.domain.hardware import Offer, Purchase
from planner.errors import SpecError
from planner.report import catalog as tables
from planner.wiring.facts import catalog, price_source
from planner.wiring.home import snapshot_path

app = typer.Typer()


@app.callback()
def about() -> None:
    """Devices, offers, published profiles, links; today's prices."""


Like = Annotated[
    str | None, typer.Option("--like", help="Only names that contain this.")
]


def _matches(name: str, like: str | None) -> bool:
    return like is None or like.lower() in name.lower()


@app.command("devices")
def devices(name: Annotated[str | None, typer.Argument()] = None, like: Like = None) -> None:  # fmt: skip
    """List devices, or show one with its sources."""
    known = catalog()
    if name is not None:
        show(tables.device_detail(known.device(name)))
        return
    chosen = [d for d in known.devices() if _matches(d.name, like)]
    show(tables.devices_table(chosen))


@app.command("offers")
def offers(
    like: Like = None,
    *,
    provider: Annotated[str | None, typer.Option("--provider")] = None,
    region: Annotated[str | None, typer.Option("--region")] = None,
    device: Annotated[str | None, typer.Option("--device")] = None,
    purchase: Annotated[Purchase | None, typer.Option("--purchase")] = None,
) -> None:
    """List what can be bought: machine, region, price, its date."""
    known = catalog()
    found: list[Offer] = []
    for p in (provider,) if provider else known.providers():
        regions = [r.name for r in known.regions(p)]
        if region is not None:
            regions = [known.region(p, region).name] if provider else [region]
        purchases = [purchase] if purchase else [Purchase.ON_DEMAND, Purchase.SPOT]
        found += known.offers(p, regions, purchases)
    chosen = [
        o
        for o in found
        if _matches(o.instance_type, like) and device in {None, o.device}
    ]
    show(tables.offers_table(chosen))


@app.command("profiles")
def profiles(
    model: Annotated[str | None, typer.Argument()] = None,
    like: Like = None,
    *,
    device: Annotated[str | None, typer.Option("--device")] = None,
) -> None:
    """List published models, or one model's profiles with their sources."""
    known = catalog()
    if model is None:
        chosen = [m for m in known.models() if _matches(m.name, like)]
        show(tables.models_table(chosen))
        return
    found = [p for p in known.profiles(model) if device in {None, p.device}]
    show(tables.profiles_table(found))


@app.command("links")
def links() -> None:
    """List typical access networks, as `uplink: {access: …}` names them."""
    show(tables.access_table(catalog().access_networks()))


@app.command("refresh")
def refresh(
    *,
    provider: Annotated[str, typer.Option("--provider")] = "aws",
    regions: Annotated[
        str,
        typer.Option("--regions", help="Comma-separated, as in us-east-1,eu-west-1."),
    ],
) -> None:
    """Fetch today's prices into a dated snapshot of your own, which plans prefer."""
    from cloud_adapters.refresh import refresh as fetch  # noqa: PLC0415  # boto3

    wanted = tuple(r.strip() for r in regions.split(",") if r.strip())
    if not wanted:
        raise SpecError("--regions names no region; give for instance us-east-1")
    path = snapshot_path(provider)
    source = price_source(provider)
    snapshot = fetch(
        source, wanted, path, on_progress=lambda line: typer.echo(line, err=True)
    )
    typer.echo(
        f"{len(snapshot.quotes)} quotes in {', '.join(snapshot.regions)} "
        f"of {snapshot.taken_at:%Y-%m-%d %H:%M} UTC: {path}"
    )
