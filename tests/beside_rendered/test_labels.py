"""Labels name the resources of a path."""

from typing import Any
from unittest.mock import patch

from django.test import SimpleTestCase

from ..labels import MAX_SEGMENTS, RESOURCES, extract_labels

UUID = "3f1b2c9e-0000-4000-8000-0123456789ab"

SOME = {
    "draft": "draft",
    "drafts": "draft",
    "draft_pick": "draft_pick",
    "draft_picks": "draft_pick",
    "tournament": "tournament",
    "tournaments": "tournament",
    "user": "user",
    "users": "user",
}

PATHS: list[tuple[str, dict[str, Any]]] = [
    ("", {}),
    ("/", {}),
    ("/tournament/5", {"labels": ["tournament"], "tournament.id": 5}),
    ("/api/tournaments/5/", {"labels": ["tournament"], "tournament.id": 5}),
    ("/ws/draft/12/", {"labels": ["draft"], "draft.id": 12}),
    (f"/drafts/{UUID}/", {"labels": ["draft"], "draft.id": UUID}),
    ("/draft-picks/3/", {"labels": ["draft_pick"], "draft_pick.id": 3}),
    ("/drafts/5abc/", {"labels": ["draft"]}),
    ("/drafts/٥/", {"labels": ["draft"]}),
    ("/drafts/-5/", {"labels": ["draft"]}),
    ("/drafts/3f1b2c9e/", {"labels": ["draft"]}),
    (f"/drafts/{'9' * 4000}/", {"labels": ["draft"]}),
    (f"/drafts/{2**63 - 1}/", {"labels": ["draft"], "draft.id": 2**63 - 1}),
    (f"/drafts/{2**63}/", {"labels": ["draft"]}),
    ("/x" * MAX_SEGMENTS + "/drafts/1/", {}),
]


class LabelTests(SimpleTestCase):
    def test_paths(self) -> None:
        with patch.dict(RESOURCES, SOME, clear=True):
            for path, expected in PATHS:
                with self.subTest(path=path[:60]):
                    labels = extract_labels(path)
                    self.assertEqual(labels, expected)
                    self.assertEqual(list(labels), list(expected))
