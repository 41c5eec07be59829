"""The HTTP interface: what can be asked, and how it is answered."""

import asyncio
import contextlib
import json
import urllib.parse
from collections.abc import AsyncIterator, Callable
from typing import Annotated

import numpy as np
from fastapi import Body, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST
from python_multipart.exceptions import FormParserError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from keras_gan_server import images
from keras_gan_server._schemas import (
    PICTURE_BODY,
    PROBLEMS,
    RESULTS,
    TYPES,
    AskedFormat,
    Format,
    ModelDescription,
    Name,
    OneLabel,
    QuerySeed,
    Readiness,
    SampleRequest,
    Truncation,
)
from keras_gan_server.batching import Rows
from keras_gan_server.errors import Refused
from keras_gan_server.guard import Guard
from keras_gan_server.limits import Limits
from keras_gan_server.metrics import Metrics
from keras_gan_server.model import Model
from keras_gan_server.registry import Registry

_FORM = (
    "The form may hold one file, in the field file, and nothing else. Give the label "
    "in the address, as ?label=."
)
_DIRECT_BYTES = 64 * 1024  # of a result that costs less to write than to hand over


def make_app(registry: Registry, limits: Limits, metrics: Metrics) -> FastAPI:
    """Returns the application; `state.draining` says that the server is about to end.

    Args:
        registry: of the models.
        limits: of a request.
        metrics: that `/metrics` shows.
    """

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await asyncio.to_thread(registry.stop)

    app = FastAPI(
        title="keras-gan",
        version="1",
        description="Pictures from exported models.",
        lifespan=lifespan,
    )
    app.state.draining = False
    app.add_middleware(Guard, limits=limits, metrics=metrics)
    _handle_errors(app)

    def found(name: str, verb: str | None = None) -> Model:
        model = registry.models.get(name)
        if model is None:
            known = ", ".join(sorted(registry.models))
            raise Refused(404, f"There is no model {name!r:.100}. There are: {known}.")
        if verb not in (None, model.verb):
            raise Refused(
                404,
                f"{name} cannot {verb}. Ask it at /models/{name}/{model.verb}.",
            )
        return model

    async def computed(model: Model, feed: Rows) -> Rows:
        submitted = registry.batchers[model.name].submit(model, feed)
        return await asyncio.wrap_future(submitted)

    async def sampled(name: str, asked: SampleRequest, request: Request) -> Response:
        model = found(name, "sample")
        written = _format(model, asked.format, request)
        if (asked.seeds is None) == (asked.latent is None):
            raise Refused(422, "Give either seeds or latent vectors.")
        if asked.seeds is not None:
            feed = model.seeded(asked.seeds, asked.labels, asked.truncation)
        elif asked.truncation is not None:
            raise Refused(
                422, "Truncation is of seeds. Leave it out if you give latent vectors."
            )
        else:
            assert asked.latent is not None
            feed = model.given(asked.latent, asked.labels)
        return await _response(model, await computed(model, feed), written)

    async def pictured(
        name: str, verb: str, label: str | None, asked: Format | None, request: Request
    ) -> Response:
        model = found(name, verb)
        written = _format(model, asked, request)
        content = await _content(request)
        feed, keep = await asyncio.to_thread(
            model.pictures, content, label, limits.pixels
        )
        made = await computed(model, feed)
        if keep:
            made = {n: x[:, *keep] if x.ndim == 4 else x for n, x in made.items()}
        return await _response(model, made, written)

    @app.get("/models/{name}/sample", responses=RESULTS, tags=["models"])
    async def sample_one(
        name: Name,
        request: Request,
        seed: Annotated[
            list[QuerySeed],
            Query(description="One picture for each seed.", examples=[[7]]),
        ],
        label: Annotated[
            list[str] | None,
            Query(description="Numbers or names of classes, as in the POST request."),
        ] = None,
        truncation: Annotated[Truncation | None, Query()] = None,
        asked: AskedFormat = None,
    ) -> Response:
        """Makes pictures of seeds; an address that a web page can show."""
        labels: list[int | str] | None = None if label is None else [*label]
        body = SampleRequest(
            seeds=seed, labels=labels, truncation=truncation, format=asked
        )
        return await sampled(name, body, request)

    @app.post("/models/{name}/sample", responses=RESULTS, tags=["models"])
    async def sample(
        name: Name, body: Annotated[SampleRequest, Body()], request: Request
    ) -> Response:
        """Makes pictures of seeds or latent vectors."""
        return await sampled(name, body, request)

    def add_of_pictures(verb: str, meaning: str) -> None:
        """Adds the address of models that take pictures."""

        async def answer(
            name: Name,
            request: Request,
            label: OneLabel = None,
            asked: AskedFormat = None,
        ) -> Response:
            return await pictured(name, verb, label, asked, request)

        app.post(
            f"/models/{{name}}/{verb}",
            name=verb,
            description=meaning,
            responses=RESULTS,
            openapi_extra=PICTURE_BODY,
            tags=["models"],
        )(answer)

    add_of_pictures("translate", "Makes a picture of a picture.")
    add_of_pictures("encode", "Makes a latent vector of a picture.")

    def described(model: Model) -> ModelDescription:
        return ModelDescription(
            name=model.name,
            kind=model.kind,
            url=f"/models/{urllib.parse.quote(model.name)}/{model.verb}",
            version=model.version,
            metadata=model.metadata,
        )

    @app.get("/models", tags=["models"])
    async def list_models() -> list[ModelDescription]:
        """All models, with what their exports say."""
        return [described(model) for _, model in sorted(registry.models.items())]

    @app.get("/models/{name}", responses={404: PROBLEMS[404]}, tags=["models"])
    async def describe_model(name: Name) -> ModelDescription:
        """One model, with what its export says."""
        return described(found(name))

    @app.head("/health/live", include_in_schema=False)
    @app.get("/health/live", response_class=PlainTextResponse, tags=["operation"])
    async def live() -> str:
        """Answers as long as the process does."""
        return "live\n"

    @app.head("/health/ready", include_in_schema=False)
    @app.get(
        "/health/ready",
        responses={503: {"model": Readiness, "description": "About to end."}},
        response_model=Readiness,
        tags=["operation"],
    )
    async def ready() -> JSONResponse:
        """Says whether the server wants requests, and which versions it serves."""
        versions = {name: model.version for name, model in registry.models.items()}
        draining = app.state.draining
        body = Readiness(
            ready=not draining, versions=versions, problems=registry.problems
        )
        return JSONResponse(body.model_dump(), 503 if draining else 200)

    @app.get("/metrics", response_class=PlainTextResponse, tags=["operation"])
    async def show_metrics() -> Response:
        """Figures for Prometheus."""
        return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)

    return app


async def _content(request):
    """Returns the file in a body, or in its form field `file`."""
    kind = request.headers.get("content-type", "").lower()
    if not kind.startswith("multipart/form-data"):
        return await request.body()
    try:
        async with request.form(max_files=1, max_fields=0) as form:
            file = form.get("file")
            if file is None or isinstance(file, str):
                raise Refused(400, "The form has no file. Send one in the field file.")
            return await file.read()
    except FormParserError as error:  # newer versions of Starlette answer it themselves
        raise Refused(400, f"The form cannot be read: {error}.") from None


def _format(model, asked, request):
    """Returns the format of a result that was asked for, or that a client takes."""
    image = model.outputs[model.main_output]
    usual = Format.PNG if image.is_picture else Format.JSON
    if asked is None:
        asked = _accepted(request.headers.get("accept") or "*/*", usual)
    if asked is Format.PNG and not image.is_picture:
        raise Refused(
            406, f"No picture can hold the {model.main_output}. Use json or npy."
        )
    return asked


def _accepted(header, usual):
    """Returns the format that an Accept header prefers."""
    ranges = []
    for part in header.lower().split(","):
        kind, *parameters = (piece.strip() for piece in part.split(";"))
        quality = 1.0
        for parameter in parameters:
            with contextlib.suppress(ValueError):
                quality = float(parameter.removeprefix("q="))
        ranges.append((quality, kind))
    for quality, kind in sorted(ranges, key=lambda pair: -pair[0]):
        main, _, sub = kind.partition("/")
        for format in [usual, *Format]:
            own_main, _, own_sub = TYPES[format].partition("/")
            if quality > 0 and main in ("*", own_main) and sub in ("*", own_sub):
                return format
    raise Refused(
        406, f"Accept is {header!r:.200}. Use one of: {', '.join(TYPES.values())}."
    )


async def _response(model, made, format):
    """Returns a result in a format."""
    main = made[model.main_output]
    for values in made.values():
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise Refused(
                422,
                f"{model.name} makes NaN or infinite values of this input. Send values "
                "of the size that it was trained with.",
            )
    write = _WRITERS[format]
    if format is not Format.JSON and main.nbytes <= _DIRECT_BYTES:
        content = write(model, made)
    else:
        content = await asyncio.to_thread(write, model, made)
    return Response(
        content,
        media_type=TYPES[format],
        headers={"Model-Version": model.version},
    )


def _png(model, made):
    image = model.outputs[model.main_output]
    return images.png(image.levels(made[model.main_output]))


def _npy(model, made):
    return images.npy(made[model.main_output])


def _json(model, made):
    arrays = {name: values.tolist() for name, values in made.items()}
    return json.dumps({"model": model.name, "version": model.version, **arrays})


_WRITERS: dict[Format, Callable[[Model, Rows], bytes | str]] = {
    Format.PNG: _png,
    Format.JSON: _json,
    Format.NPY: _npy,
}


def _handle_errors(app):
    """Answers every refusal with one sentence."""

    @app.exception_handler(Refused)
    async def refused(request: Request, error: Refused) -> JSONResponse:
        headers = {"Retry-After": "1"} if error.status == 503 else None
        return JSONResponse({"detail": error.sentence}, error.status, headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        # The last part of a place in a choice of types is the type's name.
        parts = [str(p) for p in first["loc"][1:] if p not in ("int", "str")]
        place = ".".join(parts)
        if first["type"] == "json_invalid" or first["loc"] == ("body",):
            sentence = (
                "The body is not a JSON object. Send one, with the header "
                "Content-Type: application/json."
            )
            return JSONResponse({"detail": sentence}, 400)
        sentence = f"{place}: {first['msg']}."
        if isinstance(first["input"], str | int | float):
            sentence = f"{place} is {first['input']!r:.100}. {first['msg']}."
        return JSONResponse({"detail": sentence}, 422)

    @app.exception_handler(HTTPException)
    async def refused_elsewhere(request: Request, error: HTTPException) -> JSONResponse:
        sentence = f"{error.detail.removesuffix('.')}."
        if sentence.startswith("Too many fi"):  # fields or files, says Starlette
            sentence = _FORM
        return JSONResponse({"detail": sentence}, error.status_code, error.headers)

    @app.exception_handler(ClientDisconnect)
    async def left(request: Request, error: ClientDisconnect) -> JSONResponse:
        return JSONResponse({"detail": "The client has left."}, 400)  # nobody reads it

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> JSONResponse:
        sentence = "The server failed, which its log explains."
        return JSONResponse({"detail": sentence}, 500)
