"""Who may come in to a lab that is served: by which name it is called, from which page, and with which key."""

import hashlib
import ipaddress
import re
import secrets
from collections.abc import Iterable, Sequence

_AUTHORITY = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::([0-9]{1,5}))?", re.ASCII | re.IGNORECASE)
LEAST = 8  # letters of a token that a person chooses


class Door:
    """The keys of a lab that is served on a port.

    token: who shows it comes in, as often as they like; a new one unless given. hosts: names of this machine by which
    the lab may be called, beside those of its loopback. anywhere: it may also be called by any address, which names no
    site and so cannot be made to lead here by another one.
    """

    def __init__(self, port: int, token: str | None = None, hosts: Iterable[str] = (), anywhere: bool = False) -> None:
        if token is not None and not re.fullmatch(rf"[\w.~-]{{{LEAST},200}}", token, re.ASCII):
            raise ValueError(f"token: wanted {LEAST} to 200 letters, digits and signs of - _ . ~, hard to guess")
        self.port, self.anywhere = port, anywhere
        self.token = token or secrets.token_urlsafe(32)
        self._names = {"localhost", *(name.lower().removesuffix(".") for name in hosts)}
        self._once: set[str] = set()
        # Of the token, so that pages come back to a lab that is served anew with the same one. By port, as browsers
        # keep no cookies apart by it: two labs would put each other's pages out.
        exchanged = hashlib.sha256(f"a page of chainrule lab {self.token}".encode())
        self.cookie = f"chainrule-lab-{port}", exchanged.hexdigest()

    def once(self) -> str:
        """A token that lets in once: for the command line of a browser, which others on this machine may read."""
        made = secrets.token_urlsafe(32)
        self._once.add(made)
        return made

    def opens(self, token: str) -> bool:
        """Whether a token lets in."""
        if _same(token, self.token):
            return True
        found = [each for each in self._once if _same(token, each)]
        self._once.difference_update(found)
        return bool(found)

    def knows(self, cookies: Sequence[str]) -> bool:
        """Whether these Cookie headers hold what a token was exchanged for."""
        name, value = self.cookie
        pairs = (pair.strip().partition("=") for header in cookies for pair in header.split(";"))
        return any(key == name and _same(given, value) for key, _, given in pairs)

    def called(self, hosts: Sequence[str]) -> bool:
        """Whether the Host headers are one, and call this lab by a name and port of its own.

        A page of another site is never shown one that is not: its name may lead here all of a sudden (DNS rebinding).
        """
        return len(hosts) == 1 and self._ours(_place(hosts[0]))

    def from_here(self, origins: Sequence[str], hosts: Sequence[str]) -> bool:
        """Whether the Origin headers are one, of a page of this lab, called as it is called now.

        Browsers let any page open any socket, with its cookies if it is of another port of the same host, and leave
        the question to whoever answers.
        """
        if len(origins) != 1 or not origins[0].lower().startswith("http://") or not self.called(hosts):
            return False
        origin = _place(origins[0][len("http://") :])
        return self._ours(origin) and origin == _place(hosts[0])

    def _ours(self, place: tuple[str, int] | None) -> bool:
        if place is None or place[1] != self.port:
            return False
        try:
            address = ipaddress.ip_address(place[0])
        except ValueError:
            return place[0] in self._names
        return address.is_loopback or str(address) in self._names or (self.anywhere and not address.is_unspecified)


def _place(authority: str) -> tuple[str, int] | None:
    """Host and port, as they stand in a Host header, in one spelling; None for what is none."""
    found = _AUTHORITY.fullmatch(authority)
    if found is None:
        return None
    name, port = found[1].lower(), int(found[2] or 80)
    if name.startswith("["):
        try:
            address = ipaddress.IPv6Address(name[1:-1])
        except ValueError:
            return None
        name = str(address.ipv4_mapped or address)
    return name.removesuffix("."), port


def _same(given: str, known: str) -> bool:
    """Whether two texts are the same, in a time that does not tell how far."""
    return secrets.compare_digest(given.encode(errors="replace"), known.encode())
