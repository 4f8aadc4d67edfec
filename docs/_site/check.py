"""Check a built site: python docs/_site/check.py build/docs/html.

Every link and picture leads to a file that is there, every anchor to a place in it, and nothing is
loaded from elsewhere.
"""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = {("img", "src"), ("script", "src"), ("source", "src"), ("link", "href"), ("video", "src"), ("iframe", "src")}


class Page(HTMLParser):
    """The places of a page, and where it leads."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.anchors, self.targets = {""}, set[tuple[str, bool]]()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect ids, and what is linked or loaded."""
        given = dict(attrs)
        self.anchors |= {name for name in (given.get("id"), given.get("name")) if name}
        for name in ("href", "src"):
            if (target := given.get(name)) is not None and given.get("rel") not in ("canonical", "license"):
                self.targets.add((target, (tag, name) in LOADED))


def wrong(site: Path) -> list[str]:
    """What does not lead anywhere."""
    pages = {path: Page(path) for path in sorted(site.rglob("*.html")) if "_static" not in path.parts}
    found = []
    for path, page in pages.items():
        for target, is_loaded in sorted(page.targets):
            parts = urlsplit(target)
            if parts.scheme in ("data", "mailto"):
                continue
            if parts.scheme or parts.netloc:
                found += [f"{path.relative_to(site)}: loads {target}"] if is_loaded else []
                continue
            file = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not file.exists():
                found.append(f"{path.relative_to(site)}: {target} is not there")
            elif file in pages and unquote(parts.fragment) not in pages[file].anchors:
                found.append(f"{path.relative_to(site)}: {target} has no such place")
    if not pages:
        found.append(f"{site}: no pages")
    return found


if __name__ == "__main__":
    messages = wrong(Path(sys.argv[1]).resolve())
    print("\n".join(messages) or "Every link of the site leads somewhere, and nothing is loaded from elsewhere.")
    sys.exit(1 if messages else 0)
