"""How long a cloud takes from being asked for a machine to running code on it.

Medians over instance types of `api_start_to_userdata_s` (call of the API to the first
line of user data), computed from the launches that Spare Cores published in
https://github.com/SpareCores/sc-inspector-data (data/*/timing, 2026-05 to 2026-08):
aws 70 launches, gcp 605, azure 954, others as noted.

Spare Cores, CC BY-SA 4.0 (https://creativecommons.org/licenses/by-sa/4.0/): the figures
of this file are adapted from that data and shared under the same licence.
"""

from collections.abc import Mapping
from typing import Final

BOOT_P50_S: Final[Mapping[str, float]] = {
    "aws": 31.5,
    "gcp": 42.0,
    "azure": 41.0,
    "alicloud": 36.0,  # 248 launches
    "upcloud": 111.0,  # 87 launches
    "vultr": 75.0,  # 415 launches
}
# Of all 2,384 launches in that data that state it, whoever the provider is.
ANY_BOOT_P50_S: Final = 44.0


def boot_s(provider: str) -> float:
    """Median seconds until a machine runs its first command."""
    return BOOT_P50_S.get(provider, ANY_BOOT_P50_S)
