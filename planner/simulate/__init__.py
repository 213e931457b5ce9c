"""A plan tried on traffic before anybody pays for it: discrete events, seeded."""
