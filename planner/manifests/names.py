"""What a thing of the plan is called where only DNS labels may stand.

A name that is a DNS label already stays as it is. Any other is folded to one and
gets `--` and eight digits of its SHA-256, so that `shop_1` and `shop-1`, or two
names in a script that ASCII has no letters for, stay apart. A folded name never
holds `--` by itself, so what follows it cannot be mistaken for a name.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from typing import Final

from planner.errors import ManifestError

# A Service's name is the strictest there is: RFC 1035, at most 63; 46 + suffixes fit.
MAX_LENGTH: Final = 46
_HASH_DIGITS: Final = 8


def slug(name: str) -> str:
    """A DNS label of at most 46 characters that begins with a letter.

    Example:
        >>> slug("shelf-cameras"), slug("商店"), slug("Café 2")
        ('shelf-cameras', 'x--61f96c6a', 'cafe-2--09b334c3')
    """
    ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    folded = re.sub(r"[^a-z0-9]+", "-", ascii_only.lower()).strip("-")
    if not folded or not folded[0].isalpha():
        folded = f"x-{folded}".strip("-")
    if folded == name and len(folded) <= MAX_LENGTH:
        return folded
    digits = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    stem = folded[: MAX_LENGTH - _HASH_DIGITS - 2].strip("-")
    return f"{stem}--{digits[:_HASH_DIGITS]}"


def variable(name: str, ending: str) -> str:
    """The name of an environment variable about a thing called `name`.

    Example:
        >>> variable("shelf-cameras", "IMAGE")
        'SHELF_CAMERAS_IMAGE'
    """
    return f"{name}-{ending}".upper().replace("-", "_")


def require_distinct(names: Iterable[str]) -> None:
    """Different names of the plan must not share a slug.

    Raises:
        ManifestError: Two do, which takes a collision of hashes.
    """
    taken: dict[str, str] = {}
    for name in names:
        other = taken.setdefault(slug(name), name)
        if other != name:
            raise ManifestError(
                f"'{name}' and '{other}' would both be called '{slug(name)}' in the "
                "manifests: rename one of them in the spec"
            )
