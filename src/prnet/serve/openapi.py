"""The service described as OpenAPI 3.1, for programs that read it and for the page to try it."""

from __future__ import annotations

from typing import Any, get_args

from prnet.appearance.swap import RegionName
from prnet.serve.api import JPEG, JSON, MOST_FACES, ZIP
from prnet.serve.limits import Limits
from prnet.serve.outputs import KINDS, MESH, PICTURE
from prnet.serve.problems import MEDIA_TYPE

Json = dict[str, Any]

_BINARY: Json = {}
_REASONS = {
    400: "the photo, the form or the query is none",
    401: "no token",
    403: "a foreign origin",
    406: "no form that Accept allows",
    408: "the body took too long to arrive",
    413: "too many bytes or pixels",
    415: "a body of another type",
    421: "a foreign host name",
    422: "no face in the photo, or not so many, where files of them are asked for",
    500: "an error that nobody foresaw",
    503: "busy, or too late; Retry-After says when to come again",
}


def openapi(version: str, limits: Limits, *, token: bool) -> Json:
    """The document; ``token``: whether calls need one."""
    document: Json = {
        "openapi": "3.1.0",
        "info": {
            "title": "prnet",
            "version": version,
            "summary": "3D faces from photos",
            "description": f"Bodies of at most {limits.max_bytes} bytes, photos of at most "
            f"{limits.max_pixels} pixels. A WebSocket at /api/live takes pictures and gives "
            "tracked faces; docs/page.md tells how.",
        },
        "paths": {
            "/api/reconstruct": {"post": _reconstruct()},
            "/api/swap": {"post": _swap()},
            "/api/health": {"get": _health()},
            "/api/version": {"get": _version()},
        },
        "components": {"schemas": {"Problem": _PROBLEM, "Faces": _FACES}},
    }
    if token:
        document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        for path in ("/api/reconstruct", "/api/swap"):
            document["paths"][path]["post"]["security"] = [{"token": []}]
    return document


def _reconstruct() -> Json:
    kinds = {"type": "array", "items": {"enum": list(KINDS)}, "minItems": 1, "uniqueItems": True}
    return {
        "operationId": "reconstruct",
        "summary": "The faces of a photo, the largest first",
        "parameters": [
            _parameter(
                "outputs",
                kinds,
                "Files in a zip, or the one picture. With application/zip or image/png alone.",
                style={"style": "form", "explode": False},
            ),
            _parameter(
                "face",
                {"type": "integer", "minimum": 0, "maximum": MOST_FACES - 1},
                f"Which face: with {MESH} or {PICTURE} alone.",
            ),
            _parameter(
                "max_faces",
                {"type": "integer", "minimum": 1, "maximum": MOST_FACES},
                "At most so many, the largest ones.",
            ),
        ],
        "requestBody": {
            "required": True,
            "content": {"image/*": _BINARY, "multipart/form-data": _form("image")},
        },
        "responses": {
            "200": {
                "description": "The faces, or a file of them",
                "content": {
                    JSON: {"schema": {"$ref": "#/components/schemas/Faces"}},
                    ZIP: _BINARY,
                    MESH: _BINARY,
                    PICTURE: _BINARY,
                },
            },
            **_refusals(400, 401, 403, 406, 408, 413, 415, 421, 422, 500, 503),
        },
    }


def _swap() -> Json:
    regions = {"enum": list(get_args(RegionName))}
    return {
        "operationId": "swap",
        "summary": "The face of the reference on the face of the target",
        "parameters": [_parameter("region", regions, "What is swapped; by default face.")],
        "requestBody": {
            "required": True,
            "content": {"multipart/form-data": _form("target", "reference")},
        },
        "responses": {
            "200": {"description": "The picture", "content": {JPEG: _BINARY, PICTURE: _BINARY}},
            **_refusals(400, 401, 403, 406, 408, 413, 415, 421, 422, 500, 503),
        },
    }


def _health() -> Json:
    schema = _object({"status": {"const": "ok"}, "busy": {"type": "integer", "minimum": 0}})
    return _plain("health", "Whether the service answers, and how many requests it has", schema)


def _version() -> Json:
    text = {"type": "string"}
    network = {**text, "pattern": "^[0-9a-f]{64}$"}
    schema = _object({"prnet": text, "network": network, "layout": text})
    return _plain("version", "Of the package, and the network's SHA-256", schema)


def _plain(name: str, summary: str, schema: Json) -> Json:
    return {
        "operationId": name,
        "summary": summary,
        "responses": {
            "200": {"description": "The answer", "content": {JSON: {"schema": schema}}},
            **_refusals(400, 403, 421, 500),
        },
    }


def _refusals(*statuses: int) -> Json:
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        str(status): {"description": _REASONS[status], "content": content} for status in statuses
    }


def _parameter(name: str, schema: Json, description: str, *, style: Json | None = None) -> Json:
    where = {"name": name, "in": "query", "description": description}
    return {**where, "schema": schema, **(style or {})}


def _form(*names: str) -> Json:
    file = {"type": "string", "contentMediaType": "image/*"}
    return {"schema": _object(dict.fromkeys(names, file), closed=True)}


def _object(properties: Json, *, closed: bool = False) -> Json:
    described: Json = {"type": "object", "required": [*properties], "properties": {**properties}}
    return {**described, "additionalProperties": False} if closed else described


_PROBLEM = _object(
    {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    }
)
_SIZE = {"type": "integer", "minimum": 1}
_POINTS = {
    "type": "array",
    "minItems": 68,
    "maxItems": 68,
    "items": {"type": "array", "items": {"type": "number"}, "minItems": 3, "maxItems": 3},
}
_FACE = _object(
    {
        "box": {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 4},
        "score": {"type": "number"},
        "presence": {"type": ["number", "null"]},
        "pose": {"type": "object"},
        "landmarks": _POINTS,
        "crop": {"type": "object"},
    }
)
_FACES = _object(
    {
        "image": _object({"width": _SIZE, "height": _SIZE}),
        "faces": {"type": "array", "maxItems": MOST_FACES, "items": _FACE},
    }
)
