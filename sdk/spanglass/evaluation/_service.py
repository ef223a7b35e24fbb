"""Examples from the service's datasets, and results in its experiments."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote, urlencode

from spanglass import _state
from spanglass.evaluation._example import Example, Result

_TIMEOUT_S: Final = 60.0
#: Results that one request carries at most; they wait for no other.
_PIECE: Final = 100
_PAGE: Final = 200


class Experiment:
    """A run of the service: a dataset's examples, and what came of them.

        experiment = spanglass.Experiment("short-answers", dataset="returns", split="test")
        report = spanglass.evaluate(answer, experiment.examples(), keeper=experiment)

    The same name again goes on with the run; for another dataset or version it is refused.

    Args:
        name: of the run.
        dataset: whose examples.
        version: of the dataset; 0 for the newest, which is then kept to.
        split: only these examples.
        target: what is run, in words.
        web_url: of the service; by default as `init` has it.
        api_key: of scope admin, with the payload grant; by default as `init` has it.
        project: whose; by default the key's own.

    Raises:
        ValueError: the service refuses it; the message says why.
        OSError: the service can't be reached.
    """

    def __init__(
        self,
        name: str,
        *,
        dataset: str,
        version: int = 0,
        split: str = "",
        target: str = "",
        web_url: str = "",
        api_key: str = "",
        project: str = "",
    ) -> None:
        runtime = _state.runtime
        settings = runtime.settings if runtime is not None else None
        self._url = (web_url or (settings.web if settings else "http://127.0.0.1:8400")).rstrip("/")
        self._key = api_key or (settings.api_key if settings else "")
        self._params = {"project": project} if project else {}
        self._lock = threading.Lock()
        self.name = name
        said = self._ask(
            "PUT", f"/api/v1/experiments/{quote(name, safe='')}",
            {"dataset": dataset, "version": version, "split": split, "target": target},
        )  # fmt: skip
        self.dataset = dataset
        self.split = split
        #: The version that the run keeps to.
        self.version = int(said["version"])

    def examples(self) -> list[Example]:
        """The examples of its dataset."""
        found = []
        cursor = ""
        path = f"/api/v1/datasets/{quote(self.dataset, safe='')}/items"
        while True:
            page = self._ask(
                "GET", path, None, version=self.version, split=self.split, cursor=cursor,
                limit=_PAGE,
            )  # fmt: skip
            found += [
                Example(
                    each["input"], each["expected"], each["metadata"], each["split"], each["id"]
                )
                for each in page["items"]
            ]
            cursor = page["next"]
            if not cursor:
                return found

    def done(self) -> list[Result]:
        """Results that the service has."""
        found = []
        cursor = ""
        while True:
            page = self._ask("GET", self._results, None, cursor=cursor, limit=_PAGE)
            found += [Result.read(each) for each in page["items"]]
            cursor = page["next"]
            if not cursor:
                return found

    def keep(self, results: Sequence[Result]) -> None:
        """Sends results; they are stored when this returns."""
        for first in range(0, len(results), _PIECE):
            some = [each.document() for each in results[first : first + _PIECE]]
            with self._lock:
                self._ask("POST", self._results, {"results": some})

    @property
    def _results(self) -> str:
        return f"/api/v1/experiments/{quote(self.name, safe='')}/results"

    def _ask(self, method: str, path: str, body: Any = None, **params: Any) -> Any:
        asked = urlencode({**self._params, **params})
        headers = {"Content-Type": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        request = urllib.request.Request(  # noqa: S310 - the address is the operator's
            f"{self._url}{path}" + (f"?{asked}" if asked else ""),
            None if body is None else json.dumps(body).encode(),
            headers,
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            text = error.read(100_000)
            if error.code >= 500:
                raise OSError(f"{self._url} answered {error.code}") from error
            try:
                detail = str(json.loads(text)["detail"])
            except (ValueError, KeyError, TypeError):
                detail = f"it answered {error.code}"
            raise ValueError(f"{self._url}: {detail}") from error
