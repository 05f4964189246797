"""A platform over a cluster that plays its databases (dbaas-devcluster --synthetic): what most parts begin with."""

import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'test', 'system'))

from fill import Client, count, fill, progress  # noqa: E402
from measure import Watched  # noqa: E402
from stack import Stack, wait_until  # noqa: E402


def is_usual(how):
    """Whether the targets are meant for so many databases and scrapes: ten thousand, each half a minute."""
    return how.count <= 10_000 and how.count / how.interval <= 10_000 / 30


class Played(Stack):
    """For `with`. `capacity` databases at most; fill() makes so many."""

    def __init__(self, how, capacity):
        super().__init__()
        self.how, self.capacity = how, capacity
        self.created_after = self.running_after = 0

    def __enter__(self):
        try:
            self.start_cluster('--synthetic', str(self.capacity), '--seed', str(self.how.seed), '--log-level', 'warning')
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def begin(self, interval, **env):
        self.start_platform(interval=interval, **env)
        self.wait_for_engine('redis')
        return Watched(self.platform.pid)

    def fill(self, wanted):
        self.created_after, self.running_after = fill(self.base, wanted, say=progress)
        progress('')

    def stop_platform(self):
        self.platform.terminate()
        self.platform.wait(60)

    def restart(self, interval, **env):
        self.stop_platform()
        return self.begin(interval, **env)

    def wait_until_running(self, wanted):
        client = Client(self.base)
        wait_until(lambda: count(client, 'running') >= wanted, 60 + wanted / 50, f'{wanted} databases running')

    def wait_for_first_round(self, interval):
        """Each was scraped; and one interval more, because the first rounds are closer together."""
        self.wait_for_first_scrapes(3 * interval + 30 + self.capacity / 100)
        time.sleep(interval)

    def wait_for_first_scrapes(self, seconds):
        try:
            wait_until(lambda: self.stats()['simulator']['never_scraped'] == 0, seconds, 'a first scrape of everything')
        except AssertionError as error:
            raise AssertionError(f'{error}: {self.without_metrics()}') from error

    def without_metrics(self):
        """What the platform and the cluster say of databases without a scrape, for the report of a failure."""
        client, found = Client(self.base), []
        for each in self.all_items():
            metrics = client.ask('GET', f"/api/v1/databases/{each['id']}/metrics")[1]
            if not metrics['last_updated']:
                found.append(f"{each['name']} is {each['status']['phase']}, {metrics['status']} {metrics['reason']}")
        return f"{self.stats()['simulator']['never_scraped']} never scraped; without metrics: {len(found)}; {'; '.join(found[:3])}"

    def tell_cluster(self, method, path, body):
        answer = self.request_cluster(method, path, body)
        assert answer.status == 200, answer.text
        return answer.json

    def stats(self):
        answer = self.request_cluster('GET', '/devcluster/stats')
        assert answer.status == 200, answer.text
        return answer.json

    def set_faults(self, **faults):
        self.tell_cluster('POST', '/devcluster/faults', faults)

    def make_ill(self, redis, was_told, tries=5):
        """Patches a status until was_told(seconds) says that it was told; the time of the last patch, and how many had no effect.

        The played cluster mends it after 20 to 220 ms. On a busy machine nobody may have looked by then; what is told is the state, not
        each change on the way.
        """
        for undone in range(tries):
            begun = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
            self.tell_cluster('PATCH', f"/apis/kubedb.com/v1/namespaces/dbaas-{redis['project']}/redises/{redis['name']}/status",
                              {'status': {'phase': 'NotReady'}})
            if was_told(2):
                return begun, undone
        raise AssertionError(f"{redis['name']} was ill {tries} times, and nothing was told")

    def items(self, query=''):
        return Client(self.base).ask('GET', f'/api/v1/databases?limit=500{query}')[1]['items']

    def all_items(self):
        items, after = [], ''
        while after is not None:
            answer = Client(self.base).ask('GET', '/api/v1/databases?limit=500' + (f'&cursor={after}' if after else ''))[1]
            items += answer['items']
            after = answer['next_cursor']
        return items

    def port(self):
        return int(self.base.rsplit(':', 1)[1])

    @staticmethod
    def gaps(simulator, interval):
        """Between two scrapes of one database: how many were on time, within a second of the interval, and how many late."""
        counts = {float(gap): times for gap, times in simulator['gaps'].items()}
        late = sum(times for gap, times in counts.items() if gap > interval + 1)
        return sum(counts.values()) - late, late
