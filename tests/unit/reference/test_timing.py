"""Whether a server is in published times, by where they were published."""

from planner.domain.profiles import BatchProfile
from planner.domain.servers import Timing
from planner.reference.catalog import Catalog


def test_times_that_a_client_took_of_a_server_hold_the_server_and_others_do_not():
    catalog = Catalog.shipped()
    published = {
        (p.evidence.source, p.timing)
        for model in catalog.models()
        for p in catalog.profiles(model.name)
        if isinstance(p, BatchProfile)
    }

    by_server = {source for source, timing in published if timing is Timing.SERVER}
    alone = {source for source, timing in published if timing is Timing.MODEL}
    assert by_server
    assert all("triton" in source for source in by_server)
    # Neither MLPerf's load generator nor a stopwatch around a call is a server.
    assert any(source.startswith("MLPerf Inference") for source in alone)
    assert not any("/triton/" in source for source in alone)
