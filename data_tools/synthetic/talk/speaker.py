r"""The speaker's face and head, driven by what is inside the speech."""

import numpy as np

from data_tools.synthetic.talk import motion
from data_tools.synthetic.talk.motion import COLUMN


def speaker_motion(speech, person_style, rng, rest=None):
    r"""How the speaker's face and head move while speaking.

    Ours: jaw and lips follow the syllables one frame ahead of the sound; the head dips with the
    accents, changes its pose between phrases and sways; brows rise with strong accents; blinks
    gather at phrase ends; the smile follows the mood.

    Args:
        speech: Speech or Track, L frames.
        person_style: Style of motion.personal_style.
        rng: numpy Generator.
        rest: (70,) the pose at frame 0 and around which all moves; none: a seat is drawn.

    Returns:
        float32 (L, 70).
    """
    track = getattr(speech, "track", speech)
    rest = motion.seat(rng) if rest is None else np.asarray(rest, float)
    moved = _sway(track.num_frames, person_style, rng)
    _articulate(moved, track, person_style, rng)
    _beat(moved, track, person_style, rng)
    _shift_pose(moved, track, person_style, rng)
    times = motion.blink_frames(track.num_frames, 0.3, rng)
    times += [end + rng.uniform(-3, 8) for end in track.phrase_ends if rng.random() < 0.4]
    moved[:, COLUMN["lids_close"]] += motion.lids(track.num_frames, times)
    moved += rest
    return motion.follow_neck(moved, rest).astype(np.float32)


def _sway(frames, style, rng):
    r"""Drift of a talking head; row 0 is 0."""
    std = np.full(70, 0.04)
    std[:3] = np.array([0.03, 0.045, 0.03])
    std[motion.TRANS] = [0.008, 0.008, 0.05]
    std[COLUMN["lids_close"]] = 0.02
    std[[COLUMN["gaze_x"], COLUMN["gaze_y"]]] = 0.10
    return motion.drift(frames, std * style.liveliness, 16, rng)


def _articulate(moved, track, style, rng):
    r"""Jaw and lips, one frame before the sound; how wide differs by person and clip."""
    ahead = np.minimum(np.arange(track.num_frames) + 1, track.num_frames - 1)
    openness, rounding = track.openness[ahead], track.rounding[ahead]
    closure, loud = track.closure[ahead], track.loudness[ahead]
    wide = 0.55 * np.exp(rng.normal(0, 0.15)) * style.expressiveness**0.5
    moved[:, COLUMN["jaw_open"]] += wide * openness * (0.6 + 0.4 * loud) * (1 - 0.9 * closure)
    moved[:, COLUMN["lip_round"]] += 0.7 * rounding * (1 - closure)
    moved[:, COLUMN["lip_press"]] += 0.5 * closure
    moved[:, COLUMN["upper_lip_raise"]] += 0.15 * openness * loud
    mood = track.mood - track.mood[0] * np.exp(-np.arange(track.num_frames) / 15)
    moved[:, COLUMN["smile"]] += 0.3 * style.expressiveness * np.maximum(mood, 0)
    moved[:, COLUMN["cheek_raise"]] += 0.2 * style.expressiveness * np.maximum(mood, 0)
    moved[:, COLUMN["brow_lower"]] += 0.3 * style.expressiveness * np.maximum(-mood, 0)


def _beat(moved, track, style, rng):
    r"""A dip of the head at most accents, brows up at some."""
    frames = track.num_frames
    for time, strength in track.accents:
        period = rng.uniform(8, 13) / style.tempo
        if rng.random() < 0.8:
            size = 0.07 * style.size * strength * np.exp(rng.normal(0, 0.3))
            dip = size * motion.beats(frames, time - period / 2, period, 1)
            moved[:, motion.PITCH] += dip
            moved[:, motion.YAW] += dip * rng.normal(0, 0.3)
        if rng.random() < 0.35:
            rise = 0.35 * style.expressiveness * strength * np.exp(rng.normal(0, 0.3))
            shape = motion.hold(frames, time - 6, 5, rng.uniform(2, 8), 9)
            moved[:, COLUMN["brow_raise"]] += rise * shape


def _shift_pose(moved, track, style, rng):
    r"""Between phrases the head goes to another pose."""
    size = np.array([0.035, 0.07, 0.045]) * style.size
    for start, _ in track.phrases:
        target = rng.normal(0, size)
        slope = rng.uniform(10, 18)
        since = (np.arange(track.num_frames) - start + slope / 2).clip(0, slope) / slope
        step = (1 - np.cos(np.pi * since)) / 2
        moved[:, :3] += step[:, None] * (target - moved[-1, :3] * 0.5)
