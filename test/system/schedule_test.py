#!/usr/bin/env python3
"""The schedule of a database with a real Redis. The windows contain the present time, so that no test waits for an edge."""

import datetime
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from process import run  # noqa: E402
from stack import Stack, wait_until  # noqa: E402

DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']


def window(begin, end):
    """Returns a schedule with one window per day, from and to these numbers of hours after the present time."""
    now = datetime.datetime.now(datetime.timezone.utc)
    times = [(now + datetime.timedelta(hours=hours)).strftime('%H:%M') for hours in (begin, end)]
    return {'utc_offset': '+00:00', 'off': [{'days': DAYS, 'from': times[0], 'to': times[1]}]}


class Schedule(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack()
        cls.addClassCleanup(cls.stack.close)
        cls.stack.start()

    def patch(self, database, body, status):
        response = self.stack.patch(f'/api/v1/databases/{database}', body)
        self.assertEqual(response.status, status, response.text)
        return response.json['database']

    def read(self, database):
        return self.stack.get(f'/api/v1/databases/{database}').json

    def scheduled_operations(self, database):
        items = self.stack.get(f'/api/v1/databases/{database}/operations').json['items']
        return [(each['kind'], each['phase']) for each in items if each['requested_by'] == 'schedule']

    def test_a_window_pauses_at_once_and_a_change_by_hand_wins_until_the_next_edge(self):
        stack = self.stack
        database = stack.created('nightly')
        stack.wait_for(database, 'running')
        path = f'/api/v1/databases/{database}'
        plan = window(-2, 2)
        self.assertEqual(self.patch(database, {'schedule': plan}, 200)['schedule'], plan)
        stack.wait_for(database, 'paused')
        wait_until(lambda: self.scheduled_operations(database) == [('pause', 'succeeded')], what='the pause')
        self.assertEqual(self.read(database)['next_schedule_change'], 'resume')
        tag = stack.get(path).headers['ETag']
        self.assertEqual(stack.get(path, headers={'If-None-Match': tag}).status, 304)

        def audited():
            rows = stack.get(f'/api/v1/audit?actor=schedule&database={database}').json['items']
            return [each['outcome'] for each in rows] == ['started', 'success']
        wait_until(audited, what='the rows of the audit log')

        self.patch(database, {'paused': False}, 202)
        stack.wait_for(database, 'running')
        stack.kill_platform()
        stack.start_platform()
        self.assertEqual(stack.phase(database), 'running')
        self.assertEqual(self.read(database)['schedule'], plan)
        self.assertEqual(len(self.scheduled_operations(database)), 1)

        self.assertFalse(self.patch(database, {'schedule': window(3, 4)}, 200)['paused'])
        self.patch(database, {'schedule': window(-1, 3)}, 200)
        stack.wait_for(database, 'paused')
        self.assertTrue(self.patch(database, {'schedule': None}, 200)['paused'])
        self.patch(database, {'paused': False}, 202)
        stack.wait_for(database, 'running')
        self.assertEqual([kind for kind, _ in self.scheduled_operations(database)], ['pause', 'pause'])
        self.assertIn('dbaas_schedule_changes_total{action="pause",result="ok"} 1', stack.get('/metrics').text)

    def test_a_new_database_runs_once_before_its_window_pauses_it(self):
        database = self.stack.created('trial', schedule=window(-2, 2))
        self.stack.wait_for(database, 'paused')
        items = self.stack.get(f'/api/v1/databases/{database}/operations').json['items']
        self.assertEqual({(each['kind'], each['requested_by'] == 'schedule') for each in items}, {('create', False), ('pause', True)})
        self.assertIn(('create', 'succeeded'), {(each['kind'], each['phase']) for each in items})

    def test_a_schedule_without_an_hour_to_run_is_rejected(self):
        response = self.stack.create('never', schedule={'off': [{'days': DAYS, 'from': '08:00', 'to': '08:00'}]})
        self.assertEqual((response.status, [(each['pointer'], each['code']) for each in response.json['errors']]),
                         (422, [('/schedule/off', 'always_off')]))


if __name__ == '__main__':
    run(unittest.main)
