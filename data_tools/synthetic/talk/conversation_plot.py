r"""One conversation as a picture: the sound, the speaker, and the listener under each attitude."""

import numpy as np

from data_tools.synthetic.people.person import ID_STD
from data_tools.synthetic.talk import conversation, motion, speech
from data_tools.synthetic.talk.motion import COLUMN, FPS
from data_tools.synthetic.talk.phonetics import sample_voice
from data_tools.synthetic.talk.speaker import speaker_motion
from mfr.config import ATTITUDES
from mfr.files.whole import atomic

DRAWS = 3  # of each attitude
SECONDS = 9
CURVES = (  # what a listener's panel shows: name, label, colour
    (("pitch", "nod (pitch)", "tab:blue"), ("yaw", "shake (yaw)", "tab:red")),
    (
        ("smile", "smile", "tab:green"),
        ("brow_lower", "frown", "tab:brown"),
        ("lids_close", "lids", "0.8"),
    ),
)


def draw(path, seed=0):
    r"""Write the picture.

    Args:
        path: .png.
        seed: of the conversation.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    rng = np.random.default_rng([seed, 5])
    said = speech.synthesize_speech(sample_voice(rng), SECONDS, rng)
    speaker, listener = ID_STD * rng.standard_normal((2, 80))
    speaking = speaker_motion(said, motion.personal_style(speaker), rng)
    rest = np.zeros(70)
    figure, axes = plt.subplots(
        3 + 2 * len(ATTITUDES),
        1,
        figsize=(10, 12),
        sharex=True,
        gridspec_kw={"height_ratios": [0.7, 1, 1] + [1.1, 0.9] * len(ATTITUDES)},
    )
    _sound(axes[0], axes[1], said)
    _speaker(axes[2], speaking)
    for place, attitude in enumerate(ATTITUDES):
        draws = [
            conversation.sample_listener(said, attitude, listener, rng, rest) for _ in range(DRAWS)
        ]
        for axis, curves in zip(axes[3 + 2 * place :], CURVES):
            _listener(axis, draws, curves)
        axes[3 + 2 * place].set_title(
            f"listener, {attitude}: {DRAWS} draws", fontsize=9, loc="left"
        )
    for axis in axes:
        for _, end in said.track.phrases:
            axis.axvline(end / FPS, color="0.4", lw=0.8, ls=":")
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(labelsize=8)
    axes[-1].set_xlabel("seconds; dotted: a phrase ends")
    axes[-1].set_xlim(0, SECONDS)
    figure.tight_layout(h_pad=0.2)
    with atomic(path) as temporary:
        figure.savefig(temporary, dpi=110, format="png")
    plt.close(figure)


def _sound(wave_axis, spectrum_axis, said):
    r"""Waveform with its phrases; spectrogram up to 5 kHz with the pitch."""
    seconds = np.arange(len(said.waveform)) / said.sample_rate
    wave_axis.plot(seconds, said.waveform, lw=0.3, color="0.3")
    for start, end in said.track.phrases:
        wave_axis.axvspan(start / FPS, end / FPS, color="tab:orange", alpha=0.15, lw=0)
    for time, strength in said.track.accents:
        wave_axis.plot(time / FPS, 0.45, "v", color="tab:red", ms=2 + 3 * strength)
    wave_axis.set_ylabel("sound", fontsize=8)
    wave_axis.set_title(
        "speaker: phrases (orange), accents (red), spectrogram, motion", fontsize=9, loc="left"
    )
    spectrum_axis.specgram(
        said.waveform, NFFT=512, noverlap=432, Fs=said.sample_rate, vmin=-120, cmap="magma"
    )
    spectrum_axis.set_ylim(0, 5000)
    spectrum_axis.set_ylabel("Hz", fontsize=8)


def _speaker(axis, speaking):
    r"""Jaw and head of the speaker."""
    seconds = (np.arange(len(speaking)) + 0.5) / FPS
    axis.plot(seconds, speaking[:, COLUMN["jaw_open"]], color="tab:purple", lw=1, label="jaw")
    for name, colour in (("pitch", "tab:blue"), ("yaw", "tab:red")):
        moved = speaking[:, COLUMN[name]] - speaking[0, COLUMN[name]]
        axis.plot(seconds, moved, color=colour, lw=1, label=f"{name} [rad]")
    axis.legend(fontsize=7, ncol=3, loc="upper right", frameon=False)
    axis.set_ylim(-0.25, 0.7)


def _listener(axis, draws, curves):
    r"""Several draws in one panel, the first one strong."""
    for name, label, colour in curves:
        for place, drawn in enumerate(draws):
            seconds = (np.arange(len(drawn)) + 0.5) / FPS
            axis.plot(
                seconds,
                drawn[:, COLUMN[name]],
                color=colour,
                lw=1.1 - 0.2 * place,
                alpha=1 - 0.3 * place,
                label=label if place == 0 else None,
            )
    head = curves[0][0] == "pitch"
    axis.set_ylim((-0.15, 0.2) if head else (-0.15, 1.05))
    axis.set_ylabel("rad" if head else "exp", fontsize=8)
    axis.legend(fontsize=7, ncol=3, loc="upper right", frameon=False)
