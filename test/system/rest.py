"""One HTTP exchange, for everything that asks from outside. Never through a proxy: what is asked is on this machine."""

import functools
import json
import urllib.error
import urllib.request


class Answer:
    def __init__(self, status, headers, text):
        self.status, self.headers, self.text = status, headers, text

    @property
    def json(self):
        return json.loads(self.text)


@functools.cache
def opener(context=None):
    return urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))


def exchange(method, url, body=None, headers=None, timeout=30, context=None):
    """An answer with any status; OSError when there is none. A body that is not bytes is sent as JSON; its media type is merge
    patch for PATCH unless `headers` says another."""
    data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
    made = urllib.request.Request(url, data, dict(headers or {}), method=method)
    if data is not None and not made.has_header('Content-type'):
        made.add_header('Content-Type', 'application/merge-patch+json' if method == 'PATCH' else 'application/json')
    try:
        with opener(context).open(made, timeout=timeout) as answer:
            return Answer(answer.status, answer.headers, answer.read().decode())
    except urllib.error.HTTPError as error:
        return Answer(error.code, error.headers, error.read().decode())
