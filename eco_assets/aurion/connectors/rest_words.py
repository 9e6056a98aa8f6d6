"""dlt's words for authentication and paging, as its own objects: the configuration of a shape names them as dlt's `rest_api` does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from eco_assets.errors import ConfigError

if TYPE_CHECKING:
    from dlt.sources.helpers.rest_client.paginators import BasePaginator


def authentication(options: Mapping[str, Any] | None) -> Any:
    """Authentication by dlt's words: `bearer`, `api_key`, `http_basic`, `oauth2_client_credentials`.

    Raises:
        ConfigError: there is no such kind, or the key would be part of the address, which every log on the way keeps.
    """
    if not options:
        return None
    from dlt.sources.helpers.rest_client import auth

    kinds = {
        "bearer": auth.BearerTokenAuth,
        "api_key": auth.APIKeyAuth,
        "http_basic": auth.HttpBasicAuth,
        "oauth2_client_credentials": auth.OAuth2ClientCredentials,
    }
    given = dict(options)
    kind = given.pop("type", "bearer")
    if kind not in kinds:
        raise ConfigError(f"`auth.type` {kind} is none of {', '.join(kinds)}")
    if given.get("location", "header") != "header":
        raise ConfigError("`auth.location` must be header: a key in the address is kept by every log on the way")
    try:
        return kinds[kind](**given)
    except TypeError as error:
        raise ConfigError(f"`auth` of type {kind}: {error}") from None


def paginator(options: Mapping[str, Any]) -> BasePaginator:
    """A paginator by dlt's words; `total_pages_header` of `page_number` is ours.

    Raises:
        ConfigError: there is no such kind, or it takes other options.
    """
    from dlt.sources.helpers.rest_client import paginators

    class HeaderPages(paginators.PageNumberPaginator):  # type: ignore[misc]
        """Page numbers whose number of pages is in a header."""

        def __init__(self, total_pages_header: str, **given: Any) -> None:
            super().__init__(**given)
            self.header = total_pages_header

        def update_state(self, response: Any, data: Any = None) -> None:
            super().update_state(response, data)
            pages = response.headers.get(self.header)
            if pages is not None and self.current_value >= int(pages) + self.base_index:
                self._has_next_page = False

    given = dict(options)
    kind = given.pop("type", "single_page")
    kinds: dict[str, Any] = {
        "single_page": paginators.SinglePagePaginator,
        "header_link": paginators.HeaderLinkPaginator,
        "json_link": paginators.JSONLinkPaginator,
        "cursor": paginators.JSONResponseCursorPaginator,
        "header_cursor": paginators.HeaderCursorPaginator,
        "offset": paginators.OffsetPaginator,
        "page_number": HeaderPages if "total_pages_header" in given else paginators.PageNumberPaginator,
    }
    if kind not in kinds:
        raise ConfigError(f"`paging.type` {kind} is none of {', '.join(kinds)}")
    if kind in ("page_number", "offset"):
        given = {"total_path": None, **given}  # dlt's default looks for `total` in every answer
    try:
        return kinds[kind](**given)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"`paging` of type {kind}: {error}") from None
