"""Files of strangers: what is meant well is read, and everything else is refused in one sentence."""

import io
import json
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save

from netopsy.core.errors import InputError
from netopsy.lab.recipes import GRAPH, IMAGE, NETWORK
from netopsy.models import small_conv_net
from netopsy.web.runs import inputs
from netopsy.web.runs.inputs import ready
from netopsy.web.runs.job import Given
from netopsy.web.runs.networks import made, shape_taken

PIXELS = np.arange(6 * 4 * 3, dtype=np.uint8).reshape(4, 6, 3)


def _as(form, image=None, **options):
    out = io.BytesIO()
    (image or Image.fromarray(PIXELS)).save(out, form, **options)
    return out.getvalue()


def _png(width, height, *, body=b"", kind=2):
    """A PNG that says how large it is, with whatever behind."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b"")


def _tensors(header, body=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + body


def _read(tmp_path, wanted, name, content, **more):
    (tmp_path / name).write_bytes(content)
    found = ready(wanted, Given(file=name, **more), tmp_path)
    return found.pixels if wanted is IMAGE else found


def test_an_image_is_upright_in_colours_and_nothing_else_of_the_file_stays(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    exif[0x010E] = "where it was taken"
    turned = _read(tmp_path, IMAGE, "a.png", _as("PNG", exif=exif))
    expected = torch.from_numpy(np.rot90(PIXELS, -1).copy()).permute(2, 0, 1) / 255
    assert torch.equal(turned, expected)
    assert _read(tmp_path, IMAGE, "a.webp", _as("WEBP", lossless=True)).shape == (3, 4, 6)
    assert _read(tmp_path, IMAGE, "a.jpeg", _as("JPEG")).dtype == torch.float32
    grey = _read(tmp_path, IMAGE, "b.png", _as("PNG", Image.fromarray(PIXELS[..., 0])))
    assert torch.equal(grey[0] * 255, torch.from_numpy(PIXELS[..., 0]).float())
    clear = _read(tmp_path, IMAGE, "c.png", _as("PNG", Image.new("RGBA", (2, 2), (255, 0, 0, 0))))
    assert torch.equal(clear, torch.ones(3, 2, 2))
    deep = _read(tmp_path, IMAGE, "d.png", _as("PNG", Image.fromarray(np.full((2, 2), 65535, np.uint16))))
    assert torch.equal(deep, torch.ones(3, 2, 2))


def test_images_of_every_manner_are_read(tmp_path):
    four = Image.fromarray(PIXELS).convert("CMYK")
    assert _read(tmp_path, IMAGE, "a.jpg", _as("JPEG", four)).shape == (3, 4, 6)
    frames = [Image.new("RGB", (5, 3), colour) for colour in ("red", "blue")]
    moving = _as("WEBP", frames[0], save_all=True, append_images=frames[1:], lossless=True)
    first = _read(tmp_path, IMAGE, "b.webp", moving)
    assert first[:, 0, 0].tolist() == [1, 0, 0]
    moving = _as("PNG", frames[0], save_all=True, append_images=frames[1:])
    assert torch.equal(_read(tmp_path, IMAGE, "c.png", moving), first)
    palette = _as("PNG", Image.fromarray(PIXELS).quantize(4), transparency=0)
    assert _read(tmp_path, IMAGE, "d.png", palette).shape == (3, 4, 6)
    assert _read(tmp_path, IMAGE, "e.png", _as("PNG", Image.new("1", (1, 20_000)))).shape == (3, 20_000, 1)
    whole = _as("PNG", Image.effect_noise((64, 64), 99))
    with pytest.raises(InputError, match="^the image cannot be read as PNG, JPEG or WebP: it is cut short or damaged$"):
        _read(tmp_path, IMAGE, "f.png", whole[: len(whole) // 2])
    with pytest.raises(InputError, match="WebP: it is none of them$"):
        _read(tmp_path, IMAGE, "g.png", b"GIF89a, or so it says")


def test_samples_are_known_by_name(tmp_path):
    digit, photograph = (ready(IMAGE, Given(sample=name), tmp_path) for name in ("", "astronaut"))
    assert (digit.pixels.shape, digit.called, digit.shows) == ((3, 8, 8), "a three", "3")
    assert (photograph.pixels.shape, photograph.shows) == ((3, 512, 512), "")
    assert len(ready(GRAPH, Given(sample="les_miserables"), tmp_path)) == 77
    with pytest.raises(InputError, match="did you mean 'karate'"):
        ready(GRAPH, Given(sample="karat"), tmp_path)


def test_a_graph_and_a_network_come_from_files(tmp_path):
    graph = _read(tmp_path, GRAPH, "a.csv", b"source,target\na,b\nb,c\n")
    assert (len(graph), graph.edge_count) == (3, 2)
    model = small_conv_net((4, 8), (1, 2), seed=3)
    found = _read(
        *(tmp_path, NETWORK, "a.safetensors", save(model.state_dict())),
        architecture="small_conv_net",
        sizes="widths=4 8, strides=1 2",
    )
    image = torch.rand(2, 1, 8, 8)
    assert torch.equal(found.model(image), model.eval()(image))
    assert found.data.inputs.shape == (500, 1, 8, 8)
    assert not found.model.training


@pytest.mark.parametrize(
    ("architecture", "sizes", "shape"),
    [
        ("small_conv_net", "", (1, 8)),
        ("lenet", "size=8, kernel=3", (1, 8)),
        ("mlp", "sizes=64 16 10", (1, 8)),
        ("lenet_300_100", "", (1, 28)),
        ("conv_net", "depth=2, channels=1, size=8", (1, 8)),
        ("resnet", "depth=8; channels=1; width=4", (1, 8)),
        ("resnet18", "widths=4 4 4 4, stem=small", (3, 8)),
        ("vgg", "depth=11, width=4, batch_norm=no", (3, 32)),
    ],
)
def test_an_architecture_takes_the_images_that_it_is_shown(architecture, sizes, shape):
    channels, side = shape_taken(architecture, sizes)
    assert (channels, side) == shape
    assert made(architecture, sizes).eval()(torch.zeros(1, channels, side, side)).shape == (1, 10)


@pytest.mark.parametrize(
    ("architecture", "sizes", "message"),
    [
        ("eval", "", "unknown architecture 'eval'"),
        ("__class__", "", "unknown architecture"),
        ("unet", "", "unknown architecture"),
        ("mlp", "", "mlp needs its sizes"),
        ("mlp", "sizes=65 10", "as many inputs as a square has"),
        ("lenet", "seed=1", "unknown size of lenet 'seed'"),
        ("lenet", "widths", "must be name=value"),
        ("lenet", "widths=4 -8", "whole numbers from 1 to 10,000"),
        ("lenet", "widths=99999999999999999999", "whole numbers from 1 to 10,000"),
        ("lenet", f"widths={'1 ' * 65}", "from 1 to 64 whole numbers, got 65"),
        ("lenet", "activation=__import__('os')", "activation must be a word"),
        ("lenet", "size=٣", "whole numbers"),
        ("vgg", "batch_norm=perhaps", "unknown batch_norm 'perhaps'"),
        ("resnet", "depth=9", "depth must be 8, 14, 20"),
    ],
)
def test_sizes_that_are_none_are_refused(architecture, sizes, message):
    def both():
        shape_taken(architecture, sizes)
        made(architecture, sizes)

    with pytest.raises(InputError, match=message):
        both()


MATRIX = b"%%MatrixMarket matrix coordinate real general\n"
HOSTILE = {
    "a bomb of pixels": ("a.png", _png(50_000, 50_000)),
    "more pixels than are taken": ("a.png", _png(5_000, 4_001)),
    "a width of 0": ("a.png", _png(0, 5)),
    "a PNG that ends early": ("a.png", _as("PNG")[:-30]),
    "a JPEG that ends early": ("a.jpg", _as("JPEG")[:200]),
    "a PNG of nothing": ("a.png", _png(100, 100)),
    "a GIF called PNG": ("a.png", _as("GIF")),
    "a TIFF called JPEG": ("a.jpg", _as("TIFF")),
    "a BMP called WebP": ("a.webp", _as("BMP")),
    "SVG called PNG": ("a.png", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
    "PostScript called PNG": ("a.png", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(x) run"),
    "text in an image": ("a.png", b"GIF89a<script>"),
    "nothing at all": ("a.png", b""),
    "another ending": ("a.svg", b"<svg/>"),
    "no ending": ("passwd", b"x"),
    "an archive of arrays": ("a.npz", b"PK\x03\x04"),
    "a MATLAB file": ("a.mat", b"MATLAB 5.0 MAT-file"),
    "a pickle": ("a.pt", b"\x80\x02cos\nsystem\n"),
    "a packed list": ("a.csv.gz", b"\x1f\x8b"),
    "a graph in XML": ("a.graphml", b"<!DOCTYPE x [<!ENTITY a 'aaaa'>]>"),
    "a matrix that says it is huge": ("a.mtx", MATRIX + b"1000000000 1000000000 1\n1 2 1\n"),
    "a matrix that is not square": ("a.mtx", MATRIX + b"2 3 1\n1 2 1\n"),
    "a list of bytes": ("a.csv", bytes(range(256)) * 4),
    "weights below nothing": ("a.csv", b"a,b,-1\n"),
    "one word": ("a.txt", b"hello"),
    "a pickle called safetensors": ("a.safetensors", b"\x80\x02cos\nsystem\n(S'true'\ntR."),
    "an archive called safetensors": ("a.safetensors", b"PK\x03\x04" + bytes(40)),
    "a header longer than the file": ("a.safetensors", _tensors({}, length=500_000)),
    "a header longer than is taken": ("a.safetensors", _tensors({}, length=2**40)),
    "a header that is no JSON": ("a.safetensors", _tensors(b"{'a': 1}")),
    "a header of brackets": ("a.safetensors", _tensors(b"{" + b'"a":[' * 100_000)),
    "a header that is a list": ("a.safetensors", _tensors([1, 2])),
    "tensors outside of the file": (
        "a.safetensors",
        _tensors({"a": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}),
    ),
    "offsets that run backwards": (
        "a.safetensors",
        _tensors({"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 0]}}, bytes(8)),
    ),
    "offsets that are words": ("a.safetensors", _tensors({"a": {"data_offsets": ["x", "y"]}}, bytes(8))),
    "a shape that does not fit": (
        "a.safetensors",
        _tensors({"a": {"dtype": "F32", "shape": [9], "data_offsets": [0, 4]}}, bytes(4)),
    ),
    "weights of another network": (
        "a.safetensors",
        _tensors({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}, bytes(4)),
    ),
}


@pytest.mark.parametrize("which", HOSTILE)
@pytest.mark.parametrize("wanted", [IMAGE, GRAPH, NETWORK], ids=["image", "graph", "network"])
def test_files_that_mean_harm_are_refused_in_one_sentence(tmp_path, monkeypatch, which, wanted):
    monkeypatch.setenv("NETOPSY_MAX_BYTES", str(2**29))
    name, content = HOSTILE[which]
    with pytest.raises(InputError) as refused:
        _read(tmp_path, wanted, name, content, architecture="small_conv_net")
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 600
    assert [each.name for each in tmp_path.iterdir()] == [name]


def test_files_that_are_too_large_are_not_opened(tmp_path, monkeypatch):
    monkeypatch.setattr(inputs, "BYTES", {"image": 10, "graph": 10, "network": 10})
    for wanted, name in ((IMAGE, "a.png"), (GRAPH, "a.csv"), (NETWORK, "a.safetensors")):
        with pytest.raises(InputError, match="must have from 1 to 10 bytes, got 11"):
            _read(tmp_path, wanted, name, b"x" * 11)
    monkeypatch.undo()
    monkeypatch.setattr(inputs, "EDGES", 2)
    with pytest.raises(InputError, match="at most 2 nodes and edges, and this has 4"):
        _read(tmp_path, GRAPH, "b.csv", b"a,b\nb,c\nc,d\n")


def test_the_sample_network_is_trained_once(tmp_path, monkeypatch):
    from netopsy.examination import default

    monkeypatch.setenv("NETOPSY_CACHE", str(tmp_path))
    trained = []

    def quickly(seed):
        trained.append(seed)
        return default._untrained(seed).state_dict()

    monkeypatch.setattr(default, "default_weights", quickly)
    monkeypatch.setattr("netopsy.lab.subjects.kept.code_key", lambda function: "one")
    first, again = (ready(NETWORK, Given(), tmp_path).model for _ in range(2))
    assert trained == [0]
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in first.state_dict().items())
