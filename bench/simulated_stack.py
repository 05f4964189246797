"""A platform on a cluster that simulates its databases (dbaas-devcluster --synthetic). Most parts start with it."""

import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'test', 'system'))

from fill import Client, count, fill, progress  # noqa: E402
from measure import Watched  # noqa: E402
from stack import Stack, wait_until  # noqa: E402


def is_usual(options):
    """Returns whether the targets apply: at most 10,000 databases and at most 10,000 scrapes per 30 s."""
    return options.count <= 10_000 and options.count / options.interval <= 10_000 / 30


class SimulatedStack(Stack):
    """A context manager. The cluster simulates at most `capacity` databases; fill() creates them."""

    def __init__(self, options, capacity):
        super().__init__()
        self.options, self.capacity = options, capacity
        self.created_after = self.running_after = 0

    def __enter__(self):
        try:
            self.start_cluster('--synthetic', str(self.capacity), '--seed', str(self.options.seed), '--log-level', 'warning')
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
        self.created_after, self.running_after = fill(self.base, wanted, report=progress)
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
        """Waits until each database was scraped, then one interval more, because the first rounds are closer together."""
        self.wait_for_first_scrapes(3 * interval + 30 + self.capacity / 100)
        time.sleep(interval)

    def wait_for_first_scrapes(self, seconds):
        try:
            wait_until(lambda: self.stats()['simulator']['never_scraped'] == 0, seconds, 'a first scrape of every database')
        except AssertionError as error:
            raise AssertionError(f'{error}: {self.without_metrics()}') from error

    def without_metrics(self):
        """Returns a text about the databases without a scrape, from the platform and the cluster, for the report of a failure."""
        client, texts = Client(self.base), []
        for item in self.all_items():
            metrics = client.send('GET', f"/api/v1/databases/{item['id']}/metrics")[1]
            if not metrics['last_updated']:
                texts.append(f"{item['name']} is {item['status']['phase']}, {metrics['status']} {metrics['reason']}")
        return f"{self.stats()['simulator']['never_scraped']} never scraped; without metrics: {len(texts)}; {'; '.join(texts[:3])}"

    def change_cluster(self, method, path, body):
        response = self.request_cluster(method, path, body)
        assert response.status == 200, response.text
        return response.json

    def stats(self):
        response = self.request_cluster('GET', '/devcluster/stats')
        assert response.status == 200, response.text
        return response.json

    def set_faults(self, **faults):
        self.change_cluster('POST', '/devcluster/faults', faults)

    def degrade(self, redis, was_reported, tries=5):
        """Patches a status until was_reported(seconds) is true.

        Returns the time of the last patch and the number of patches without effect. The simulated cluster restores the status after
        20 to 220 ms. On a busy machine the platform may read the object later than that. The platform reports the current state, not
        each change in between.
        """
        for reverted in range(tries):
            begun = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
            self.change_cluster('PATCH', f"/apis/kubedb.com/v1/namespaces/dbaas-{redis['project']}/redises/{redis['name']}/status",
                                {'status': {'phase': 'NotReady'}})
            if was_reported(2):
                return begun, reverted
        raise AssertionError(f"{redis['name']} was degraded {tries} times without a report of it")

    def items(self, query=''):
        return Client(self.base).send('GET', f'/api/v1/databases?limit=500{query}')[1]['items']

    def all_items(self):
        items, after = [], ''
        while after is not None:
            response = Client(self.base).send('GET', '/api/v1/databases?limit=500' + (f'&cursor={after}' if after else ''))[1]
            items += response['items']
            after = response['next_cursor']
        return items

    def port(self):
        return int(self.base.rsplit(':', 1)[1])

    @staticmethod
    def gaps(simulator, interval):
        """Returns how many scrapes of one database came at most 1 s later than the interval, and how many came later."""
        counts = {float(gap): times for gap, times in simulator['gaps'].items()}
        late = sum(times for gap, times in counts.items() if gap > interval + 1)
        return sum(counts.values()) - late, late
