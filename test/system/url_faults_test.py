#!/usr/bin/env python3
"""The faults of MongoDB and Redis over other URLs, under load: TLS, client certificates, users with passwords that are
percent-encoded, and Sentinels (README.md: DBAAS_TEST_FULL, DBAAS_TEST_SEED)."""

import unittest
import urllib.parse

from bus_servers import ADMINISTRATOR, SENTINEL_PASSWORD, USER_PASSWORD, SecureRedis, SentinelRedis, TlsFiles
from fault_servers import RedisCluster
from fault_stage import IS_FULL, FaultCase, World, needs_servers
from process import run

USER, PASSWORD = 'db@as:1', 'p/w%?#&=@[:]'


def secrets():
    """Returns the passwords as they are and as they are in a URL."""
    plain = (PASSWORD, USER_PASSWORD, SENTINEL_PASSWORD, ADMINISTRATOR)
    return {text for password in plain for text in (password, urllib.parse.quote(password, safe=''))}


class UrlCase(FaultCase):
    user = None  # the name and password of MongoDB

    @classmethod
    def setUpClass(cls):
        cls.redis = cls.make_redis()
        cls.addClassCleanup(cls.redis.close)
        cls.world = World(replicas=2, redis=cls.redis, user=cls.user)
        cls.addClassCleanup(cls.world.close)

    def check_killed_master(self, name):
        self.check_failover(name, self.redis.kill_master)
        self.check_logs()

    def check_logs(self):
        for replica in self.world.replicas:
            with open(replica.log, encoding='utf-8') as file:
                log = file.read()
            self.assertEqual([text for text in secrets() if text in log], [])


@needs_servers
class SecureUrls(UrlCase):
    """`rediss://` with a CA, a client certificate and an ACL user; MongoDB with a user and a password, SCRAM-SHA-256."""

    user = (USER, PASSWORD)

    @staticmethod
    def make_redis():
        return SecureRedis()

    def test_mongodb_with_a_user_rejects_connections(self):
        self.check_store_outage('scram', 'cut')
        self.assertGreater(self.world.authentication.authenticated, 0)
        self.assertEqual(self.world.authentication.rejected, 0)
        self.check_logs()

    def test_redis_with_tls_is_gone(self):
        self.check_bus_outage('tls', self.redis.stop, self.redis.start)
        for replica in self.world.replicas:
            self.assertEqual(replica.metric('dbaas_redis_connected'), 1)
        # The commands of the rate limits are allowed too.
        denied = [line for line in self.redis.command('acl', 'log').splitlines() if line]
        self.assertEqual(denied, [])
        self.check_logs()


@needs_servers
class SentinelUrl(UrlCase):
    """`redis+sentinel://` with an ACL user and a password of the Sentinels."""

    has_tls = False

    @classmethod
    def make_redis(cls):
        return SentinelRedis(cls.has_tls)

    def test_a_master_is_killed(self):
        self.check_killed_master('sentinel')


@unittest.skipUnless(IS_FULL, 'a part of ./dev prove')
class SentinelUrlWithTls(SentinelUrl):
    has_tls = True


@needs_servers
@unittest.skipUnless(IS_FULL, 'a part of ./dev prove')
class ClusterUrlWithTls(UrlCase):
    @staticmethod
    def make_redis():
        return RedisCluster(TlsFiles)

    def test_a_master_is_killed(self):
        self.check_killed_master('cluster')


if __name__ == '__main__':
    run(lambda: unittest.main(verbosity=2))
