#!/usr/bin/env python3
"""Unit tests of the check of histories: it reports each kind of violation, and nothing in a correct history."""

import unittest

from history import ACKED, GONE, REJECTED, UNKNOWN, History, Read, Sample, Stored, Write

BOUND = 5


class HistoryTest(unittest.TestCase):
    def setUp(self):
        self.history = History()
        self.clock = 100.0
        self.revision = 0

    def write(self, value, outcome=ACKED, target='a', **fields):
        """Adds a write that takes one second."""
        self.revision += 1
        fields = {'revision': self.revision if outcome == ACKED else 0, 'database': 'db-1', **fields}
        self.history.add(Write(target, value, self.clock, self.clock + 1, outcome, **fields))
        self.clock += 2

    def increment(self, value, outcome=ACKED):
        self.write(value, outcome, is_increment=True)

    def read(self, value, later=0.0, status=200):
        start = self.clock + later
        self.history.add(Read('a', 'r1', start, start + 0.1, 404 if value is GONE and status == 200 else status, value))

    def check(self, value, outages=(), **fields):
        fields = {'database': 'db-1', 'revision': self.revision, **fields}
        return self.history.check({} if value is GONE else {'a': Stored(value, **fields)}, BOUND, outages)

    def assert_violation(self, text, found):
        self.assertTrue(any(text in line for line in found), f'{text}: {found}')

    def test_accepts_a_correct_history(self):
        self.write(0)
        self.write(1, REJECTED)
        self.write(2, UNKNOWN)
        self.write(3)
        self.read(3)
        self.assertEqual(self.check(3), [])
        self.assertEqual(self.check(2), [], 'a write without a response may be applied late')

    def test_reports_a_lost_write(self):
        self.write(0)
        self.write(1)
        self.assert_violation('lost', self.check(0))
        self.assert_violation('lost', self.check(GONE))

    def test_reports_a_write_that_was_applied_twice(self):
        self.write(0)
        self.write(1)
        self.write(2)
        self.assert_violation('applied twice', self.check(1))

    def test_reports_a_rejected_write_that_was_applied(self):
        self.write(0)
        self.write(1, REJECTED)
        self.assert_violation('was rejected', self.check(1))

    def test_reports_a_deleted_database_that_returned(self):
        self.write(0)
        self.write(GONE)
        self.assertEqual(self.check(GONE), [])
        self.assert_violation('applied twice', self.check(0))

    def test_reports_two_databases_of_one_create(self):
        self.write(0)
        self.write(0, database='db-2', revision=0)
        self.assert_violation('has the ids db-1, db-2', self.check(0))
        self.assert_violation('2 objects', self.check(0, objects=2))

    def test_reports_a_database_that_no_client_wrote(self):
        self.assert_violation('no client wrote it', self.check(0))
        self.write(0)
        self.assert_violation('which no client wrote', self.check(7))

    def test_reports_a_revision_that_two_writes_have(self):
        self.write(0)
        self.write(1)
        self.write(2, revision=2)
        self.assert_violation('have revision 2', self.check(2))

    def test_reports_a_revision_that_went_back(self):
        self.write(0, revision=5)
        self.write(1, revision=4)
        self.assert_violation('was returned before', self.check(1, revision=5))
        self.assert_violation('has revision 4, and 5 was acknowledged', self.check(1, revision=4))

    def test_counts_each_increment_once(self):
        self.increment(1)
        self.increment(2, UNKNOWN)
        self.increment(3)
        self.assertEqual(self.check(3), [])
        self.assert_violation('lost', self.check(2))
        self.assert_violation('no client incremented it to 4', self.check(4))
        self.increment(3)
        self.assert_violation('two increments of a to 3', self.check(3))

    def test_reports_an_increment_in_the_middle_that_no_client_sent(self):
        self.increment(1)
        self.increment(3)
        self.assert_violation('no client incremented it to 2', self.check(3))

    def test_reports_a_read_that_is_older_than_the_bound(self):
        self.write(0)
        self.write(1)
        self.read(0, later=BOUND - 2)
        self.assertEqual(self.check(1), [])
        self.read(0, later=BOUND + 1)
        self.assert_violation('stale: r1 returned 0 for a', self.check(1))

    def test_reports_a_database_that_a_replica_does_not_know_after_the_bound(self):
        self.write(0)
        self.read(GONE, later=BOUND + 1)
        self.assert_violation('stale: r1 returned 404', self.check(0))

    def test_an_outage_of_the_store_extends_the_bound(self):
        self.write(0)
        self.write(1)
        self.read(0, later=BOUND + 9)
        for replica in (None, 'r1'):
            self.assertEqual(self.check(1, [(self.clock, self.clock + 10, replica)]), [])
            self.assert_violation('stale', self.check(1, [(self.clock, self.clock + 5, replica)]))
        self.assert_violation('stale', self.check(1, [(self.clock, self.clock + 10, 'r2')]))

    def test_a_deleted_database_may_be_served_and_may_be_missing(self):
        self.write(0)
        self.write(GONE)
        self.read(0, later=BOUND + 1)
        self.read(GONE)
        self.assertEqual(self.check(GONE), [])

    def test_reports_a_read_of_a_value_before_it_was_written(self):
        self.write(0)
        self.read(1)
        self.clock += 2
        self.write(1)
        self.assert_violation('which no client had written', self.check(1))

    def test_reports_reads_that_failed(self):
        self.write(0)
        for status in (0, 503):
            self.read(GONE, status=status)
            self.assert_violation(f'returned {status}', self.check(0))

    def sample(self, since, **fields):
        """Adds a response of 0.1 s with metrics that were scraped `since` seconds before."""
        fields = {'is_fresh': True, 'age': since, **fields}
        self.history.add(Sample('a', 'r1', 1000, 1000.1, last_updated=1000 - since, interval=10, **fields))
        return self.history.check({}, BOUND)

    def test_reports_an_age_that_is_not_true(self):
        self.assertEqual(self.sample(4), [])
        self.assert_violation('the age is 0 s', self.sample(4, age=0))

    def test_reports_old_metrics_that_are_called_fresh(self):
        self.assertEqual(self.sample(40, is_fresh=False), [])
        self.assert_violation('fresh after 40', self.sample(40))

    def test_measures_the_gaps_between_samples(self):
        for time in (10, 30, 12, 14):
            self.history.add(Sample('a', 'r1', time, time, True, 0, time, 2))
        self.assertEqual(self.history.gaps(), {'a': 16})

    def test_passes_violations_of_clients_on(self):
        self.history.add('a write of b returned 500')
        self.assertEqual(self.check(GONE), ['a write of b returned 500'])


if __name__ == '__main__':
    unittest.main()
