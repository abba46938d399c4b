"""The faults of `make plant` fit the source. `make plant` itself takes long and is not part of `make test`."""

import unittest
from unittest import mock

from tools import plant


class Plant(unittest.TestCase):
    """The table of faults."""

    def test_every_fault_can_be_planted(self) -> None:
        self.assertEqual(plant.unplantable(), [])

    def test_a_fault_that_cannot_be_planted_names_the_file(self) -> None:
        faults = [("one", "src/no_such_file.rs", "a", "b"), ("two", "src/handler.rs", "no such text", "b")]
        with mock.patch.object(plant, "FAULTS", faults):
            missing, changed = plant.unplantable()
        self.assertIn("src/no_such_file.rs", missing)
        self.assertIn("src/handler.rs: expected this text once, found it 0 times", changed)


if __name__ == "__main__":
    unittest.main()
