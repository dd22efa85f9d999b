"""A command that ends in each way in which a command can end."""

import os
import signal
import sys
import time

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from telemetry.context import add
from telemetry.logging import get_logger


class Command(BaseCommand):
    def add_arguments(self, parser):
        parser.add_argument("ending")

    def handle(self, ending, **_):
        get_logger("shop").info("working")
        add(rows=3)
        self.stdout.write("data")
        getattr(self, ending)()

    def completed(self):
        connection.cursor().execute("SELECT 1")

    def refused(self):
        raise CommandError("no such tournament", returncode=4)

    def broken(self):
        raise ValueError("broken on purpose")

    def exits(self):
        sys.exit(3)

    def exits_with_text(self):
        sys.exit("nothing to do")

    def interrupted(self):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(10)

    def nested(self):
        call_command("clearsessions")

    def sends(self):
        from shop.tasks import work

        work.delay()
