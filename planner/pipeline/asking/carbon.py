"""What an hour of a machine emits: its watts at work times what the grid emits."""

from collections.abc import Iterable

from planner.pipeline.asking.places import Place
from planner.reference.catalog import Catalog
from planner.units import W_PER_KW


def gco2e_per_machine_h(places: Iterable[Place], catalog: Catalog) -> dict[str, float]:
    """Grams of CO2 equivalent by offer name; offers without a figure are left out.

    So is what is paid by request: nobody states what a request to it emits.
    """
    found = {}
    for place in places:
        if place.offer.tariff is not None:
            continue
        device = catalog.device(place.offer.device)
        if device.active_w is not None and place.gco2e_per_kwh is not None:
            kw = device.active_w * place.offer.device_count / W_PER_KW
            found[place.offer.name] = kw * place.gco2e_per_kwh
    return found
