"""`manage.py telemetry`: try out what is set up, and report what works."""

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from ...internals.doctor import PROBLEMS, diagnose


class Command(BaseCommand):
    """Exits with 1 if something that is switched on does not work."""

    help = "Try out the set-up of telemetry, and report what works."
    requires_system_checks = []  # The report has those of telemetry.

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="Write JSON.")

    def handle(self, *args: Any, **options: Any) -> None:
        findings = diagnose()
        if options["json"]:
            rows = [finding._asdict() for finding in findings]
            self.stdout.write(json.dumps(rows, indent=2))
        else:
            width = max(len(finding.subject) for finding in findings)
            for subject, status, reason in findings:
                row = f"{subject:<{width}}  {status:<11}  {reason}"
                self.stdout.write(row.rstrip())
        if any(finding.status in PROBLEMS for finding in findings):
            sys.exit(1)
