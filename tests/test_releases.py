"""Projects get from the last release to the next with what they have edited."""

from __future__ import annotations

from typing import Any

import pytest

from .support import REPOSITORY, Template, commit, export, git
from .support.releases import ANCHOR, IMPROVEMENT, add_to_lists, files, next_release
from .test_updates import EVERYTHING, NOTHING, project_of, tree, unmerged


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """A clone with the last release and, made from the work tree, a next one.

    Before the first release, the last commit is the last release.
    """
    folder = tmp_path_factory.mktemp("releases") / "template"
    git(folder.parent, "clone", "--quiet", str(REPOSITORY), folder.name)
    template = Template.at(folder)
    if not tags(template):
        git(folder, "tag", "v1.0.0")
    git(folder, "checkout", "--quiet", tags(template)[-1])
    git(folder, "rm", "--quiet", "-r", "copier.yml", "hooks", "template")
    export(folder)
    next_release(template, "v999.0.0")
    return template


def tags(template: Template) -> list[str]:
    return git(template.folder, "tag", "--list", "v*", "--sort=v:refname").split()


@pytest.mark.parametrize(
    "answers", [NOTHING, EVERYTHING], ids=["nothing", "everything"]
)
def test_a_project_of_the_last_release_updates_to_the_next(
    releases: Template, answers: dict[str, Any]
) -> None:
    """No conflict, no file lost or renamed, and the result is a fresh copy's."""
    last, new = tags(releases)[-2:]
    with project_of(releases, last, **answers) as project:
        before = tree(project).keys()
        releases.update(project)
        assert unmerged(project) == []
        assert before <= tree(project).keys()
        assert "telemetry/internals/climate.py" in tree(project)
        assert "telemetry/internals/weather.py" not in tree(project)
        with project_of(releases, new, **answers) as fresh:
            assert tree(project) == tree(fresh)
        commit(project)
        releases.update(project, log_weather=True)
        assert "telemetry/internals/weather.py" in tree(project)


def test_entries_of_a_release_and_of_the_project_do_not_conflict(
    releases: Template,
) -> None:
    """The release adds at the end of every list, the project at the top and below."""
    last, _ = tags(releases)[-2:]
    with project_of(releases, last, **EVERYTHING) as project:
        package = project / "telemetry"
        lists = {
            file: add_to_lists(file, top="# At the top.", below="# Below.")
            for file in files(package)
        }
        assert sum(lists.values()) >= 15
        commit(project)
        releases.update(project)
        assert unmerged(project) == []
        for file, number in lists.items():
            text = file.read_text()
            assert IMPROVEMENT in text
            for each in range(number):
                assert f"# Below. {each}\n" in text
                assert f"# At the end, by this release. {each}\n" in text


def test_lists_that_people_extend_have_an_anchor(releases: Template) -> None:
    last, _ = tags(releases)[-2:]
    with project_of(releases, last, **EVERYTHING) as project:
        text = (project / "telemetry" / "fields.py").read_text()
        returned = text.count("    return {\n")
        assert returned >= 8
        assert text.count(f"        {ANCHOR}\n    }}\n") == returned
