"""Labels name the resources of a path."""

from typing import Any
from unittest.mock import patch

from django.test import SimpleTestCase

from ..labels import RESOURCES, extract_labels

UUID = "3f1b2c9e-0000-4000-8000-0123456789ab"

SOME = {
    "draft": "draft",
    "drafts": "draft",
    "draft_pick": "draft_pick",
    "tournaments": "tournament",
    "users": "user",
}

PATHS: list[tuple[str, dict[str, Any]]] = [
    ("/about/5/", {}),
    ("/tournaments/", {"labels": ["tournament"]}),
    (
        "/api/tournaments/5/draft/12/",
        {"labels": ["tournament", "draft"], "tournament.id": 5, "draft.id": 12},
    ),
    ("/ws/draft/12", {"labels": ["draft"], "draft.id": 12}),
    (f"/drafts/{UUID.upper()}/", {"labels": ["draft"], "draft.id": UUID}),
    ("/draft-pick/3/", {"labels": ["draft_pick"], "draft_pick.id": 3}),
    ("/users/42/", {"labels": ["user"], "path.user.id": 42}),
    ("/usersettings/5/", {}),
    ("/drafts/1/drafts/2/", {"labels": ["draft"], "draft.id": 1}),
]


class LabelTests(SimpleTestCase):
    def test_paths(self) -> None:
        with patch.dict(RESOURCES, SOME, clear=True):
            for path, expected in PATHS:
                with self.subTest(path=path[:60]):
                    self.assertEqual(
                        list(extract_labels(path).items()), list(expected.items())
                    )

    def test_each_resource_is_a_label(self) -> None:
        for segment, label in RESOURCES.items():
            self.assertEqual(extract_labels(f"/{segment}/"), {"labels": [label]})
