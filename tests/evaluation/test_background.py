r"""PCHG's repair of the background: the mask, its median, the blend.

Oracles: scipy's Gaussian filter; masks of a few pixels by hand; frames that differ from the
portrait in a known region.
"""

import numpy as np
import pytest
import torch
from scipy import ndimage

from data_tools import train_segmenter
from mfr.evaluation.methods import background
from mfr.evaluation.methods.painters import Painter


def test_blur_is_scipys_truncated_gaussian(generator):
    x = torch.rand(2, 1, 13, 17, generator=generator, dtype=torch.float64)
    for size, std in ((7, 8.0), (5, 1.3)):
        places = np.arange(size) - size // 2
        weights = np.exp(-0.5 * (places / std) ** 2)
        expected = x.numpy()
        for axis in (2, 3):
            expected = ndimage.correlate1d(expected, weights / weights.sum(), axis, mode="mirror")
        np.testing.assert_allclose(background.blur(x, size, std).numpy(), expected, rtol=1e-9)


def flat(values, side=9):
    return torch.tensor(values)[:, None, None, None].expand(-1, 1, side, side).clone()


def test_mask_is_one_where_both_show_background():
    for portrait, frame, expected in ((1.0, 1.0, 1), (1.0, 0.3, 0), (0.7, 1.0, 0), (0.9, 0.5, 1)):
        found = background.background_masks(flat([portrait]), flat([frame]))
        assert found.shape == (1, 1, 9, 9)
        torch.testing.assert_close(found, flat([float(expected)]))


def test_one_frames_error_is_outvoted_by_the_last_five():
    shares = flat([1.0, 1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0])
    found = background.background_masks(flat([1.0]), shares)[:, 0, 0, 0]
    # windows of five: 1 | 11 | 111 | 1110 | 11101 | 11010 | 10100 | 01000
    torch.testing.assert_close(found, torch.tensor([1.0, 1, 1, 1, 1, 1, 0, 0]))


def test_hair_is_spared_where_the_portrait_is_in_doubt():
    portrait = torch.ones(1, 1, 21, 21)
    portrait[..., :10] = 0
    found = background.background_masks(portrait, torch.ones(1, 1, 21, 21))[0, 0, 10]
    assert found[:10].max() == 0 and found[-4:].min() > 1 - 1e-6
    assert 0 < float(found[12]) < 1  # its edge is soft


def test_background_comes_from_the_portrait_and_the_person_from_the_frame():
    class Left:  # the left half is the person
        def __call__(self, images):
            share = torch.full((len(images), 1, 256, 256), -50.0)
            share[..., 128:] = 50.0
            return share

    portrait, frames = torch.full((1, 3, 256, 256), 0.2), torch.full((3, 3, 256, 256), 0.9)
    found = background.keep_background(Left(), portrait, frames)
    torch.testing.assert_close(found[..., :120], frames[..., :120])
    torch.testing.assert_close(found[..., 140:], portrait.expand_as(frames)[..., 140:])
    painter = Painter("r", lambda picture, own, windows: frames, 1)
    better = background.repaired(painter, Left())
    assert better.name == "r + PCHG's background"
    torch.testing.assert_close(better.paint(portrait[0], None, None), found)


def test_segmenter_is_written_read_and_found(tmp_path):
    net = background.Segmenter(4)
    assert net(torch.rand(2, 3, 256, 256)).shape == (2, 1, 256, 256)
    assert background.find_segmenter(tmp_path) is None
    background.save(tmp_path / "a" / "segmenter.pt", net)
    found = background.find_segmenter(tmp_path)
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), found.parameters()))
    painters = [Painter("r", None, 1), Painter("s", None, 1)]
    assert background.with_repair(painters[:1], tmp_path / "nobody") == (painters[:1], None)
    several, better = background.with_repair(painters, tmp_path)
    assert [p.name for p in several] == ["r", "r + PCHG's background", "s"] and better is several[1]
    (tmp_path / "a" / "segmenter.pt").write_bytes(b"x")
    with pytest.raises(ValueError, match="segmenter.pt: cannot be opened safely"):
        background.find_segmenter(tmp_path)
    torch.save({"format": 3}, tmp_path / "a" / "segmenter.pt")
    with pytest.raises(ValueError, match="format 3; a segmenter has 'mfr-net segmenter 1'"):
        background.find_segmenter(tmp_path)


def test_masks_are_of_the_pictures_and_a_little_training_finds_them(tmp_path):
    images, masks = train_segmenter.pictures(3, seed=5)
    assert images.shape == (9, 3, 256, 256) and masks.shape == (9, 1, 256, 256)
    share = masks.float().mean()
    assert 0.15 < share < 0.85
    assert not masks[:, :, 100:160, 100:156].any()  # a face is in the middle
    net, right = train_segmenter.train(images, masks, 12, 0)
    assert right > max(share, 1 - share)
    with pytest.raises(ValueError, match="--people is 0; allowed: >= 1"):
        train_segmenter.main(["--people", "0"])
