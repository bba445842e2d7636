"""The dashboard: pages for those who operate an application, mounted where the application says."""

from __future__ import annotations

from asyncendpoints.dashboard.grants import Grant

__all__ = ["Grant"]
