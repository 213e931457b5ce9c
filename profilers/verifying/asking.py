"""How a deployment is asked: one of our own models, or a language model's engine."""

from typing import Protocol

import aiohttp
import numpy as np

from planner.domain.verification import Check, Finding
from planner.errors import SpecError
from profilers.verifying import endpoint, openai, payloads
from profilers.verifying.arrivals import Timed
from profilers.verifying.endpoint import About, Endpoint
from profilers.verifying.payloads import Payloads
from profilers.verifying.promise import Promise
from profilers.verifying.traffic import Traffic


class Asking(Protocol):
    """What differs between kinds of deployments; `url` is looked at, `target` asked."""

    url: str
    target: str

    async def look(self, client: aiohttp.ClientSession) -> Endpoint:
        """What is behind the URL."""
        ...

    def payloads(self) -> Payloads:
        """What to send there, in random order."""
        ...

    def identified(self, promise: Promise) -> Check | None:
        """Whether it is the plan's; None where it does not say."""
        ...


class ModelAsking:
    """A server of ours, or one with the same words."""

    def __init__(self, url: str, traffic: Traffic, rng: np.random.Generator) -> None:
        self.url = self.target = endpoint.checked_url(url)
        self._rng = rng
        self._known = _known_payloads(traffic)
        self._about: About | None = None

    async def look(self, client: aiohttp.ClientSession) -> Endpoint:
        """What it says of itself.

        Raises:
            ProfilingError: Nobody listens there.
        """
        found = await endpoint.look_at(client, self.url)
        self._about = found.about
        return found

    def payloads(self) -> Payloads:
        """The user's, the model's, or numbers of the shape that the server takes.

        They go in the form that costs the server least of those it reads.

        Raises:
            SpecError: None of them is known.
        """
        return self._as_read(self._chosen()).shuffled(self._rng)

    def _as_read(self, chosen: Payloads) -> Payloads:
        about = self._about
        if about is None or about.takes is None or payloads.BARE not in about.accepts:
            return chosen
        return chosen.bare(about.takes.shape, about.takes.dtype)

    def _chosen(self) -> Payloads:
        if self._known is not None:
            return self._known
        takes = None if self._about is None else self._about.takes
        if takes is None:
            raise SpecError(
                f"{self.url} does not say what it takes, and the model's own samples "
                "are not here: give --inputs, or --models with the spec's folder"
            )
        return payloads.made_up(takes.shape, takes.dtype, self._rng)

    def identified(self, promise: Promise) -> Check | None:
        """Variant, batch limit and wait, where the server states them."""
        return None if self._about is None else _of_ours(self._about, promise)


def _of_ours(about: About, promise: Promise) -> Check:
    """Whether what a server of ours says it runs is the plan's placement."""
    wrong = endpoint.disagreements(about, promise.placement)
    return Check(
        subject="what runs there",
        finding=Finding.FAIL if wrong else Finding.PASS,
        sentence="; ".join(wrong) or "the plan's model, variant, batch and wait",
    )


def _known_payloads(traffic: Traffic) -> Payloads | None:
    if traffic.inputs is not None:
        return payloads.from_file(traffic.inputs)
    model = traffic.model
    if model is not None and (model.evaluation or model.inputs):
        return payloads.from_model(model)
    return None


class LanguageAsking:
    """An engine behind the OpenAI routes; its answers are read as they stream."""

    def __init__(
        self,
        url: str,
        promise: Promise,
        traffic: Traffic,
        timed: Timed,
        rng: np.random.Generator,
    ) -> None:
        self._route = openai.route(url)
        self.url, self.target = self._route.root, self._route.url
        self._promise, self._traffic, self._timed = promise, traffic, timed
        self._rng = rng
        self._about: About | None = None
        self._served: tuple[str, ...] = ()
        self._planned = (promise.placement.model, *traffic.served_names)

    async def look(self, client: aiohttp.ClientSession) -> Endpoint:
        """How far away it is, the models that it serves, and what a server of ours runs.

        Raises:
            ProfilingError: Nobody listens there, or it serves no language models.
        """
        found = await endpoint.look_at(client, self.url)
        self._about = found.about
        self._served = await openai.served(client, self._route)
        return found

    def payloads(self) -> Payloads:
        """The user's prompts, or made-up ones as long as the plan's (or the trace's).

        Raises:
            SpecError: The model that was named is not served.
        """
        model = openai.chosen(
            self._served, wanted=self._traffic.served_model, planned=self._planned
        )
        promise = self._promise
        if self._traffic.inputs is not None:
            inputs = self._traffic.inputs
            own = openai.from_prompts(inputs, self._route, model, promise.output_tokens)
            return own.shuffled(self._rng)
        n = max(len(self._timed.due_s), 1)
        lengths = openai.Lengths(
            prompt=self._timed.prompt_tokens or [promise.prompt_tokens] * n,
            output=self._timed.output_tokens or [promise.output_tokens] * n,
        )
        return openai.made_up(self._route, model, lengths, self._rng)

    def identified(self, promise: Promise) -> Check | None:
        """Whether the plan's model is among those served, or the user names another."""
        named = self._traffic.served_model
        known = next(
            (n for n in self._served if openai.is_same(n, self._planned)), None
        )
        told = ", ".join(dict.fromkeys(self._served))
        if known is None and named is None:
            return Check(
                subject="what runs there",
                finding=Finding.FAIL,
                sentence=f"another model: it serves {told}, and the plan's is "
                f"{promise.placement.model}; if that is its name there, say so with "
                "--served-model",
            )
        if self._about is not None and named is None:
            return _of_ours(self._about, promise)
        return Check(
            subject="what runs there",
            finding=Finding.PASS,
            sentence=f"it serves {known}" if named is None else f"{named}, as you say",
        )
