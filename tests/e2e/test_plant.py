"""The faults that `make plant` plants in the simulation fit the sources as they are."""

import unittest

from tools.plant import unplantable


class Plant(unittest.TestCase):
    """`make plant`, without the simulation."""

    def test_each_fault_can_be_planted(self) -> None:
        self.assertEqual(unplantable(), [])


if __name__ == "__main__":
    unittest.main()
