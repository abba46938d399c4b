"""The faults of `make plant` fit the source. `make plant` itself takes long and is not part of `make test`."""

import unittest

from tools import plant
from tools.planted import FAULTS, PLANTED, Fault


class Plant(unittest.TestCase):
    """The table of faults."""

    def test_every_fault_can_be_planted(self) -> None:
        _, problems = plant.planted_sources()
        self.assertEqual(problems, [])

    def test_every_fault_is_active_only_if_it_is_chosen(self) -> None:
        self.assertEqual([fault.what for fault in FAULTS if PLANTED not in fault.planted], [])

    def test_faults_in_one_file_have_conditions_of_their_own(self) -> None:
        faults = [Fault("one", "src/lib.rs", "pub mod apply;", "PLANTED pub mod apply;")]
        faults.append(Fault("two", "src/lib.rs", "pub mod aws;", "PLANTED pub mod aws;"))
        sources, problems = plant.planted_sources(faults)
        self.assertEqual(problems, [])
        self.assertIn("crate::planted(0) pub mod apply;\ncrate::planted(1) pub mod aws;", sources["src/lib.rs"])

    def test_a_fault_that_cannot_be_planted_names_the_file(self) -> None:
        faults = [
            Fault("one", "src/no_such_file.rs", "a", "b"),
            Fault("two", "src/handler.rs", "no such text", "b"),
        ]
        missing, changed = plant.planted_sources(faults)[1]
        self.assertIn("src/no_such_file.rs", missing)
        self.assertIn("src/handler.rs: expected this text once, found it 0 times", changed)

    def test_a_violation_is_shown_without_values(self) -> None:
        for violation, expected in [
            ("a snapshot is left: green", "a snapshot is left"),
            ("refused: ValidationException: The variant(s)", "refused"),
        ]:
            self.assertEqual(plant.short(violation, "..failures"), expected)
        orphan = "answer to request 0: a success, but Some({1}) is registered"
        self.assertEqual(plant.short(orphan, None), "answer to request 0: a success, but something else is registered")


if __name__ == "__main__":
    unittest.main()
