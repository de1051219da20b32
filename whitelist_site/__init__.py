"""The site: settings, URLs and the processes that run them."""

# Imported with the package, so that tasks bind to this application in every process.
from whitelist_site.celery import app as celery_app

__all__ = ["celery_app"]
