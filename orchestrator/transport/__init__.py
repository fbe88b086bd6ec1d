"""Messages through Celery and Redis: orders out, reports in; losing all of them costs time, never state."""
