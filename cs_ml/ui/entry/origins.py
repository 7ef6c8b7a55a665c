"""Which page asks: one of ours, or one of somebody else's that uses the reader's cookie."""

from urllib.parse import urlsplit

from starlette.requests import HTTPConnection


def is_same_origin(connection: HTTPConnection) -> bool:
    """Browsers name the page that posts or opens a socket; one of ours has the host that was asked."""
    site = connection.headers.get("sec-fetch-site", "same-origin")
    origin = connection.headers.get("origin", "")
    return site == "same-origin" and urlsplit(origin).netloc == connection.headers.get("host")
