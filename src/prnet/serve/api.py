"""The calls of the service: reconstruct, swap, health, version."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final, get_args

from prnet.appearance.swap import RegionName, swap_face
from prnet.errors import PrnetError
from prnet.face import Face
from prnet.files.image import image_bytes
from prnet.formats.arrays import describe_face
from prnet.reconstruct import Reconstructor
from prnet.serve.limits import Desk, Limits
from prnet.serve.outputs import KINDS, MESH, PICTURE, PICTURES, zipped
from prnet.serve.problems import Problem
from prnet.serve.uploads import decoded, read_photos

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

JSON, ZIP, JPEG = "application/json", "application/zip", "image/jpeg"
MOST_FACES: Final = 32
_DEFAULT_KINDS: Final = {ZIP: "json,glb,depth", PICTURE: "depth"}


@dataclass
class Service:
    """What the calls share."""

    reconstruct: Reconstructor
    limits: Limits = field(default_factory=Limits)

    @cached_property
    def desk(self) -> Desk:
        return Desk(self.limits)

    @cached_property
    def versions(self) -> dict[str, str]:
        digest = hashlib.sha256(self.reconstruct.network.path.read_bytes()).hexdigest()
        layout = self.reconstruct.layout.name
        return {"prnet": version("prnet"), "network": digest, "layout": layout}

    async def health(self, request: Request) -> Response:
        _query(request)
        return _json({"status": "ok", "busy": self.desk.taken})

    async def version(self, request: Request) -> Response:
        _query(request)
        return _json(self.versions)

    async def reconstruct_photo(self, request: Request) -> Response:
        """One photo -> its faces, in the form that ``Accept`` asks for."""
        form = _chosen(request, (JSON, ZIP, MESH, PICTURE))
        query = _query(request, "outputs", "face", "max_faces")
        most = _number(query, "max_faces", 1, MOST_FACES, default=MOST_FACES)
        kinds = _kinds(query.get("outputs"), form)
        if "face" in query and form not in (MESH, PICTURE):
            raise Problem(400, "other-query", f"expected Accept: {MESH} or {PICTURE} with face")
        number = _number(query, "face", 0, MOST_FACES - 1, default=0)
        with self.desk.place() as place:
            photos = await read_photos(request, ("image",), self.limits)
            body = await place.run(self._reconstructed, photos[0], form, kinds, most, number)
        return _file(body, form, "faces.zip" if form == ZIP else None)

    def _reconstructed(
        self, photo: bytes, form: str, kinds: tuple[str, ...], most: int, number: int
    ) -> bytes:
        image = decoded(photo, self.limits.max_pixels)
        faces = self.reconstruct(image)[:most]
        if form == JSON:
            size = {"width": image.shape[1], "height": image.shape[0]}
            return json.dumps(
                {"image": size, "faces": [describe_face(face) for face in faces]}
            ).encode()
        if not faces:
            raise Problem(422, "no-face", "expected a face in the photo, got none")
        if number >= len(faces):
            last = len(faces) - 1
            raise Problem(422, "no-face", f"expected face from 0 to {last}, got {number}")
        if form == ZIP:
            return zipped(faces, kinds)
        return KINDS[kinds[0]][1](faces[number])

    async def swap(self, request: Request) -> Response:
        """Two photos -> the target's with the face of the reference."""
        form = _chosen(request, (JPEG, PICTURE))
        query = _query(request, "region")
        region = query.get("region", "face")
        if region not in get_args(RegionName):
            known = ", ".join(get_args(RegionName))
            raise Problem(400, "other-query", f"expected a region out of {known}")
        with self.desk.place() as place:
            photos = await read_photos(request, ("target", "reference"), self.limits)
            body = await place.run(self._swapped, photos, region, form)
        return _file(body, form)

    def _swapped(self, photos: list[bytes], region: RegionName, form: str) -> bytes:
        target, reference = (
            self._largest(photo, name)
            for photo, name in zip(photos, ("target", "reference"), strict=True)
        )
        try:
            swapped = swap_face(target, reference, region=region)
        except PrnetError as error:
            raise Problem(422, "no-swap", str(error)) from None
        return image_bytes(swapped, "JPEG" if form == JPEG else "PNG")

    def _largest(self, photo: bytes, name: str) -> Face:
        faces = self.reconstruct(decoded(photo, self.limits.max_pixels))
        if not faces:
            raise Problem(422, "no-face", f"expected a face in the {name}, got none")
        return faces[0]


def _kinds(text: str | None, form: str) -> tuple[str, ...]:
    """The outputs wanted, of those that come in this form."""
    if form == MESH:
        if text not in (None, "glb"):
            raise Problem(400, "other-query", f"expected no outputs but glb with {MESH}")
        return ("glb",)
    if form == JSON:
        if text is not None:
            raise Problem(400, "other-query", f"expected Accept: {ZIP} or {PICTURE} with outputs")
        return ()
    known = tuple(KINDS) if form == ZIP else PICTURES
    kinds = tuple(dict.fromkeys((text or _DEFAULT_KINDS[form]).split(",")))
    if set(kinds) - set(known) or (form == PICTURE and len(kinds) > 1):
        many = "outputs out of" if form == ZIP else "one output of"
        raise Problem(400, "other-query", f"expected {many} {', '.join(known)}")
    return kinds


def _query(request: Request, *names: str) -> dict[str, str]:
    """The query's values, each at most once and each known."""
    items = request.query_params.multi_items()
    if len({name for name, _ in items}) < len(items) or {name for name, _ in items} - set(names):
        known = f"out of {', '.join(names)}, each once" if names else "of none"
        raise Problem(400, "other-query", f"expected a query {known}")
    return dict(items)


def _number(query: dict[str, str], name: str, low: int, high: int, *, default: int) -> int:
    text = query.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 4 and low <= int(text) <= high):
        raise Problem(400, "other-query", f"expected {name} from {low} to {high}")
    return int(text)


def _chosen(request: Request, offered: tuple[str, ...]) -> str:
    """Of the media types offered, the one that ``Accept`` likes best (RFC 9110, 12.5.1)."""
    text = ",".join(request.headers.getlist("accept")) or "*/*"
    likes: dict[str, float] = {}
    for item in text.split(","):
        name, *parameters = (part.strip().lower() for part in item.split(";"))
        quality = [part[2:] for part in parameters if part.startswith("q=")]
        try:
            likes[name] = min(max(float(quality[0]), 0.0), 1.0) if quality else 1.0
        except ValueError:
            likes[name] = 0.0

    def liked(kind: str) -> float:
        ranges = (kind, kind.partition("/")[0] + "/*", "*/*")
        return next((likes[name] for name in ranges if name in likes), 0.0)

    best = max(offered, key=liked)
    if not liked(best) > 0:
        raise Problem(406, "other-form", f"expected Accept to allow {', '.join(offered)}")
    return best


def _json(value: Any) -> Response:
    return _file(json.dumps(value).encode(), JSON)


def _file(body: bytes, form: str, name: str | None = None) -> Response:
    from starlette.responses import Response

    headers = {"Content-Type": form, "Cache-Control": "no-store", "Vary": "Accept"}
    if name is not None:
        headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return Response(body, headers=headers)
