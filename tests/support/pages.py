"""HTML as a strict reader sees it: every element closed, text and cells apart."""

from html.parser import HTMLParser

VOID = {"meta", "br", "hr", "img", "input", "link"}
SELF_CLOSING = {"rect", "line"}
LOADING = {"src", "srcset", "data", "poster", "background", "action", "formaction"}


class Page(HTMLParser):
    """Elements, attributes, text and table rows of a page; refuses unclosed elements."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.text: list[str] = []
        self.rows: list[list[str]] = []
        self.feed(text)
        self.close()
        assert self.open == [], f"never closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        assert tag in SELF_CLOSING | VOID
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data):
        data = data.replace("\u00a0", " ")
        if "style" not in self.open:
            self.text.append(data)
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data

    def addresses(self) -> list[str]:
        return [v or "" for _, name, v in self.attributes if name == "href"]

    def loads(self) -> list[tuple[str, str, str | None]]:
        """Attributes that make a browser fetch or run something."""
        return [
            (tag, name, value)
            for tag, name, value in self.attributes
            if name in LOADING or name.startswith("on")
        ]
