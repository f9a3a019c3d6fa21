"""Models and endpoint configurations: made, shown, removed. They never change."""

from collections.abc import Mapping

from watchpost.errors import Refused
from watchpost.runners import Container, NoRunner, Settings, plan
from watchpost.service.clock import Clock
from watchpost.service.endpoints.documents import (
    ENDPOINT_CONFIG,
    MODEL,
    Capture,
    EndpointConfigDocument,
    Members,
    ModelDocument,
    Publishing,
    VariantPlan,
    the_config,
    the_model,
)
from watchpost.service.endpoints.news import EndpointNews
from watchpost.service.registry.tags import write_tags
from watchpost.stores.store import Store, Transaction


class Models:
    """The models."""

    def __init__(self, store: Store, clock: Clock, news: EndpointNews, settings: Settings) -> None:
        self._store, self._clock, self._news, self._settings = store, clock, news, settings

    def create(self, name: str, container: Container, members: Members, tags: Mapping[str, str], actor: str) -> str:
        """Register a model; its ARN. `members`: of the request, for descriptions.

        A container that names its runner is judged now, and any other when an endpoint is to run it: models are also
        registered only to be kept. Raises: Refused: ValidationException.
        """
        if container.variable("WATCHPOST_RUNNER") or container.image.startswith(("http://", "https://")):
            try:
                plan(container, self._settings)
            except NoRunner as problem:
                raise Refused("ValidationException", str(problem)) from problem
        now = self._clock.now()
        model = ModelDocument(name, self._news.arn("model", name), now, container, members)

        def work(tx: Transaction) -> None:
            if tx.get(MODEL, name) is not None:
                raise Refused("ValidationException", f'Cannot create already existing model "{model.arn}".')
            tx.put(MODEL, name, model)
            write_tags(tx, model.arn, tags, now)
            self._news.model(tx, model, "create", actor, now)

        self._store.write(work)
        return model.arn

    def describe(self, name: str) -> ModelDocument:
        """The model. Raises: Refused: ValidationException."""
        return self._store.read(lambda tx: the_model(tx, name, self._news.arn("model", name)))

    def all(self) -> list[ModelDocument]:
        """All models, by name."""
        return self._store.read(lambda tx: [model for _, model in tx.scan(MODEL)])

    def delete(self, name: str, actor: str) -> None:
        """Remove the model; endpoints that run it go on. Raises: Refused: ValidationException."""
        now = self._clock.now()

        def work(tx: Transaction) -> None:
            model = the_model(tx, name, self._news.arn("model", name))
            tx.delete(MODEL, name)
            self._news.model(tx, model, "delete", actor, now)

        self._store.write(work)


class EndpointConfigs:
    """The endpoint configurations."""

    def __init__(self, store: Store, clock: Clock, news: EndpointNews, settings: Settings) -> None:
        self._store, self._clock, self._news, self._limits = store, clock, news, settings.limits

    def create(
        self,
        name: str,
        variants: tuple[VariantPlan, ...],
        shadows: tuple[VariantPlan, ...],
        capture: Capture | None,
        publishing: Publishing,
        members: Members,
        tags: Mapping[str, str],
        actor: str,
    ) -> str:
        """Make a configuration; its ARN. `members`: of the request, for descriptions.

        Raises: Refused: ValidationException.
        """
        self._check(variants, shadows)
        now = self._clock.now()
        arn = self._news.arn("endpoint-config", name)
        config = EndpointConfigDocument(name, arn, now, variants, shadows, capture, publishing, members)

        def work(tx: Transaction) -> None:
            if tx.get(ENDPOINT_CONFIG, name) is not None:
                told = f'Cannot create already existing endpoint configuration "{arn}".'
                raise Refused("ValidationException", told)
            for variant in (*variants, *shadows):
                the_model(tx, variant.model, self._news.arn("model", variant.model))
            tx.put(ENDPOINT_CONFIG, name, config)
            write_tags(tx, arn, tags, now)
            self._news.config(tx, config, "create", actor, now)

        self._store.write(work)
        return arn

    def describe(self, name: str) -> EndpointConfigDocument:
        """The configuration. Raises: Refused: ValidationException."""
        return self._store.read(lambda tx: the_config(tx, name, self._news.arn("endpoint-config", name)))

    def all(self) -> list[EndpointConfigDocument]:
        """All configurations, by name."""
        return self._store.read(lambda tx: [config for _, config in tx.scan(ENDPOINT_CONFIG)])

    def delete(self, name: str, actor: str) -> None:
        """Remove the configuration; endpoints that came of it go on. Raises: Refused: ValidationException."""
        now = self._clock.now()

        def work(tx: Transaction) -> None:
            config = the_config(tx, name, self._news.arn("endpoint-config", name))
            tx.delete(ENDPOINT_CONFIG, name)
            self._news.config(tx, config, "delete", actor, now)

        self._store.write(work)

    def _check(self, variants: tuple[VariantPlan, ...], shadows: tuple[VariantPlan, ...]) -> None:
        names = [variant.name for variant in (*variants, *shadows)]
        if len(set(names)) != len(names):
            raise Refused("ValidationException", "Production variant names must be unique within an endpoint.")
        if shadows and (len(variants) != 1 or len(shadows) != 1):
            told = "ShadowProductionVariants needs exactly one ProductionVariant and one ShadowProductionVariant."
            raise Refused("ValidationException", told)
        if sum(variant.weight for variant in variants) <= 0:
            raise Refused("ValidationException", "At least one production variant must have a weight above 0.")
        for variant in (*variants, *shadows):
            check_instances(variant.name, variant.instances, self._limits.processes)


def check_instances(variant: str, instances: int, most: int) -> None:
    """Raises: Refused: ResourceLimitExceeded: more processes than the server's owner allows."""
    if instances > most:
        raise Refused(
            "ResourceLimitExceeded",
            f"Variant {variant} asks for {instances} instances; this server runs at most {most} processes of a variant "
            "(processes under [limits] in runners.toml).",
        )
