"""What requests and results hold, as the OpenAPI description shows it."""

import enum
from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field, StrictInt


class Format(enum.StrEnum):
    """How results are written."""

    PNG = "png"
    JSON = "json"
    NPY = "npy"


TYPES = {
    Format.PNG: "image/png",
    Format.JSON: "application/json",
    Format.NPY: "application/x-npy",
}

Seed = Annotated[StrictInt, Field(ge=-(2**63), lt=2**63)]
QuerySeed = Annotated[int, Field(ge=-(2**63), lt=2**63)]
StrictFinite = Annotated[float, Field(allow_inf_nan=False, strict=True)]
Truncation = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Name = Annotated[str, Path(description="A model's name.", examples=["digits"])]
AskedFormat = Annotated[
    Format | None,
    Query(
        alias="format",
        description="Of the result. By default, the Accept header decides.",
    ),
]
OneLabel = Annotated[
    str | None,
    Query(description="Number or name of the class, of a model that has classes."),
]


class SampleRequest(BaseModel):
    """Pictures to make: of seeds or of latent vectors."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"seeds": [7, 8], "labels": [3], "truncation": 0.7, "format": "png"},
                {"latent": [[0.1, -0.4, 0.9]], "format": "json"},
            ]
        },
    )
    seeds: list[Seed] | None = Field(
        default=None,
        min_length=1,
        description="One picture for each. The same seed gives the same picture in "
        "every request, and that of the SavedModel's `sample`.",
    )
    latent: list[list[StrictFinite]] | None = Field(
        default=None, min_length=1, description="Instead of seeds: [rows][latent_dim]."
    )
    labels: list[StrictInt | str] | None = Field(
        default=None,
        min_length=1,
        description="Numbers or names of classes: one for each picture, or one for "
        "all. Only of models with classes.",
    )
    truncation: Truncation | None = Field(
        default=None,
        description="The largest distance of latent values from their mean, in "
        "standard deviations or half widths. By default, there is none.",
    )
    format: Format | None = Field(
        default=None,
        description="Of the result. By default, the Accept header decides.",
    )


class ModelDescription(BaseModel):
    """A model that is served."""

    name: str = Field(examples=["digits"])
    kind: str = Field(examples=["latent_to_image"])
    url: str = Field(examples=["/models/digits/sample"])
    version: str = Field(description="SHA-256 of its file.", examples=["3f0c9d…"])
    metadata: dict[str, Any] = Field(
        description="What the export says: shapes, ranges, classes, training.",
        examples=[{"latent_dim": 100, "image_shape": [28, 28, 1]}],
    )


class Result(BaseModel):
    """What a model made; `image`, or the names of a model's latent outputs."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "model": "digits",
                    "version": "3f0c9d…",
                    "image": [[[[-1.0], [0.25]]]],
                    "latent": [[0.1, -0.4]],
                }
            ]
        },
    )
    model: str
    version: str = Field(description="SHA-256 of its file.")
    image: list[list[Any]] | None = Field(
        default=None,
        description="[rows, height, width, channels], or [rows, values] if results are "
        "no images; in the range that the model's metadata give.",
    )
    latent: list[list[float]] | None = Field(
        default=None, description="[rows, latent_dim], the vectors of seeds."
    )


class Readiness(BaseModel):
    """Whether the server wants requests."""

    ready: bool
    versions: dict[str, str] = Field(examples=[{"digits": "3f0c9d…"}])
    problems: dict[str, str] = Field(
        description="Files whose newest version cannot be served.", examples=[{}]
    )


class Problem(BaseModel):
    """Why a request was refused."""

    detail: str = Field(examples=["latent has rows of 3 numbers. digits takes 100."])


PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "The body cannot be read."},
    404: {"model": Problem, "description": "There is no such model or address."},
    406: {"model": Problem, "description": "The result cannot be written like that."},
    413: {"model": Problem, "description": "The request is too large."},
    422: {"model": Problem, "description": "A value is not accepted."},
    503: {"model": Problem, "description": "Too much waits; see Retry-After."},
    504: {"model": Problem, "description": "The request took too long."},
}
_BINARY = {"schema": {"type": "string", "format": "binary"}}
RESULTS: dict[int | str, dict[str, Any]] = {
    **PROBLEMS,
    200: {
        "model": Result,
        "description": "A picture (of several rows, a sheet of them) or arrays. The "
        "header Model-Version names the version that made it.",
        "content": {"image/png": _BINARY, "application/x-npy": _BINARY},
    },
}
PICTURE_BODY = {
    "requestBody": {
        "required": True,
        "description": "A PNG or JPEG file, or an .npy file of [rows, height, width, "
        "channels] in the model's own range.",
        "content": {
            "image/png": _BINARY,
            "image/jpeg": _BINARY,
            "application/x-npy": _BINARY,
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"file": _BINARY["schema"]},
                    "required": ["file"],
                }
            },
        },
    }
}
