"""django-structlog by its own page on getting started, its start line included."""

from typing import Any

from . import structlog_recipe


def configure(settings: dict[str, Any]) -> None:
    structlog_recipe.configure(settings)
    settings["INSTALLED_APPS"].append("django_structlog")
    settings["MIDDLEWARE"].append("django_structlog.middlewares.RequestMiddleware")
