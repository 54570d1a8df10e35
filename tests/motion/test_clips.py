r"""Sec. 3.3: windows, whole clips, live streams.

Oracles: Python loops over frames; the window-by-window call of the real network; a predictor
whose noise is known in closed form; chunk sizes that must not matter; properties (exact inverses,
nothing from the future, bounded buffers).
"""

import math
import warnings
from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from mfr.config import MotionConfig
from mfr.motion import clips
from mfr.motion.clips import ClipDenoiser, align, join, num_windows, split
from mfr.motion.condition import Condition
from mfr.motion.diffusion import GaussianDiffusion, linear_beta_schedule
from mfr.motion.guidance import Guided
from mfr.motion.model import noise_predictor
from mfr.motion.samplers import spaced_steps
from mfr.motion.stream import ResponseStream, joined

EXACT = {"rtol": 1e-9, "atol": 1e-11}
GRIDS = [(40, 20), (40, 8), (40, 40), (7, 3), (11, 2), (5, 5), (1, 1)]  # window, stride
SMALL = MotionConfig(
    width=6,
    heads=3,
    layers=2,
    feedforward=11,
    identity_dim=7,
    past=0,
    smoother=False,  # with random gains its motion would grow beyond all bounds
)


def draw(seed, *shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def condition(frames, batch=1, seed=0, mask=None):
    return Condition(
        audio=draw(seed + 1, batch, frames, 45),
        speaker=draw(seed + 2, batch, frames, 70),
        identity=draw(seed + 3, batch, 7),
        attitude=torch.eye(3, dtype=torch.float64)[[i % 3 for i in range(batch)]],
        reference=draw(seed + 4, batch, 70),
        mask=mask,
    )


def random_model(past=0):
    model = noise_predictor(replace(SMALL, past=past)).double()
    for i, parameter in enumerate(model.parameters()):
        scale = parameter.shape[-1] ** -0.5 if parameter.dim() == 2 else 0.3
        parameter.data = scale * draw(i, *parameter.shape)
    return model.requires_grad_(False)


def heard(cond, start, stop, past):
    """Frames start - past .. stop of a clip's condition, cut where the clip begins."""
    part = slice(max(start - past, 0), stop)
    missing = max(past - start, 0)
    audio, speaker = (F.pad(x[:, part], (0, 0, missing, 0)) for x in (cond.audio, cond.speaker))
    mask = torch.arange(past + stop - start)[None] >= missing
    return cond._replace(audio=audio, speaker=speaker, mask=mask)


# ---- split and join ----


@pytest.mark.parametrize("window, stride", GRIDS)
@pytest.mark.equation("split", "join")
def test_join_undoes_split_bit_for_bit(window, stride):
    for length in [*range(1, 131), 1800]:
        x = draw(length, 2, length, 3).float()
        windows = split(x, window, stride)
        assert windows.shape == (2, num_windows(length, window, stride), window, 3)
        assert torch.equal(join(windows, length, window, stride), x), length


@pytest.mark.parametrize("window, stride", GRIDS)
@pytest.mark.parametrize("length", [1, 2, 7, 39, 40, 41, 60, 61, 83])
@pytest.mark.equation("split")
def test_windows_are_every_stride_and_the_last_ends_in_zeros(length, window, stride):
    x = 1 + torch.arange(length, dtype=torch.float64)[:, None]  # frame i holds i + 1
    expected = [[]]
    while True:
        start = (len(expected) - 1) * stride
        expected[-1] = [i + 1 if i < length else 0 for i in range(start, start + window)]
        if start + window >= length:
            break
        expected.append([])
    assert split(x, window, stride)[..., 0].tolist() == expected


def weight(place, window):
    """Of frame `place` of a window, in the mean of overlapping windows: 1, 2, .. 2, 1."""
    return min(place + 1, window - place)


@pytest.mark.parametrize("window, stride", GRIDS)
@pytest.mark.parametrize("length", [1, 13, 41, 83])
@pytest.mark.equation("join")
def test_join_is_a_triangle_weighted_mean_where_windows_overlap(length, window, stride):
    windows = draw(0, 2, num_windows(length, window, stride), window, 3)
    found = join(windows, length, window, stride)
    for i in range(length):
        places = {w: i - w * stride for w in range(windows.shape[1])}
        over = {w: p for w, p in places.items() if 0 <= p < window}
        total = sum(weight(p, window) * windows[:, w, p] for w, p in over.items())
        mean = total / sum(weight(p, window) for p in over.values())
        torch.testing.assert_close(found[:, i], mean, **EXACT)


@pytest.mark.equation("join")
def test_join_is_differentiable():
    windows = draw(0, 3, 5, 2).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: join(x, 9, 5, 2), [windows])


def test_split_condition_repeats_the_listener_and_marks_the_padding():
    mask = torch.arange(50) < torch.tensor([[50], [30]])
    cond = condition(50, 2, mask=mask)
    windows = clips.split_condition(cond)  # 50 frames: 0..39 and 20..49; 30 frames: one window
    assert torch.equal(windows.audio[1, :30], cond.audio[0, 20:])
    assert torch.equal(windows.speaker[2, :30], cond.speaker[1, :30])
    assert (windows.speaker[2, 30:] == 0).all()
    for name in ("identity", "attitude", "reference"):
        rows = getattr(windows, name)
        assert torch.equal(rows, getattr(cond, name)[[0, 0, 1]])
    assert windows.mask.tolist() == [[i < n for i in range(40)] for n in (40, 30, 30)]
    assert clips.split_condition(condition(50)).mask.sum(1).tolist() == [40, 30]
    full = clips.split_condition(condition(60)._replace(reference=None))
    assert full.mask is None and full.reference is None  # nothing is padded, nothing to mask


def test_split_condition_begins_earlier_where_there_is_a_past():
    mask = torch.arange(50) < torch.tensor([[50], [30]])
    cond = condition(50, 2, mask=mask)
    windows = clips.split_condition(cond, past=23)
    assert len(windows.audio) == 3  # as many as without
    assert (windows.audio[0, :23] == 0).all() and torch.equal(
        windows.audio[0, 23:], cond.audio[0, :40]
    )
    assert torch.equal(windows.speaker[1, 3:53], cond.speaker[0])  # frames -3 .. 59
    frames = [(-23, 50), (-3, 50), (-23, 30)]  # of the first place, and how many the clip has
    expected = [[0 <= first + i < n for i in range(63)] for first, n in frames]
    assert windows.mask.tolist() == expected


# ---- whole clips ----


@pytest.mark.parametrize("frames", [1, 13, 40, 83])
@pytest.mark.parametrize("past", [0, 23])
def test_clip_noise_is_the_weighted_mean_of_its_windows(frames, past):
    model, cond, samples = random_model(past), condition(frames), 3
    x_t, t = draw(9, samples, frames, 70), torch.full((samples,), 17)
    denoiser = ClipDenoiser(model, cond, past=past)
    for first in (0, -10, 0):  # every other call shifts the windows by half a stride
        found = denoiser(x_t, t)
        for k in range(samples):
            total, count = torch.zeros(frames, 70).double(), torch.zeros(frames, 1)
            start = first
            while True:  # one window, one sample at a time
                inside = slice(max(start, 0), min(start + 40, frames))
                window, noisy = before_the_start(cond, x_t[k], start, inside, past)
                eps = model(noisy, t[:1], window)[0, inside.start - start :]
                share = [[weight(p - start, 40)] for p in range(inside.start, inside.stop)]
                total[inside] += torch.tensor(share) * eps
                count[inside] += torch.tensor(share)
                if start + 40 >= frames:
                    break
                start += 20
            torch.testing.assert_close(found[k], total / count, **EXACT)


def before_the_start(cond, x, start, inside, past):
    """A window's condition and noisy frames from `start` on, which may be before the clip."""
    lead = inside.start - start
    window = heard(cond, inside.start, inside.stop, past + lead)
    noisy = F.pad(x[inside], (0, 0, lead, 0))
    return window, noisy[None]


def test_clips_of_a_batch_do_not_touch_each_other():
    model, samples, frames = random_model(), 2, 53
    mask = torch.arange(frames) < torch.tensor([[frames], [31], [frames]])
    cond = condition(frames, 3, mask=mask)
    x_t = draw(9, 3 * samples, frames, 70)
    t = torch.tensor([5, 7, 11]).repeat_interleave(samples)
    together = ClipDenoiser(model, cond)(x_t, t)
    for b in range(3):
        own, rows = int(mask[b].sum()), slice(b * samples, (b + 1) * samples)
        alone = Condition(
            cond.audio[b : b + 1, :own],
            cond.speaker[b : b + 1, :own],
            *(x[b : b + 1] for x in cond[2:5]),
        )
        expected = ClipDenoiser(model, alone)(x_t[rows, :own], t[rows])
        torch.testing.assert_close(together[rows, :own], expected, **EXACT)
        assert (together[rows, own:] == 0).all()


def test_speaker_is_encoded_once_for_all_steps_and_samples(generator):
    model, encoded = random_model(), []
    model.speaker.register_forward_hook(lambda _, args, out: encoded.append(out.shape))
    denoiser = ClipDenoiser(model, condition(83))
    diffusion = GaussianDiffusion(linear_beta_schedule(50))
    out = diffusion.sample(denoiser, (3, 83, 70), None, generator, steps=4)
    assert encoded == [(4, 40, 6)] * 2 and out.shape == (3, 83, 70)  # for each grid of windows


def test_a_sampled_clip_glides_from_window_to_window(generator):
    # a predictor that shifts each window by its own constant draws a step of 1 at each border when
    # windows are sampled one after the other; one process over the clip spreads it over 20 frames
    diffusion = GaussianDiffusion(linear_beta_schedule(50))

    class Point:  # data: window w is the constant w, so that eps is known
        def prepare(self, cond):
            return None

        def __call__(self, x_t, t, prepared):
            level = torch.arange(len(x_t)).view(-1, 1, 1)
            bar_alpha = diffusion.alphas_cumprod[t].view(-1, 1, 1)
            return (x_t - bar_alpha.sqrt() * level) / (1 - bar_alpha).sqrt()

    denoiser = ClipDenoiser(Point(), condition(100))
    denoiser(draw(0, 1, 100, 1), torch.tensor([1]))  # so that the last of 50 steps is not shifted
    out = diffusion.sample(denoiser, (1, 100, 1), None, generator, dtype=torch.float64)
    places = torch.arange(100.0).double()
    # frames 20 w + p: windows w - 1 and w with weights 20 - p and p + 1; ends: one window alone
    expected = places // 20 - 1 + (places % 20 + 1) / 21
    expected[:20], expected[80:] = 0, 3
    torch.testing.assert_close(out[0, :, 0], expected, **EXACT)


def test_guidance_reaches_the_windows():
    model, cond = random_model(), condition(53)
    x_t, t = draw(9, 1, 53, 70), torch.tensor([17])
    found = ClipDenoiser(model, cond, guidance=2.5)(x_t, t)
    torch.testing.assert_close(found, ClipDenoiser(Guided(model, 2.5), cond)(x_t, t), **EXACT)
    null = ClipDenoiser(model, cond._replace(attitude=0 * cond.attitude))(x_t, t)
    given = ClipDenoiser(model, cond)(x_t, t)
    torch.testing.assert_close(found, null + 2.5 * (given - null), **EXACT)


# ---- streams ----


def stream(model, generator, cond, **options):
    diffusion = GaussianDiffusion(linear_beta_schedule(50))
    return ResponseStream(
        model,
        diffusion,
        cond.identity,
        cond.attitude,
        generator,
        cond.reference,
        **{"steps": 3, **options},
    )


def push_all(stream, cond, sizes):
    out, start = [], 0
    for size in sizes:
        part = slice(start, start + size)
        out.append(stream.push(cond.audio[0, part], cond.speaker[0, part]))
        start += size
    return [*out, stream.flush()]


@pytest.mark.parametrize("frames", [1, 7, 8, 61])
def test_stream_does_not_depend_on_how_frames_arrive(frames):
    model, cond = random_model(), condition(frames)
    results = []
    for sizes in ([frames], [1] * frames, [0, *[5] * (frames // 5), frames % 5]):
        generator = torch.Generator().manual_seed(0)
        results.append(torch.cat(push_all(stream(model, generator, cond), cond, sizes)))
    assert results[0].shape == (frames, 70)
    assert torch.equal(results[0], results[1]) and torch.equal(results[0], results[2])


def test_stream_answers_within_its_stride():
    model, cond = random_model(), condition(61)
    live = stream(model, torch.Generator().manual_seed(0), cond)
    given = 0
    for i in range(61):
        given += len(live.push(cond.audio[0, i : i + 1], cond.speaker[0, i : i + 1]))
        assert i + 1 - given < 8  # below 8 frames at 30 fps: 267 ms
    assert len(live.flush()) == 61 - given == 5


@pytest.mark.parametrize("past", [0, 23])
def test_stream_knows_nothing_of_the_future(past):
    model, cond = random_model(past), condition(61)
    other = cond._replace(speaker=cond.speaker.clone(), audio=cond.audio.clone())
    other.speaker[:, 48:] += 1
    other.audio[:, 48:] -= 1
    first, second = (
        torch.cat(push_all(stream(model, torch.Generator().manual_seed(0), c, past=past), c, [61]))
        for c in (cond, other)
    )
    assert torch.equal(first[:48], second[:48])
    assert not torch.isclose(first[48:], second[48:]).all(-1).any()


@pytest.mark.parametrize("past", [0, 23])
def test_stream_completes_the_window_that_ends_with_the_new_frames(past):
    model, cond = random_model(past), condition(61)
    live = stream(model, torch.Generator().manual_seed(0), cond, past=past)
    seen = []

    def record(eps_model, shape, prepared, generator, steps, **options):
        drawn = sample(eps_model, shape, prepared, generator, steps, **options)
        seen.append((shape, drawn[0], prepared))
        assert steps == spaced_steps(50, 3) and options["eta"] == 0
        return drawn

    sample, live.diffusion.sample = live.diffusion.sample, record
    given = torch.cat(push_all(live, cond, [61]))
    ends = [8, 16, 24, 32, 40, 48, 56, 61]
    assert len(seen) == len(ends)
    for end, previous, (shape, drawn, prepared) in zip(ends, [0, *ends], seen):
        start = max(end - 40, 0)
        assert shape == (1, end - start, 70)
        assert torch.equal(given[previous:end], joined(given[start:previous], drawn))
        window = heard(cond, start, end, past)
        assert torch.equal(prepared.driving[0][0], model.prepare(window).driving[0][0])


@pytest.mark.parametrize("past", [0, 5])
def test_stream_keeps_no_more_than_a_window_and_its_past(past):
    model, cond = random_model(past), condition(200)
    live = stream(model, torch.Generator().manual_seed(0), cond, window=11, stride=3, past=past)
    for start in range(0, 200, 4):
        live.push(cond.audio[0, start : start + 4], cond.speaker[0, start : start + 4])
        assert len(live.audio) == len(live.speaker) <= past + 11 + 3
        assert len(live.given_out) <= past + 11
    live.flush()
    assert len(live.push(cond.audio[0, :3], cond.speaker[0, :3])) == 3  # a new stream


def test_stream_is_guided():
    model, cond = random_model(), condition(8)
    guided, same, plain = (
        torch.cat(push_all(stream(m, torch.Generator().manual_seed(0), cond, **options), cond, [8]))
        for m, options in ((model, {"guidance": 2.0}), (Guided(model, 2.0), {}), (model, {}))
    )
    assert torch.equal(guided, same) and not torch.isclose(guided, plain).any(-1).all()


# ---- sound and video of unequal length ----


@pytest.mark.parametrize("audio, video", [(53, 53), (53, 52), (52, 53), (53, 50), (1, 7)])
def test_align_cuts_to_the_shorter_and_says_so(audio, video):
    a, v = draw(0, audio, 2), draw(1, video, 3)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        found = align(a, v)
    length = min(audio, video)
    assert torch.equal(found[0], a[:length]) and torch.equal(found[1], v[:length])
    assert [str(w.message) for w in said] == (
        [f"audio has {audio} frames, video {video}; both cut to {length}"]
        if abs(audio - video) > 1
        else []
    )


# ---- errors ----

MODEL = random_model()
ERRORS = [
    (lambda: split(draw(0, 0, 3)), "length is 0 frames; allowed: >= 1"),
    (lambda: split(draw(0, 5, 3), 4, 5), "stride is 5 with window 4; allowed: 1 .. window"),
    (lambda: split(draw(0, 5, 3), 4, 0), "stride is 0"),
    (lambda: num_windows(-1), "length is -1"),
    (lambda: join(draw(0, 3, 40, 2), 60), r"windows are \(3, 40\) .* allowed: \(2, 40\)"),
    (lambda: join(draw(0, 2, 39, 2), 60), r"windows are \(2, 39\)"),
    (
        lambda: ClipDenoiser(MODEL, condition(50))(draw(0, 1, 51, 70), torch.tensor([1])),
        r"x_t has shape \(1, 51, 70\); allowed: \(1 K, 50, D\)",
    ),
    (
        lambda: ClipDenoiser(MODEL, condition(5, 2))(draw(0, 3, 5, 70), torch.ones(3).long()),
        r"x_t has shape \(3, 5, 70\); allowed: \(2 K, 5, D\)",
    ),
    (lambda: ClipDenoiser(MODEL, condition(5), guidance=-2), "guidance is -2"),
    (
        lambda: ClipDenoiser(MODEL, condition(3, mask=torch.tensor([[True, False, True]]))),
        "mask of clip 0 has a hole; allowed: real frames, then padding",
    ),
    (lambda: stream(MODEL, None, condition(5), stride=41), "stride is 41 with window 40"),
    (
        lambda: stream(MODEL, None, condition(5)).push(draw(0, 3, 45), draw(0, 2, 70)),
        "audio has 3 frames, speaker 2",
    ),
    (lambda: stream(MODEL, None, condition(5)).flush(), "the stream is empty"),
    (lambda: align(draw(0, 0, 1), draw(0, 2, 1)), "audio has 0 frames, video 2; allowed: >= 1"),
]


@pytest.mark.parametrize("call, message", ERRORS)
def test_errors_name_the_argument_the_value_and_what_is_allowed(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_response_lasts_at_most_400_ms_with_the_default_stride():
    live = stream(MODEL, None, condition(5))
    assert live.stride / 30 <= 0.4 and math.isclose(live.stride / 30, 0.267, abs_tol=1e-3)
