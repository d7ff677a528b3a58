"""One request of the vendor's script in, one answer out; the doors read and write the wire."""

from __future__ import annotations

import logging
import time
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..forking import call_in_child
from ..visitor.client_ip import sendable_ip
from ..visitor.consent import may_track
from .calls import (
    FORBIDDEN,
    NO_CONTENT,
    TOO_MANY,
    Answer,
    Route,
    make_answer,
    make_routes,
    outgoing_headers,
    refuse_form,
    refuse_method,
)
from .limits import PAUSE_SECONDS, Limits
from .same_site import is_same_site
from .script import FetchedScript, FileScript, Script, answer_script
from .vendor import Vendor

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..account import Fprom
    from ..visitor.context import RequestTracking

logger: logging.Logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ScriptRequest:
    """One of the three requests.

    Attributes:
        route: Which.
        method: Its method.
        header: Looks a header up by its lower-case name; lines of one name are joined by a
            comma, empty where absent.
        context: The request's own.
        connection: The environ or scope, to ask for consent.
    """

    route: Route
    method: str
    header: Callable[[str], str]
    context: RequestTracking
    connection: Mapping[str, Any]


class ScriptProxy:
    """What answers below FPROM_SCRIPT_PROXY.

    Args:
        fprom: The account.
        slots: Calls at once; each holds a thread.

    Attributes:
        routes: The three, by path.
        limits: The bounds of this process.

    Raises:
        FpromConfigError: FPROM_SCRIPT_FILE cannot be served.
    """

    def __init__(self, fprom: Fprom, *, slots: int) -> None:
        self._fprom = fprom
        self._slots = slots
        self.routes = make_routes(fprom.settings.script_proxy or "")
        self._vendor = self._make_vendor()
        self.limits = Limits(slots, fprom.clock)
        path = fprom.settings.script_file
        self._script: Script = (
            FileScript(path) if path else FetchedScript(self._vendor, fprom.clock)
        )
        self._has_warned = False
        _all.add(self)

    def start_afresh(self) -> None:
        """Let go of the parent's connections and locks, in a child; the copy is kept."""
        self._inherited = self._vendor
        self._vendor = self._make_vendor()
        self.limits = Limits(self._slots, self._fprom.clock)
        self._script.start_afresh(self._vendor)

    def _make_vendor(self) -> Vendor:
        fprom = self._fprom
        return Vendor(fprom.settings, lambda: not fprom.is_tested)

    def check(self, request: ScriptRequest) -> Answer | None:
        """Decide without waiting.

        Args:
            request: The request.

        Returns:
            The answer; None where `perform` has one.
        """
        refused = self._refuse(request)
        if refused is not None:
            return refused
        if not may_track(self._fprom.settings, request.connection):
            return NO_CONTENT
        if request.route is Route.SCRIPT:
            return None if self._script.is_due() else self._answer_script(request)
        if self.limits.is_paused():
            return NO_CONTENT
        return None if self.limits.take_token() else TOO_MANY

    def _refuse(self, request: ScriptRequest) -> Answer | None:
        route, header = request.route, request.header
        refused = refuse_method(route, request.method)
        if refused is not None:
            return refused
        if not is_same_site(header, self._hosts(request)):
            if header("sec-fetch-site") == "same-origin" and not self._has_warned:
                self._has_warned = True
                logger.warning(
                    "A page of this site's own was refused FirstPromoter's script: its Origin is "
                    "not the Host that arrives here. Let the proxy in between hand on Host, or "
                    "X-Forwarded-Host, and name it in FPROM_TRUSTED_PROXIES."
                )
            return FORBIDDEN
        return None if route is Route.SCRIPT else refuse_form(header)

    def perform(self, request: ScriptRequest, body: bytes) -> Answer:
        """Do what has to be waited for, for two seconds at the most.

        Args:
            request: One that `check` let through.
            body: The form; empty for the script.
        """
        if request.route is Route.SCRIPT:
            self._script.load()
            return self._answer_script(request)
        ip = sendable_ip(request.context.ip, self._fprom.settings.send_ip)
        began = time.monotonic()
        reply = self._vendor.post(request.route, outgoing_headers(request.header, ip), body)
        if self.limits.note(time.monotonic() - began):
            logger.warning(
                "FirstPromoter's tracker is slow (%s): for %d s its script's calls are not "
                "passed on.",
                reply.error or f"HTTP status {reply.status}",
                PAUSE_SECONDS,
            )
        return make_answer(reply.status, reply.headers, reply.body)

    def give_up(self, request: ScriptRequest) -> Answer:
        """Answer without a call, where no slot is free."""
        return self._answer_script(request) if request.route is Route.SCRIPT else NO_CONTENT

    def _answer_script(self, request: ScriptRequest) -> Answer:
        answer = answer_script(
            self._script.copy,
            request.header("if-none-match"),
            asks_consent=self._fprom.settings.consent is not None,
        )
        return answer.without_body() if request.method == "HEAD" else answer

    def _hosts(self, request: ScriptRequest) -> str:
        # An ASGI context reads its peer with the other headers.
        request.context.scan()
        hosts = request.header("host")
        if self._fprom.visitor.addresses.trusts(request.context.peer):
            hosts += "," + request.header("x-forwarded-host")
        return hosts


_all: weakref.WeakSet[ScriptProxy] = weakref.WeakSet()


def _start_afresh() -> None:
    for proxy in list(_all):
        proxy.start_afresh()


call_in_child(_start_afresh)
