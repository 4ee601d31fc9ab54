"""Decides which files by URL are copied, from `canonicalize_source` and `force_remirror` of a request."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from chalicelib.blobs.errors import UrlInvalid
from chalicelib.core.errors import RequestInvalid, invalid
from chalicelib.core.record import record

if TYPE_CHECKING:
    from chalicelib.blobs.models import CreateBlobRequest

_ADVICE = "to store the URL without copying the file, send canonicalize_source: false"
_NOTHING_TO_COPY = (
    "There is nothing to copy again: force_remirror concerns files by http or https URL with canonicalize_source"
)


@record
class MirrorOptions:
    """The options of an object, which those of a file override."""

    canonicalize: bool = True
    force: bool = False

    def overridden_by(self, given: CreateBlobRequest) -> MirrorOptions:
        """The options of a file of the object."""
        canonicalize = self.canonicalize if given.canonicalize_source is None else given.canonicalize_source
        force = self.force if given.force_remirror is None else given.force_remirror
        return MirrorOptions(canonicalize, force)


DEFAULTS = MirrorOptions()


def is_copied(url: str | None) -> bool:
    """Whether the file at this URL is copied by default. A file in S3 is not, and neither is one without a URL."""
    return url is not None and url[:5].lower() != "s3://"


def nothing_to_copy(*location: str | int) -> RequestInvalid:
    """The error for `force_remirror` at this location, if no file is copied."""
    return invalid(*location, message=_NOTHING_TO_COPY, type="nothing_to_copy")


def check_urls(urls: Iterable[tuple[tuple[str | int, ...], str]], *, allow_private: bool) -> None:
    """Raises UrlInvalid if the service makes no request to one of these URLs. Uses no DNS.

    With each URL comes its location in the list of files of the request.
    """
    from chalicelib.outbound.errors import UrlRefused
    from chalicelib.outbound.urls import check_url

    for location, url in urls:
        try:
            check_url(url, allow_private=allow_private)
        except UrlRefused as error:
            raise UrlInvalid(("body", "blobs", *location), f"{error.text}; {_ADVICE}") from error
