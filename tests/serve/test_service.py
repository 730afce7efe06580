"""The service: what its calls give."""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from http_talk import form, request, served, talk
from PIL import Image

import prnet
from prnet.cli import main
from prnet.formats.meshes import face_glb
from prnet.packaged import DATA, SAMPLE_PHOTO
from prnet.serve.api import Service
from prnet.serve.outputs import KINDS

pytest.importorskip("starlette", reason="needs the extra serve")
pytest.importorskip("uvicorn", reason="needs the extra serve")

PHOTO = SAMPLE_PHOTO.read_bytes()
UNTOLD = (None, "application/octet-stream")
HEAR_REVOKED = "void (window.revoked = [], URL.revokeObjectURL = (url) => revoked.push(url))"


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with served() as port:
        yield port


@pytest.fixture(scope="module")
def face() -> prnet.Face:
    return prnet.Reconstructor()(SAMPLE_PHOTO)[0]


def test_a_photo_gives_its_faces(port: int, face: prnet.Face) -> None:
    body, kind = form(image=PHOTO)
    untold = [request(port, body=PHOTO, content_type=kind) for kind in UNTOLD]
    for data in (*untold, request(port, body=PHOTO), request(port, body=body, content_type=kind)):
        answer = talk(port, data)
        assert answer.status == 200, answer.body
        found = json.loads(answer.body)
        assert found["image"] == {"width": 512, "height": 512}
        assert np.allclose(found["faces"][0]["landmarks"], face.landmarks, atol=1e-3)


def test_accept_picks_the_form(port: int, face: prnet.Face) -> None:
    mesh = talk(port, request(port, body=PHOTO, accept="model/gltf-binary"))
    assert mesh.body == face_glb(face)
    picture = talk(port, request(port, body=PHOTO, accept="image/png;q=0.9, text/html"))
    assert picture.headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(picture.body)).mode == "I;16"
    path = f"/api/reconstruct?outputs={','.join(KINDS)}"
    archive = talk(port, request(port, path=path, body=PHOTO, accept="application/zip"))
    with zipfile.ZipFile(io.BytesIO(archive.body)) as files:
        names = files.namelist()
        assert names == [f"face_0{ending}" for ending, _ in KINDS.values()]
        told = np.load(io.BytesIO(files.read("face_0_map.npy")))
    assert np.array_equal(told, face.position_map)


def test_a_photo_without_a_face(port: int) -> None:
    stream = io.BytesIO()
    Image.new("RGB", (200, 150), (90, 90, 90)).save(stream, "PNG")
    answer = talk(port, request(port, body=stream.getvalue()))
    assert json.loads(answer.body) == {"image": {"width": 200, "height": 150}, "faces": []}
    for kind in ("model/gltf-binary", "image/png", "application/zip"):
        file = talk(port, request(port, body=stream.getvalue(), accept=kind))
        assert file.status == 422
        assert json.loads(file.body)["detail"] == "expected a face in the photo, got none"
    body, kind = form(target=PHOTO, reference=stream.getvalue())
    swap = talk(port, request(port, path="/api/swap", body=body, content_type=kind))
    assert json.loads(swap.body)["detail"] == "expected a face in the reference, got none"


def test_queries_are_checked(port: int) -> None:
    for query in ("face=1", "face=x", "max_faces=0", "outputs=glb", "other=1", "face=0&face=0"):
        answer = talk(port, request(port, path=f"/api/reconstruct?{query}", body=PHOTO))
        assert answer.status == 400, query
    wrong = "/api/reconstruct?outputs=depth,obj"
    assert talk(port, request(port, path=wrong, body=PHOTO, accept="image/png")).status == 400
    far = request(port, path="/api/reconstruct?face=3", body=PHOTO, accept="image/png")
    assert json.loads(talk(port, far).body)["detail"] == "expected face from 0 to 0, got 3"


def test_swap(port: int, face: prnet.Face) -> None:
    body, kind = form(target=PHOTO, reference=PHOTO)
    path = "/api/swap?region=eyes"
    png = request(port, path=path, body=body, content_type=kind, accept="image/png")
    swapped = np.asarray(Image.open(io.BytesIO(talk(port, png).body)))
    assert np.array_equal(swapped, prnet.swap_face(face, face, region="eyes"))
    jpeg = talk(port, request(port, path=path, body=body, content_type=kind))
    assert jpeg.headers["content-type"] == "image/jpeg"


def test_health_and_version(port: int) -> None:
    health = talk(port, request(port, "GET", "/api/health"))
    assert json.loads(health.body) == {"status": "ok", "busy": 0}
    told = json.loads(talk(port, request(port, "GET", "/api/version")).body)
    assert len(told["network"]) == 64


def test_the_version_names_the_network_that_is_used(tmp_path: Path) -> None:
    shutil.copy(DATA / "uv_layout.npz", tmp_path)
    another = (DATA / "network.onnx").read_bytes() + b"\x32\x01x"  # a doc_string of the file
    (tmp_path / "network.onnx").write_bytes(another)
    told = Service(prnet.Reconstructor(tmp_path)).versions
    assert told["network"] == hashlib.sha256(another).hexdigest()


def test_the_page_is_served(port: int) -> None:
    page = talk(port, request(port, "GET", "/"))
    assert page.status == 200
    assert b"<title>prnet" in page.body
    wasm = talk(port, request(port, "GET", "/vendor/ort.wasm", accept_encoding="gzip"))
    assert (wasm.headers["content-type"], wasm.headers["content-encoding"]) == (
        "application/wasm",
        "gzip",
    )


def test_the_description_names_every_call(port: int) -> None:
    document = json.loads(talk(port, request(port, "GET", "/openapi.json")).body)
    assert document["openapi"] == "3.1.0"
    for path, methods in document["paths"].items():
        for method, described in methods.items():
            assert talk(port, request(port, method.upper(), path)).status != 405
            assert set(described["responses"]) >= {"200", "400", "403", "421"}


def test_live(port: int, face: prnet.Face) -> None:
    client = pytest.importorskip("websockets.sync.client")
    answers = []
    with client.connect(f"ws://127.0.0.1:{port}/api/live?output=map") as socket:
        for _ in range(3):
            socket.send(PHOTO)
            answers.append(json.loads(socket.recv()))
            values = np.frombuffer(socket.recv(), "<f2").reshape(256, 256, 3).astype(float)
        socket.send(b"no picture")
        with pytest.raises(Exception, match="1008"):
            socket.recv()
    told = answers[-1]["faces"][0]
    assert [answer["faces"][0]["track"] for answer in answers] == [1, 1, 1]
    landmarks = np.array(told["landmarks"])
    assert np.linalg.norm(landmarks - face.landmarks, axis=1).mean() < 2
    of_map = face.layout.sample_landmarks(values * told["unit"] + told["origin"])
    assert np.abs(of_map - landmarks).max() < 0.1


def test_a_query_of_the_live_connection_is_checked(port: int) -> None:
    client = pytest.importorskip("websockets.sync.client")
    for query in ("outputs=map", "output=mesh", "output=map&output=map"):
        connection = client.connect(f"ws://127.0.0.1:{port}/api/live?{query}")
        with connection as socket, pytest.raises(Exception, match="expected a query of output"):
            socket.recv(timeout=60)


def test_other_machines_need_leave(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--host", "0.0.0.0", "--no-open"]) == 2
    assert "--allow-remote" in capsys.readouterr().err
    assert main(["serve", "--host", "no.such.host.example", "--allow-remote", "--no-open"]) == 2


def test_the_address_it_listens_at_is_a_name_of_its_own() -> None:
    command = [sys.executable, "-m", "prnet", "serve", "--host", "127.0.0.2", "--port", "0"]
    with subprocess.Popen([*command, "--no-open"], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            address = server.stdout.readline().split()[0]
            with urllib.request.urlopen(f"{address}api/health", timeout=60) as answer:
                assert answer.status == 200
            foreign = urllib.request.Request(address, headers={"Host": "127.0.0.3"})
            with pytest.raises(urllib.error.HTTPError, match="421"):
                urllib.request.urlopen(foreign, timeout=60)
        finally:
            server.terminate()


def test_the_browser_opens_an_address_with_a_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setenv("PRNET_TOKEN", "correct-horse-battery-staple")
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setattr("uvicorn.Server.run", lambda *_, **__: time.sleep(1))
    assert main(["serve", "--host", "0.0.0.0", "--allow-remote", "--port", "0"]) == 0
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", opened[0])


def test_a_short_token_is_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRNET_TOKEN", "short")
    assert main(["serve", "--allow-remote", "--no-open", "--port", "0"]) == 2
    assert "16" in capsys.readouterr().err


@pytest.mark.parametrize("remote", [[], ["--host", "0.0.0.0", "--allow-remote"]])
def test_a_port_that_is_taken_is_said_in_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, remote: list[str]
) -> None:
    monkeypatch.delenv("PRNET_TOKEN", raising=False)
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = str(other.getsockname()[1])
        assert main(["serve", "--no-open", "--port", taken, *remote]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert len(told.err.splitlines()) == 1
    assert f"{taken}: Address already in use" in told.err


def test_the_calls_can_be_tried_in_a_browser(port: int, browser: Any) -> None:
    page = browser.new_page()
    page.goto(f"http://127.0.0.1:{port}/try.html")
    card = page.locator("fieldset", has_text="POST /api/reconstruct")
    card.locator("input[type=file]").set_input_files(SAMPLE_PHOTO)
    card.locator("button").click()
    page.locator("#answer", has_text="landmarks").wait_for()
    assert page.inner_text("#status").startswith("200, application/json")
    first = page.locator("#picture a").get_attribute("href")
    page.evaluate(HEAR_REVOKED)
    card.locator("select").select_option("model/gltf-binary")
    card.locator("button").click()
    page.locator("#status", has_text="model/gltf-binary").wait_for()
    assert page.locator("#picture a").get_attribute("download") == "answer.glb"
    assert page.evaluate("revoked") == [first]
    page.route("**/api/version", lambda route: route.abort())
    page.locator("fieldset", has_text="GET /api/version").locator("button").click()
    page.locator("#status", has_text="No answer").wait_for()
    page.close()


def test_what_is_not_installed_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prnet.commands.serving.serve.find_spec", lambda name: None)
    assert main(["serve", "--no-open"]) == 2
    said = capsys.readouterr().err
    assert "expected uvicorn, got none" in said
    assert "[serve]" in said


def test_the_device_is_heeded(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--no-open", "--port", "0", "--device", "directml"]) == 2
    assert "expected an ONNX Runtime for directml" in capsys.readouterr().err
