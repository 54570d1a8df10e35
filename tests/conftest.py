r"""Shared by all tests: the markers, a reader's own code under our tests, a generator, a folder."""

import pytest
import torch
from side_by_side import pytest_runtestloop  # noqa: F401


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: minutes long; run with --slow")
    config.addinivalue_line("markers", "gpu: needs a CUDA device; skips itself without one")
    config.addinivalue_line(
        "markers", "equation(*names): mathematics alone; judges a reader's own code, see --mine"
    )
    config.mine = {}
    if config.getoption("--mine"):
        from tutorials.exercise.judge import chosen, put_in_place
        from tutorials.exercise.registry import EXERCISES

        for word in config.getoption("--mine"):
            try:
                exercise, mine = chosen(word, EXERCISES)
            except ValueError as error:
                raise pytest.UsageError(str(error)) from None
            put_in_place(exercise, mine)  # before any test has imported ours
            config.mine[exercise.name] = exercise, mine
        config.option.tbstyle = "no"  # what to mend is said at the end


def pytest_addoption(parser):
    parser.addoption("--processes", type=int, help="that run the tests (as many as pay)")
    parser.addoption("--slow", action="store_true", help="also run the tests marked slow")
    parser.addoption(
        "--mine",
        action="append",
        default=[],
        metavar="NAME=FILE",
        help="run the mathematics' tests on your own function (python -m tutorials.exercise)",
    )


def judged(item):
    r"""Names of the exercises that a test judges."""
    return {name for mark in item.iter_markers("equation") for name in mark.args}


def pytest_collection_modifyitems(config, items):
    if config.mine:
        others = [item for item in items if not judged(item) & set(config.mine)]
        items[:] = [item for item in items if judged(item) & set(config.mine)]
        config.hook.pytest_deselected(items=others)
        if not items:
            files = ", ".join(exercise.tests for exercise, _ in config.mine.values())
            raise pytest.UsageError(f"no test here judges {', '.join(config.mine)}; run {files}")
        for item in items:
            item.user_properties.append(("judges", sorted(judged(item))))  # its report has it too
    for item in items:
        if "slow" in item.keywords and not config.getoption("--slow"):
            item.add_marker(pytest.mark.skip(reason="slow: add --slow"))
        if "gpu" in item.keywords and not torch.cuda.is_available():
            item.add_marker(pytest.mark.skip(reason="no CUDA device"))


def pytest_terminal_summary(terminalreporter, config):
    if not config.mine:
        return
    from tutorials.exercise.judge import diagnose

    bad = terminalreporter.stats.get("failed", []) + terminalreporter.stats.get("error", [])
    for name, (exercise, mine) in config.mine.items():
        terminalreporter.section(f"your {name}")
        failed = [report for report in bad if name in dict(report.user_properties)["judges"]]
        lines = diagnose(exercise, mine)
        if not failed and not lines:
            lines = ["right by every test of its mathematics"]
        elif not lines:
            tests = ", ".join(sorted({report.nodeid.split("::")[-1] for report in failed}))
            lines = [
                "every small input is right; what fails is asked of larger ones by",
                f"           {tests}",
                f"read       tutorials/{exercise.chapter}",
            ]
        for line in lines:
            terminalreporter.write_line(line)


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


@pytest.fixture(scope="session")
def cutouts(tmp_path_factory):
    r"""Twenty ovals of noise for the finder, 192x192, transparent around."""
    import numpy as np
    from PIL import Image

    folder = tmp_path_factory.mktemp("cutouts")
    rng = np.random.default_rng(5)
    y, x = (np.mgrid[:192, :192] + 0.5 - 96) / 48
    for i in range(20):
        pixels = rng.integers(0, 256, (192, 192, 4), np.uint8)
        pixels[..., 3] = 255 * ((x / 0.8) ** 2 + y**2 < 1)
        Image.fromarray(pixels).save(folder / f"{i:02d}.png")
    return folder
