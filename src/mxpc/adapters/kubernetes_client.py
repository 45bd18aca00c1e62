"""A lightkube client for a ClusterAccess.

All that lightkube leaves to its HTTP client is done in one transport: the login and its renewal, TLS, proxy, retries,
and errors that are ours. So lightkube itself only ever sees good answers.
"""

from __future__ import annotations

import json
import random
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
from lightkube import Client
from lightkube.config import models
from lightkube.config.kubeconfig import SingleConfig

from mxpc.adapters.kubeconfig import ClusterAccess
from mxpc.adapters.kubernetes_login import Login, log_in, proxy_for
from mxpc.errors import KubernetesError, RequestError

_RETRIED = frozenset({429, 500, 502, 503, 504})


@dataclass(frozen=True)
class Retries:
    """How long to go on: with these figures a server that is gone is given up after about 4 s (refused) to 35 s."""

    attempts: int = 5
    first_pause: float = 0.3
    """Seconds; doubled each time, and varied by half so that many clients do not come back at once."""
    budget: float = 58.0
    """No attempt begins that could end later than this, in seconds."""
    connect_seconds: float = 10.0
    read_seconds: float = 30.0

    def pause(self, attempt: int, retry_after: float) -> float:
        """Seconds to wait after the attempt of this number, counted from 1."""
        jitter = random.uniform(0.5, 1.5)  # noqa: S311 - no secret
        return max(self.first_pause * float(2 ** (attempt - 1)) * jitter, retry_after)


class ApiRefusal(Exception):
    """The server answered with an error of this status; `message` is its own words. Never leaves the adapters.

    `about` is the name of the object that the answer is about; None where the server does not know such objects at all.
    """

    def __init__(self, status: int, message: str, about: str | None = None) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status
        self.message = message
        self.about = about


def connect(access: ClusterAccess, env: Mapping[str, str], retries: Retries | None = None) -> Client:
    """A client to be closed by the caller; no request is sent yet. Its calls raise ApiRefusal and our errors.

    Raises RequestError or KubernetesError when logging in fails.
    """
    # The transport does its own TLS; without `insecure` lightkube loads the system's roots for nothing.
    config = SingleConfig(
        context_name="mxpc",
        context=models.Context(cluster="mxpc"),
        cluster=models.Cluster(server=access.cluster.server, insecure=True),
        user=models.User(),
    )
    retries = retries or Retries()
    timeout = httpx2.Timeout(retries.read_seconds, connect=retries.connect_seconds)
    transport = ApiTransport(access, env, retries)
    return Client(config, timeout=timeout, trust_env=False, transport=transport)


class ApiTransport(httpx2.BaseTransport):
    """Sends requests as the user of a ClusterAccess. One thread."""

    def __init__(self, access: ClusterAccess, env: Mapping[str, str], retries: Retries) -> None:
        self._access = access
        self._variables = env
        self._retries = retries
        self._login, self._inner = self._log_in()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """The whole of a good answer. Raises ApiRefusal or KubernetesError; retries only what changes nothing."""
        response = self._send_patiently(request)
        if response.status_code == 401 and self._login.renewable:
            self._inner.close()
            self._login, self._inner = self._log_in()
            response = self._send_patiently(request)
        if response.status_code >= 300:
            raise _refusal(response)
        if "kind" not in _json_object(response):
            raise KubernetesError(
                f"what answers at {self._access.cluster.server} is not a Kubernetes API",
                evidence=f"no Kubernetes object, Content-Type: {response.headers.get('Content-Type', 'none')}",
                hint="a proxy or a login page may be in between",
            )
        return response

    def close(self) -> None:
        self._inner.close()

    def _log_in(self) -> tuple[Login, httpx2.HTTPTransport]:
        login = log_in(self._access, self._variables)
        try:
            inner = httpx2.HTTPTransport(
                verify=login.tls, trust_env=False, proxy=proxy_for(self._access, self._variables)
            )
        except (ImportError, ValueError):  # no quote of the address, which may have a password
            raise RequestError(
                "the proxy for the Kubernetes API cannot be used", hint="http:// and https:// proxies are supported"
            ) from None
        return login, inner

    def _send_patiently(self, request: httpx2.Request) -> httpx2.Response:
        started = time.monotonic()
        for attempt in range(1, self._retries.attempts + 1):
            failure: httpx2.TransportError | None = None
            response: httpx2.Response | None = None
            try:
                response = self._send(request)
            except httpx2.TransportError as error:
                failure = error
            if response is not None and response.status_code not in _RETRIED:
                return response
            pause = self._retries.pause(attempt, _retry_after(response))
            ends = time.monotonic() - started + pause + self._retries.read_seconds
            if attempt == self._retries.attempts or ends > self._retries.budget or _is_untrusted(failure):
                break
            time.sleep(pause)
        if response is None:
            raise self._unreachable(failure) from failure
        return response

    def _send(self, request: httpx2.Request) -> httpx2.Response:
        for name in {name for name, _ in self._login.headers}:
            request.headers.pop(name, None)
        request.headers = httpx2.Headers([*request.headers.multi_items(), *self._login.headers])
        if self._access.cluster.tls_server_name:
            request.extensions["sni_hostname"] = self._access.cluster.tls_server_name
        response = self._inner.handle_request(request)
        response.request = request
        response.read()
        return response

    def _unreachable(self, failure: httpx2.TransportError | None) -> KubernetesError:
        where = f"{self._access.cluster.server} ({self._access.origin})"
        evidence = f"{type(failure).__name__}: {failure}".removesuffix(": ")
        if _is_untrusted(failure):
            return KubernetesError(
                f"the certificate of the Kubernetes API at {where} is not trusted",
                evidence=evidence,
                hint="check certificate-authority and server of the cluster in the kubeconfig",
            )
        return KubernetesError(
            f"the Kubernetes API at {where} cannot be reached",
            evidence=evidence,
            hint="check network, VPN, proxy and the server in the kubeconfig",
        )


def _retry_after(response: httpx2.Response | None) -> float:
    """Seconds that the server asks to wait; Kubernetes never sends the form with a date."""
    text = response.headers.get("Retry-After", "") if response is not None else ""
    return float(text) if text.isascii() and text.isdigit() else 0.0


def _is_untrusted(failure: BaseException | None) -> bool:
    while failure is not None:
        if isinstance(failure, ssl.SSLCertVerificationError):
            return True
        failure = failure.__cause__ or failure.__context__
    return False


def _refusal(response: httpx2.Response) -> ApiRefusal:
    """Out of a Kubernetes Status, else the beginning of the text."""
    status = _json_object(response)
    if status.get("kind") != "Status":
        return ApiRefusal(response.status_code, response.text.strip()[:300])
    details = status.get("details")
    about = details.get("name") if isinstance(details, dict) else None
    return ApiRefusal(response.status_code, str(status.get("message")), about)


def _json_object(response: httpx2.Response) -> dict[str, Any]:
    """Empty when the body is anything else."""
    try:
        content = json.loads(response.content)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
