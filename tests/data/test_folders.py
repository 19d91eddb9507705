"""Image folders: the good, the odd and the hostile."""

import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from netopsy.core.errors import InputError
from netopsy.data import image_folder, list_images, load_data


def brightness(data):
    return (data.inputs.mean((1, 2, 3)) * 255).round().int().tolist()


def test_classes_and_files_come_in_the_order_of_their_names(folder):
    data = image_folder(folder)
    assert data.classes == ("ant", "bee")
    assert brightness(data) == [10, 20, 30, 150, 200]
    assert data.targets.tolist() == [0, 0, 0, 1, 1]
    assert data.inputs.shape == (5, 1, 8, 8)
    assert data.name == "insects"


def test_limit_keeps_proportions_and_order(folder):
    data = image_folder(folder, limit=3)
    assert data.targets.tolist() == [0, 0, 1]
    assert brightness(data) == sorted(brightness(data))
    assert brightness(image_folder(folder, limit=3, seed=0)) == brightness(data)


def test_other_files_are_counted_and_hidden_ones_are_not(folder):
    (folder / "notes.txt").write_text("x")
    (folder / "ant" / "table.csv").write_text("x")
    (folder / ".DS_Store").write_text("x")
    (folder / "bee" / ".hidden.png").write_text("x")
    assert list_images(folder).ignored == 2
    with pytest.warns(UserWarning, match="2 files that are no images were ignored"):
        assert len(image_folder(folder)) == 5


def test_colour_spreads_to_all_unless_told_otherwise(folder):
    Image.new("RGB", (8, 8), (255, 0, 0)).save(folder / "bee" / "z.png")
    data = image_folder(folder)
    assert data.inputs.shape == (6, 3, 8, 8)
    assert data.inputs[-1].mean((1, 2)).tolist() == [1, 0, 0]
    assert image_folder(folder, channels=1).inputs.shape == (6, 1, 8, 8)


def test_size_scales_the_shorter_side_and_cuts_the_middle(folder):
    wide = np.zeros((20, 60), np.uint8)
    wide[:, 20:40] = 255
    Image.fromarray(wide).save(folder / "bee" / "wide.png")
    with pytest.raises(InputError, match=r"differ in size: 8x8 .* 60x20 .*wide.png.*give a size"):
        image_folder(folder)
    data = image_folder(folder, size=10)
    assert data.inputs.shape == (6, 1, 10, 10)
    # Bilinear scaling mixes a little of the black sides into the border.
    assert data.inputs[-1].min() > 0.8
    assert data.inputs[-1, :, :, 1:-1].min() == 1


def test_reduced_decoding_of_large_photographs_changes_little(tmp_path):
    from netopsy.data import photograph

    (tmp_path / "only").mkdir()
    cat = Image.fromarray((photograph("cat") * 255).byte().permute(1, 2, 0).numpy())
    cat.save(tmp_path / "only" / "cat.jpg", quality=95)
    cat.save(tmp_path / "only" / "cat.png")
    reduced, whole = image_folder(tmp_path, size=32).inputs
    assert (reduced - whole).abs().mean() < 0.01


@pytest.mark.parametrize(
    ("image", "wanted"),
    [
        (Image.fromarray(np.full((8, 8), 40 * 257, np.uint16)), [40 / 255]),
        (Image.new("1", (8, 8), 1), [1.0]),
        (Image.new("RGBA", (8, 8), (0, 0, 0, 0)), [1.0, 1.0, 1.0]),
        (Image.new("LA", (8, 8), (0, 255)), [0.0]),
        (Image.new("RGB", (8, 8), (255, 0, 51)).convert("P"), [1.0, 0.0, 0.2]),
    ],
    ids=["16 bit", "black and white", "transparent", "grey and alpha", "palette"],
)
def test_other_modes(tmp_path, image, wanted):
    (tmp_path / "only").mkdir()
    image.save(tmp_path / "only" / "one.png")
    data = image_folder(tmp_path)
    torch.testing.assert_close(data.inputs.mean((0, 2, 3)), torch.tensor(wanted), atol=0.004, rtol=0)


def test_camera_orientation_is_followed(tmp_path):
    (tmp_path / "only").mkdir()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("L", (16, 8), 9).save(tmp_path / "only" / "one.jpg", exif=exif)
    assert image_folder(tmp_path).inputs.shape == (1, 1, 16, 8)


def test_links_are_followed_inside_only(folder, tmp_path):
    outside = tmp_path / "secret"
    outside.mkdir()
    Image.new("L", (8, 8), 99).save(outside / "secret.png")
    (folder / "ant" / "inside.png").symlink_to(folder / "bee" / "150.png")
    (folder / "ant" / "outside.png").symlink_to(outside / "secret.png")
    (folder / "ant" / "loop").symlink_to(folder)
    (folder / "wasp").symlink_to(outside)
    listing = list_images(folder)
    assert listing.classes == ("ant", "bee")
    assert len(listing.files) == 6
    assert listing.ignored == 2
    with pytest.warns(UserWarning, match="ignored"):
        assert 99 not in brightness(image_folder(folder))


def bomb(side):
    """A valid PNG of side x side black pixels, a few kilobytes small."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def spoil_missing(root):
    return root / "nowhere"


def spoil_file(root):
    return root / "ant" / "010.png"


def spoil_no_subfolders(root):
    return root / "ant"


def spoil_empty_class(root):
    (root / "cricket").mkdir()


def spoil_mixed(root):
    Image.new("L", (8, 8)).save(root / "stray.png")


def spoil_truncated(root):
    rough = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
    file = root / "bee" / "cut.png"
    Image.fromarray(rough).save(file)
    file.write_bytes(file.read_bytes()[:1000])


def spoil_text(root):
    (root / "bee" / "text.jpg").write_text("not an image")


def spoil_postscript(root):
    (root / "bee" / "program.png").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n")


def spoil_bomb(root):
    (root / "bee" / "bomb.png").write_bytes(bomb(10_000))


def spoil_large_bomb(root):
    (root / "bee" / "bomb.png").write_bytes(bomb(60_000))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (spoil_missing, "there is no folder .*nowhere"),
        (spoil_file, "is not a folder"),
        (spoil_no_subfolders, "no subfolders: every class needs one"),
        (spoil_empty_class, "cricket' has no images"),
        (spoil_mixed, "stray.png among them"),
        (spoil_truncated, "cut.png' cannot be read as an image"),
        (spoil_text, "text.jpg' cannot be read as an image"),
        (spoil_postscript, "program.png' cannot be read as an image"),
        (spoil_bomb, "bomb.png' has too many pixels"),
        (spoil_large_bomb, "bomb.png' has too many pixels"),
    ],
)
def test_what_cannot_be_used_is_named(folder, spoil, message):
    with pytest.raises(InputError, match=message) as raised:
        image_folder(spoil(folder) or folder)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"size": 0}, "size must be"), ({"channels": 2}, "channels must be 1 or 3"), ({"limit": 0}, "limit must be")],
)
def test_bad_options_are_named(folder, options, message):
    with pytest.raises(InputError, match=message):
        image_folder(folder, **options)


def test_a_pipe_with_the_name_of_an_image_is_not_waited_for(folder):
    os.mkfifo(folder / "bee" / "pipe.png")
    with pytest.warns(UserWarning, match="1 files that are no images were ignored"):
        assert len(image_folder(folder)) == 5


def test_a_folder_that_may_not_be_read(folder, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(InputError, match="insects' cannot be read: Permission denied"):
        list_images(folder)


def test_folders_in_parts(folder, tmp_path):
    root = tmp_path / "parts"
    root.mkdir()
    folder.rename(root / "train")
    (root / "val" / "ant").mkdir(parents=True)
    Image.new("L", (8, 8), 77).save(root / "val" / "ant" / "one.png")
    assert brightness(load_data(root, split="validation")) == [77]
    assert len(load_data(str(root), split="train")) == 5
    with pytest.raises(InputError, match=r"no part 'test' .* it has 'train', 'val'"):
        load_data(root)


def test_a_plain_folder_is_one_whole(folder):
    assert len(load_data(folder)) == len(load_data(folder, split="train")) == 5
    assert load_data(folder, limit=2, size=4, channels=3).inputs.shape == (2, 3, 4, 4)
