"""A request that runs for a long time is logged, with its stack."""

import threading

from django.http import HttpRequest
from django.test import RequestFactory

from ..internals.running import Run
from .lines import LinesTestCase


class RunningTests(LinesTestCase):
    def test_line_has_the_stack_of_the_request(self) -> None:
        def view(request: HttpRequest) -> None:
            watcher = threading.Thread(target=run.context.run, args=(run.log,))
            watcher.start()
            watcher.join()

        request = RequestFactory().get("/ok/")
        run = Run(request, is_async=False)
        view(request)
        [line] = self.output.named("request_running")
        self.assertEqual(line["level"], "warning")
        self.assertGreaterEqual(line["duration_ms"], 0)
        self.assertIn(" in view\n", line["stack"])
