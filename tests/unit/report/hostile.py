"""Names that somebody might give, meant well or not."""

NAMES = [
    "<script>alert(1)</script>",
    "a|b",
    "*bold* _it_ `code` ~~no~~ [x](y) ![i](j)",
    "\"quoted\" & 'single' &lt;",
    "商店",
    "متجر",
    "# heading",
    "- list",
    "1. list",
    "---",
    "$x$ and $y$",
    "back\\slash\\",
    "javascript:alert(1)",
    "</style></title></div>",
    "{braces} %s {0}",
    "x" * 300,
    "[bold red]markup[/]",
]
