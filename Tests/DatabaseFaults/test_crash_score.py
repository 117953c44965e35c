"""Tests of what the crash score counts: python3 -m unittest discover Tests/DatabaseFaults"""

import unittest

from crash_score import Score, ghosts


class GhostTests(unittest.TestCase):
    def test_one_request_for_each_attempt_is_as_it_should_be(self):
        self.assertEqual(ghosts([(1000, None), (5000, None)], [1040, 5020]), 0)
        # One that never left, and one that came before its attempt was given up.
        self.assertEqual(ghosts([(1000, 3000), (5000, None)], [5020]), 0)
        self.assertEqual(ghosts([(1000, 3000), (5000, None)], [2990, 5020]), 0)

    def test_a_request_after_its_attempt_was_given_up_is_one(self):
        self.assertEqual(ghosts([(1000, 3000)], [3100]), 1)
        self.assertEqual(ghosts([(1000, 3000), (5000, None)], [3100, 5020]), 1)

    def test_so_is_one_of_two_after_the_next_attempt_began(self):
        self.assertEqual(ghosts([(1000, 3000), (5000, None)], [5010, 5020]), 1)
        self.assertEqual(ghosts([(1000, None), (5000, None)], [1010, 1020, 5020]), 1)

    def test_so_is_one_without_an_attempt(self):
        self.assertEqual(ghosts([(1000, None)], [500, 1020]), 1)
        self.assertEqual(ghosts([], [500]), 1)


class ScoreTests(unittest.TestCase):
    def test_everything_counts_but_what_is_undecided(self):
        self.assertTrue(Score(runs=1, faults=2, undecided=3).is_good)
        for name in ("lost", "duplicated", "inconsistent", "ghosts", "stuck"):
            self.assertFalse(Score({name: 1}).is_good, name)

    def test_assets_beside_the_one_in_use_count_when_nobody_names_them(self):
        score = Score({"runs": 1, "surplus": 2, "not reported": 0})
        self.assertTrue(score.is_good)
        self.assertTrue(str(score).endswith("stuck 0, surplus 2, not reported 0"))
        self.assertFalse(Score({"not reported": 1}).is_good)

    def test_the_line_has_every_column(self):
        score = Score(runs=1, faults=3, kill=1, cut=2, ghosts=4, owner_died=5, owner_lost=6)
        self.assertEqual(
            str(score),
            "runs 1, faults 3 (kill 1, cut 2), given up at once 5, after the wait 6: lost 0, duplicated 0, undecided 0, inconsistent 0, ghosts 4, stuck 0",
        )


if __name__ == "__main__":
    unittest.main()
