"""What an application offers to those who operate it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncendpoints.database import Database

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from asyncendpoints.dashboard.access import Authorize
    from asyncendpoints.dashboard.application import Dashboard
    from asyncendpoints.dashboard.grants import Grant
    from asyncendpoints.observability.metrics import MetricsCollector


class Operations(Database):
    """The part of `AsyncEndpoints` that is for operators."""

    _application: Starlette | None

    def dashboard(
        self, *, authorize: Authorize | None = None, local: Grant | None = None, title: str = "Jobs"
    ) -> Dashboard:
        """Return the dashboard, to be mounted where you like: `app.mount("/ops", jobs.dashboard(authorize=…))`.

        Args:
            authorize: A function of the request, sync or async, that returns what the visitor may: a `Grant`, True
                (which reads), None or False for nothing, or a response that is the answer. Without it, only requests
                from this machine are let in, and none that came through a proxy.
            local: What requests from this machine may, where there is no `authorize`; None is `Grant.READ`.
            title: What the pages are called.

        Raises:
            ConfigurationError: Jinja is not installed, or a value cannot work.
        """
        from asyncendpoints.dashboard.application import Dashboard
        from asyncendpoints.dashboard.grants import Grant

        return Dashboard(
            self.engine,
            authorize=authorize,
            local=Grant.READ if local is None else local,
            title=title,
            installed=lambda: self._application is not None,
        )

    def metrics(self) -> MetricsCollector:
        """Return a collector of this process's metrics for a registry of prometheus-client's.

        A registry takes one: give each `AsyncEndpoints` of a process a registry, and so a page, of its own.

        Raises:
            ConfigurationError: prometheus-client is not installed.
        """
        from asyncendpoints.observability.metrics import MetricsCollector

        self.engine.measures.measure_store()
        return MetricsCollector(self.engine.measures)
