"""A small HTTP client for the tests and benchmarks. It never uses a proxy, because all servers are on this machine."""

import functools
import json
import urllib.error
import urllib.request


class Response:
    def __init__(self, status, headers, text):
        self.status, self.headers, self.text = status, headers, text

    @property
    def json(self):
        return json.loads(self.text)


@functools.cache
def opener(context=None):
    return urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))


def exchange(method, url, body=None, headers=None, timeout=30, context=None):
    """Sends one request and returns the response, whatever its status.

    A body that is not bytes is sent as JSON. The media type is merge patch for PATCH unless `headers` sets another.
    Errors: OSError (no response).
    """
    data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
    request = urllib.request.Request(url, data, dict(headers or {}), method=method)
    if data is not None and not request.has_header('Content-type'):
        request.add_header('Content-Type', 'application/merge-patch+json' if method == 'PATCH' else 'application/json')
    try:
        with opener(context).open(request, timeout=timeout) as response:
            return Response(response.status, response.headers, response.read().decode())
    except urllib.error.HTTPError as error:
        return Response(error.code, error.headers, error.read().decode())
