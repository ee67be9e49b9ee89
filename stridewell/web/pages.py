"""The pages and files that the site serves: read and filled in once, at start, and kept in memory.

Takes the project's content and the folder ``widget/``, hands on a table of addresses. An address
that is not in the table does not exist, so no request can reach another file.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from string import Template

from stridewell import faq
from stridewell.content.register import Register, load_register
from stridewell.settings import ROOT, Region

WIDGET_FOLDER = ROOT / "widget"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
REVALIDATE = "no-cache"
FOREVER = "public, max-age=31536000, immutable"
# Other sites load these, with an integrity attribute.
SHARED = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}
NUMBERS = {4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight"}
GZIP_FROM_BYTES = 1000

_VERSION = re.compile(r'^const VERSION = "([\w.-]+)";$', re.MULTILINE)


@dataclass(frozen=True)
class Page:
    """One thing to serve.

    Attributes:
        body: Its bytes.
        content_type: Its type.
        cache: Its ``Cache-Control``.
        headers: More headers.
    """

    body: bytes
    content_type: str
    cache: str = REVALIDATE
    headers: dict[str, str] = field(default_factory=dict)
    compressed: bytes = field(init=False)
    etag: str = field(init=False)

    def __post_init__(self) -> None:
        packed = gzip.compress(self.body, 9, mtime=0) if len(self.body) >= GZIP_FROM_BYTES else b""
        object.__setattr__(self, "compressed", packed)
        object.__setattr__(self, "etag", f'"{hashlib.sha256(self.body).hexdigest()[:32]}"')


@dataclass(frozen=True)
class Widget:
    """The widget's file.

    Attributes:
        body: Its bytes.
        version: Its version, as written in it.
    """

    body: bytes
    version: str

    @classmethod
    def read(cls, folder: Path = WIDGET_FOLDER) -> Widget:
        """Read the current widget."""
        body = (folder / "widget.js").read_bytes()
        found = _VERSION.search(body.decode("utf-8"))
        if not found:
            raise ValueError(f'{folder}/widget.js has no line: const VERSION = "1.2.3";')
        return cls(body, found.group(1))

    @property
    def integrity(self) -> str:
        """Value of the attribute of that name."""
        return "sha384-" + base64.b64encode(hashlib.sha384(self.body).digest()).decode()

    @property
    def path(self) -> str:
        """Address of just this version."""
        return f"/widget-{self.version}.js"


def build_pages(region: Region, root: Path = ROOT) -> dict[str, Page]:
    """Build everything that is served.

    Args:
        region: The site's region, for the urgent help on the pages.
        root: The project's folder.

    Returns:
        Pages by address.

    Raises:
        ContentError: Domain or register is wrong.
        OSError: A file is missing.
    """
    register = load_register(root)
    widget = Widget.read(root / "widget")
    pages: dict[str, Page] = {}
    folder = root / "widget" / "pages"
    for path in sorted(folder.iterdir()):
        if path.suffix in TYPES and path.suffix != ".html":
            pages[f"/static/{path.name}"] = Page(path.read_bytes(), TYPES[path.suffix])
    values = _values(register, region, widget)
    home = Template((folder / "index.html").read_text(encoding="utf-8")).substitute(values)
    pages["/"] = Page(home.encode(), TYPES[".html"])
    pages["/faq"] = Page(faq.render(root, region).encode(), TYPES[".html"])
    pages["/widget.js"] = Page(widget.body, TYPES[".js"], headers=SHARED)
    for old in sorted((root / "widget" / "releases").glob("widget-*.js")):
        pages[f"/{old.name}"] = Page(old.read_bytes(), TYPES[".js"], FOREVER, SHARED)
    pages[widget.path] = Page(widget.body, TYPES[".js"], FOREVER, SHARED)
    return pages


def _values(register: Register, region: Region, widget: Widget) -> dict[str, str]:
    values = {
        "emergency": region.emergency_help,
        "same_day": region.same_day_help,
        "crisis": region.crisis_help,
        "topics": str(sum(topic.answered for topic in register.topics.values())),
        "articles": NUMBERS.get(len(register.articles), str(len(register.articles))),
        "widget": widget.path,
        "integrity": widget.integrity,
        "version": widget.version,
    }
    return {name: escape(value) for name, value in values.items()}
