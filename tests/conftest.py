r"""Shared by all tests: the markers, a generator, and a small ViCo-layout folder."""

import pytest
import torch


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: minutes long; run with --slow")
    config.addinivalue_line("markers", "gpu: needs a CUDA device; skips itself without one")


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="also run the tests marked slow")


def pytest_collection_modifyitems(config, items):
    for item in items:
        if "slow" in item.keywords and not config.getoption("--slow"):
            item.add_marker(pytest.mark.skip(reason="slow: add --slow"))
        if "gpu" in item.keywords and not torch.cuda.is_available():
            item.add_marker(pytest.mark.skip(reason="no CUDA device"))


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


@pytest.fixture(scope="session")
def vico_folder(tmp_path_factory):
    r"""Six made-up pairs of 50 frames in ViCo's layout: smooth random motion, noise for sound,
    pictures whose grey follows the pitch. Numbers only; no face is needed to test the plumbing."""
    import numpy as np

    from mfr.face import coefficients
    from mfr.files import media

    folder = tmp_path_factory.mktemp("vico")
    rng = np.random.default_rng(3)
    lines = ["attitude,audio,listener,speaker,listener_id,speaker_id,data_split"]
    for i, split in enumerate(("train", "train", "train", "train", "test", "ood")):
        attitude = ("positive", "neutral", "negative")[i % 3]
        names = [f"c{i}_listener", f"c{i}_speaker"]
        for name in names:
            coeff = rng.normal(size=(50, 257)).cumsum(0) * 0.02
            coefficients.save_mat(folder / "recons" / f"{name}.mat", coeff)
            grey = (128 + 500 * coeff[:, 224]).clip(0, 255).astype(np.uint8)
            frames = [np.full((256, 256, 3), value, np.uint8) for value in grey]
            media.write_video(folder / "videos" / f"{name}.mp4", frames)
        media.write_sound(folder / "audios" / f"c{i}.wav", 0.1 * rng.normal(size=26667), 16000)
        lines.append(f"{attitude},c{i},{names[0]},{names[1]},{i % 2},{10 + i % 3},{split}")
    (folder / "RLD_data.csv").write_text("\n".join(lines) + "\n")
    return folder
