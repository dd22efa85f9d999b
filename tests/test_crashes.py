"""What nobody caught is a line, in a process that the package configures."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from .support import Project, json_lines

SETUP = "import django\ndjango.setup()\n"

SENTRY = """
import sentry_sdk
from sentry_sdk.transport import Transport

class Printing(Transport):
    def capture_envelope(self, envelope):
        for item in envelope.items:
            if event := item.get_event():
                print("sentry", event["exception"]["values"][0]["value"])

sentry_sdk.init(dsn="http://key@127.0.0.1:9/1", transport=Printing)
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project.start(
        tmp_path_factory.mktemp("crashes") / "shop",
        extra=["sentry-sdk"],
        otel_exporter="none",
    )
    project.environ["LOG_FORMAT"] = "json"
    project.write("shop.py", "def pay():\n    raise ValueError('no funds')\n")
    return project


def run(
    project: Project, code: str, **environ: str
) -> subprocess.CompletedProcess[str]:
    return project.run("python", "-c", SETUP + code, check=False, **environ)


def test_uncaught_exception_of_a_script_is_one_line(project: Project) -> None:
    finished = run(project, "import shop\nshop.pay()\n")
    [line] = json_lines(finished.stdout)
    assert (line["event"], line["level"]) == ("process_crashed", "critical")
    assert (line["error.type"], line["error.message"]) == ("ValueError", "no funds")
    assert line["error.at"] == "shop.py:2 in pay"
    assert line["exception"].startswith("Traceback")
    assert (finished.returncode, finished.stderr) == (1, "")


def test_uncaught_exception_of_a_command_is_one_line(project: Project) -> None:
    finished = project.manage("dumpdata", "nothing", "--traceback", check=False)
    [line] = json_lines(finished.stdout)
    assert line["event"] == "process_crashed"
    assert "Traceback" not in finished.stderr


def test_uncaught_exception_of_a_thread_is_one_line(project: Project) -> None:
    code = """
import shop, threading
for target in (shop.pay, exit):
    thread = threading.Thread(target=target, name="payments")
    thread.start()
    thread.join()
"""
    finished = run(project, code)
    [line] = json_lines(finished.stdout)
    assert (line["event"], line["level"]) == ("thread_crashed", "error")
    assert line["thread.name"] == "payments"
    assert line["error.message"] == "no funds"
    assert (finished.returncode, finished.stderr) == (0, "")


def test_uncaught_exceptions_of_an_event_loop_are_one_line_each(
    project: Project,
) -> None:
    code = """
import asyncio, shop

async def pay():
    shop.pay()

async def main():
    task = asyncio.create_task(pay())
    await asyncio.wait([task])
    del task
    asyncio.get_running_loop().call_soon(shop.pay)
    await asyncio.sleep(0)
    await asyncio.sleep(0)

asyncio.run(main())
"""
    finished = run(project, code)
    lines = json_lines(finished.stdout)
    assert [line["error.at"] for line in lines] == ["shop.py:2 in pay"] * 2
    assert {line["logger"] for line in lines} == {"asyncio"}
    assert finished.stderr == ""


def test_warning_that_is_shown_is_one_line(project: Project) -> None:
    finished = run(project, "import warnings\nwarnings.warn('old')\n")
    [line] = json_lines(finished.stdout)
    assert (line["logger"], line["level"]) == ("py.warnings", "warning")
    assert "UserWarning: old" in line["event"]
    assert finished.stderr == ""


def test_hooks_of_the_project_are_still_called(project: Project) -> None:
    """Those that were there before, with the arguments of Python."""
    code = """
import sys, threading, warnings
sys.excepthook = lambda kind, error, traceback: print("mine", error)
threading.excepthook = lambda args: print("mine", args.exc_value, args.thread.name)
warnings.showwarning = lambda message, *_: print("mine", message)
import django
django.setup()
import shop
warnings.warn("old")
thread = threading.Thread(target=shop.pay, name="payments")
thread.start()
thread.join()
shop.pay()
"""
    finished = project.run("python", "-c", code, check=False)
    own = [row for row in finished.stdout.splitlines() if row.startswith("mine")]
    assert own == ["mine old", "mine no funds payments", "mine no funds"]
    events = [line["event"] for line in json_lines(finished.stdout)]
    assert events == ["thread_crashed", "process_crashed"]


def test_sentry_has_one_event_for_one_crash(project: Project) -> None:
    finished = project.run(
        "python", "-c", f"{SENTRY}{SETUP}import shop\nshop.pay()\n", check=False
    )
    assert finished.stdout.count("sentry no funds") == 1
    [line] = json_lines(finished.stdout)
    assert line["event"] == "process_crashed"


@pytest.mark.parametrize("code", ["raise KeyboardInterrupt", "raise SystemExit(3)"])
def test_what_ends_a_process_as_it_should_is_no_crash(
    project: Project, code: str
) -> None:
    ours = run(project, code)
    bare = run(project, code, TELEMETRY_ENABLED="false")
    assert (ours.returncode, ours.stdout) == (bare.returncode, "")
    assert ours.stderr == bare.stderr


def test_exception_at_an_interactive_prompt_is_shown(project: Project) -> None:
    finished = subprocess.run(
        [project.bin / "python", "-i", "-c", SETUP],
        cwd=project.folder,
        env={"DJANGO_SETTINGS_MODULE": "config.settings"},
        input="1/0\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert "ZeroDivisionError: division by zero" in finished.stderr
    assert finished.stdout == ""


@pytest.mark.parametrize(
    "environ", [{"TELEMETRY_ENABLED": "false"}, {"LOG_LEVEL": "CRITICAL"}]
)
def test_what_has_no_line_is_written_by_python(
    project: Project, environ: dict[str, str]
) -> None:
    code = "import shop, threading\nthreading.Thread(target=shop.pay).start()\n"
    finished = run(project, code, **environ)
    assert finished.stdout == ""
    assert "ValueError: no funds" in finished.stderr


def test_project_that_configures_logging_itself_is_left_alone(
    project: Project, tmp_path: Path
) -> None:
    project.write(
        "config/own.py", "from config.settings import *\nLOGGING_CONFIG = None\n"
    )
    finished = run(
        project, "import shop\nshop.pay()\n", DJANGO_SETTINGS_MODULE="config.own"
    )
    assert finished.stdout == ""
    assert "ValueError: no funds" in finished.stderr
