"""A handler of a project's own: it shows each record that it gets on stderr."""

import json
import logging
import sys


def show(**row):
    print(json.dumps(row, default=str), file=sys.stderr)


class Rows(logging.Handler):
    """Shows each record that it gets, the request included."""

    def emit(self, record):
        request = getattr(record, "request", None)
        show(
            handler=self.name,
            logger=record.name,
            level=record.levelname,
            message=record.getMessage(),
            path=getattr(request, "path", None),
            status=getattr(record, "status_code", None),
            error=record.exc_info and record.exc_info[0].__name__,
            extra=sorted(vars(record).keys() - vars(logging.makeLogRecord({})).keys()),
        )
