r"""Synthetic speech and its speaker: the sound does what the hidden track says.

Oracles: scipy's recursive filters on the same source (formants), autocorrelation (pitch), short
energy of the recording (phrases, stress), a slow pointwise rule (lids), bands of five standard
errors of what is averaged.
"""

import json
import time
from dataclasses import replace

import numpy as np
import pytest
from scipy.signal import freqz, lfilter

from data_tools.synthetic.talk import motion, sound, speech
from data_tools.synthetic.talk.motion import COLUMN, FPS
from data_tools.synthetic.talk.phonetics import CONSONANTS, VOWELS, sample_voice
from data_tools.synthetic.talk.speaker import speaker_motion

SR = 16000


@pytest.fixture(scope="module")
def recordings():
    """Twelve dry recordings of twelve voices, 7 s each."""
    rows = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        voice = replace(sample_voice(rng), noise_db=-70, echo_seconds=0.0, jitter=0.004)
        rows.append((voice, speech.synthesize_speech(voice, 7, rng)))
    return rows


def steady(count, pitch=120.0, formants=(700, 1200, 2500), **levels):
    """Controls that stay as they are."""
    values = {
        "pitch": pitch,
        "voicing": 1,
        "aspiration": 0,
        "frication": 0,
        "frication_centre": 5000,
        "frication_width": 1000,
        **levels,
    }
    curves = {name: np.full(count, float(value)) for name, value in values.items()}
    return sound.Controls(formants=np.tile(np.array(formants, float), (count, 1)), **curves)


def energy(recording):
    """Level of each frame [dB]."""
    length = SR // FPS
    edges = (np.arange(recording.track.num_frames) * SR / FPS).astype(int)
    power = [np.mean(recording.waveform[e : e + length] ** 2.0) for e in edges]
    return 10 * np.log10(np.array(power) + 1e-12)


def test_same_seed_same_bytes_and_another_seed_another_sound():
    voice = sample_voice(np.random.default_rng(0))
    a, b, c = (speech.synthesize_speech(voice, 2, np.random.default_rng(s)) for s in (1, 1, 2))
    assert a.waveform.tobytes() == b.waveform.tobytes()
    assert json.dumps(a.track.to_dict()) == json.dumps(b.track.to_dict())
    assert a.waveform.tobytes() != c.waveform.tobytes()


@pytest.mark.parametrize("rate", [8000, 16000, 22100, 44100, 48000])
def test_plan_does_not_depend_on_the_sample_rate(rate):
    voice = sample_voice(np.random.default_rng(0))
    seconds = 71 / 30
    recording = speech.synthesize_speech(voice, seconds, np.random.default_rng(3), rate)
    other = speech.synthesize_speech(voice, seconds, np.random.default_rng(3), SR)
    assert json.dumps(recording.track.to_dict()) == json.dumps(other.track.to_dict())
    assert recording.track.num_frames == 71
    assert recording.waveform.shape == (round(seconds * rate),)
    assert recording.waveform.dtype == np.float32
    assert 0.05 < np.abs(recording.waveform).max() <= 0.97 + 1e-6


def test_formant_response_is_the_cascade_of_biquads():
    formants, bandwidths = np.array([[310.0, 870, 2250], [700.0, 1200, 2500]]), (70, 90, 130)
    frequencies = np.arange(50, 7900, 97.0)
    found = sound.formant_response(formants, bandwidths, frequencies, SR)
    for row, expected in zip(found, formants):
        whole = np.ones(len(frequencies), complex)
        for formant, bandwidth in zip(expected, bandwidths):
            radius = np.exp(-np.pi * bandwidth / SR)
            recursion = [1, -2 * radius * np.cos(2 * np.pi * formant / SR), radius**2]
            whole *= freqz([sum(recursion)], recursion, worN=frequencies, fs=SR)[1]
        np.testing.assert_allclose(row, whole, rtol=2e-3)


def test_overlap_add_is_the_recursive_filter_when_nothing_moves():
    voice = replace(sample_voice(np.random.default_rng(0)), formant_scale=1.0, jitter=0.0)
    length = SR // 2
    controls = steady(length // 80 + 2)
    found = sound.synthesize(controls, voice, length, SR, np.random.default_rng(0))
    phase = np.cumsum(np.full(length, 120 / SR))
    table = sound.glottal_pulse(voice.open_phase, voice.return_phase)
    expected = np.interp(phase % 1 * len(table), np.arange(len(table)), table, period=len(table))
    widths = (70, 90, 130, 220, 300)
    for formant, bandwidth in zip((700, 1200, 2500, 3500, 4600), widths):
        radius = np.exp(-np.pi * bandwidth / SR)
        recursion = [1, -2 * radius * np.cos(2 * np.pi * formant / SR), radius**2]
        expected = lfilter([sum(recursion)], recursion, expected)
    error = np.abs(found - expected).max() / np.abs(expected).max()
    assert error < 2e-3


@pytest.mark.parametrize("vowel", ["i", "a", "u", "E"])
def test_spectrum_of_a_whisper_peaks_at_the_formants_asked_for(vowel):
    voice = replace(sample_voice(np.random.default_rng(0)), formant_scale=1.1)
    formants = np.array(VOWELS[vowel][:3]) * voice.formant_scale
    controls = steady(800, formants=formants, voicing=0.0, aspiration=1.0)
    waveform = sound.synthesize(controls, voice, 4 * SR, SR, np.random.default_rng(1))
    pieces = waveform[: 4 * SR // 640 * 640].reshape(-1, 640) * np.hanning(640)
    power = np.mean(np.abs(np.fft.rfft(pieces, 2048)) ** 2, 0)  # 100 pieces: 10 % error
    frequencies = np.fft.rfftfreq(2048, 1 / SR)
    for formant in formants[:2]:
        near = np.abs(frequencies - formant) < 110
        assert abs(frequencies[near][power[near].argmax()] - formant) < 50


def test_glottal_pulse_has_no_dc_and_one_sharp_closure():
    for open_phase in (0.5, 0.61, 0.72):
        pulse = sound.glottal_pulse(open_phase, 0.02)
        assert abs(pulse.mean()) < 1e-12
        assert abs(pulse.argmin() / len(pulse) - open_phase) < 0.01


def pitch_of(piece):
    """Hz of the highest autocorrelation peak from 60 to 400 Hz, between samples by a parabola."""
    piece = piece - piece.mean()
    spectrum = np.abs(np.fft.rfft(piece, 4 * len(piece))) ** 2
    line = np.fft.irfft(spectrum)[: SR // 60]
    lag = SR // 400 + int(line[SR // 400 :].argmax())
    if not 0 < lag < len(line) - 1:
        return SR / lag
    left, middle, right = line[lag - 1 : lag + 2]
    return SR / (lag + 0.5 * (left - right) / (left - 2 * middle + right))


@pytest.mark.parametrize("pitch", [83.0, 131.0, 241.0])
def test_pitch_is_as_asked(pitch):
    voice = replace(sample_voice(np.random.default_rng(0)), jitter=0.0)
    waveform = sound.synthesize(steady(202, pitch), voice, SR, SR, np.random.default_rng(0))
    assert abs(pitch_of(waveform[4000:8000]) / pitch - 1) < 0.01


def test_track_pitch_is_in_the_recording(recordings):
    for voice, recording in recordings[:4]:
        ratios = []
        for frame in np.flatnonzero(recording.track.pitch):
            calm = recording.track.pitch[max(0, frame - 1) : frame + 2]
            if calm.min() == 0 or np.ptp(calm) > 0.04 * voice.pitch:
                continue
            middle = round((frame + 0.5) * SR / FPS)
            piece = recording.waveform[max(0, middle - 320) : middle + 320]
            ratios.append(pitch_of(piece) / recording.track.pitch[frame])
        assert len(ratios) > 20
        assert abs(np.median(ratios) - 1) < 0.02
        assert np.mean(np.abs(np.array(ratios) - 1) < 0.06) > 0.75  # consonants fool the peak


def test_a_voice_without_accents_speaks_around_its_pitch():
    """The line falls from 2 to -2 semitones, ends apart; the mood adds its own semitone."""
    heights = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        voice = replace(sample_voice(rng), pitch_range=0.0)
        track = speech.synthesize_speech(voice, 7, rng).track
        voiced = track.pitch > 0
        semitones = 12 * np.log2(track.pitch[voiced] / voice.pitch)
        heights.append(np.mean(semitones - track.mood[voiced]))
    assert abs(np.mean(heights)) < 0.5


def test_phrases_sound_and_pauses_do_not(recordings):
    for _, recording in recordings:
        level, loud = energy(recording), []
        for start, end in recording.track.phrases:
            loud.append(level[int(start) + 1 : int(end)])
        loud = np.median(np.concatenate(loud))
        for start, end in recording.track.pauses:
            inside = level[int(np.ceil(start)) + 3 : int(end) - 1]  # formants ring on for 60 ms
            assert len(inside) == 0 or inside.max() < loud - 15


def test_phrase_ends_are_where_the_sound_stops(recordings):
    errors = []
    for _, recording in recordings:
        level = energy(recording)
        floor = np.median(level[level > level.max() - 25]) - 20
        for end in recording.track.phrase_ends:
            around = np.arange(max(0, int(end) - 8), min(len(level), int(end) + 6))
            loud = around[level[around] > floor]
            errors.append(loud.max() + 0.5 - end)
    assert len(errors) > 20
    assert abs(np.mean(errors)) < 1.5 and np.max(np.abs(errors)) < 6


def test_stressed_vowels_are_louder_and_higher(recordings):
    louder, higher = [], []
    for _, recording in recordings:
        level, track = energy(recording), recording.track
        for rows in [[s for s in track.syllables if a <= s.start < b] for a, b in track.phrases]:
            middle = {True: [], False: []}
            for row in rows:
                frame = int((row.vowel_start + row.end) / 2)
                middle[row.stress > 0].append((level[frame], track.pitch[frame]))
            if middle[True] and middle[False]:
                a, b = np.mean(middle[True], 0), np.mean(middle[False], 0)
                louder.append(a[0] - b[0])
                higher.append(a[1] / b[1] - 1)
    for values in (louder, higher):
        assert np.mean(values) > 5 * np.std(values) / np.sqrt(len(values))


def test_syllables_fill_their_phrases_at_the_voice_s_rate(recordings):
    for voice, recording in recordings:
        track = recording.track
        for start, end in track.phrases:
            rows = [s for s in track.syllables if start - 0.01 <= s.start < end - 0.01]
            assert abs(rows[0].start - start) < 0.01 and abs(rows[-1].end - end) < 0.01
            assert all(abs(a.end - b.start) < 0.01 for a, b in zip(rows, rows[1:]))
            assert len(rows) == max(2, round((end - start) / FPS * voice.rate))
            assert max(s.stress for s in rows) == 1.0
        accents = [(round((s.vowel_start + s.end) / 2, 3), s.stress) for s in track.syllables]
        assert list(track.accents) == [pair for pair in accents if pair[1]]


def test_pauses_and_phrases_cover_the_clip(recordings):
    for _, recording in recordings:
        track = recording.track
        edges = sorted([x for p in track.pauses for x in p] + [x for p in track.phrases for x in p])
        assert edges[0] == 0 and edges[-1] == track.num_frames
        assert edges[1:-1:2] == edges[2:-1:2]


def test_lips_close_on_p_b_m_and_open_on_a(recordings):
    closed, wide = [], []
    for _, recording in recordings:
        track = recording.track
        for row in track.syllables:
            frame = int((row.start + row.vowel_start) / 2)
            if row.consonant in "pbm" and row.consonant:
                closed.append(track.closure[frame])
            if row.vowel == "a" and row.end - row.vowel_start > 3:
                wide.append(track.openness[int((row.vowel_start + row.end) / 2)])
    assert np.mean(closed) > 0.4 and np.mean(wide) > 0.5
    assert set(CONSONANTS) >= {row.consonant for _, r in recordings for row in r.track.syllables}


def test_voices_differ_and_some_rooms_are_heard():
    rng = np.random.default_rng(0)
    voices = [sample_voice(rng) for _ in range(400)]
    pitch = np.array([v.pitch for v in voices])
    assert pitch.min() > 70 and pitch.max() < 330 and np.log(pitch).std() > 0.2
    roomy = np.mean([v.echo_seconds > 0 for v in voices])
    assert abs(roomy - 0.4) < 5 * np.sqrt(0.4 * 0.6 / 400)
    assert all((v.noise_db > -45) == (v.echo_seconds > 0) for v in voices)


def test_room_noise_has_the_level_asked_for():
    rng = np.random.default_rng(0)
    tone = np.sin(np.arange(2 * SR) * 0.31)
    rest = sound.in_a_room(tone, SR, -30, 0.0, rng) - tone
    level = 10 * np.log10(np.mean(rest**2) / np.mean(tone**2))
    assert abs(level + 30) < 1e-6
    echo = sound.in_a_room(np.eye(1, SR)[0], SR, -90, 0.3, rng)
    early, late = np.mean(echo[100:1000] ** 2), np.mean(echo[4000:4800] ** 2)
    expected = 60 * (4400 - 550) / SR / 0.3  # dB, at 60 dB in 0.3 s
    assert abs(10 * np.log10(early / late) - expected) < 6


def test_track_survives_json():
    recording = speech.synthesize_speech(
        sample_voice(np.random.default_rng(0)), 3, np.random.default_rng(0)
    )
    again = speech.Track.from_dict(json.loads(json.dumps(recording.track.to_dict())))
    assert again.phrases == recording.track.phrases
    assert again.accents == recording.track.accents
    assert again.syllables == recording.track.syllables
    np.testing.assert_allclose(again.mood, recording.track.mood, atol=1e-4)
    assert json.dumps(again.to_dict()) == json.dumps(recording.track.to_dict())


def test_eight_seconds_take_less_than_three_tenths():
    voice, best = sample_voice(np.random.default_rng(0)), np.inf
    for _ in range(3):
        began = time.process_time()
        speech.synthesize_speech(voice, 8, np.random.default_rng(0))
        best = min(best, time.process_time() - began)
    assert best < 0.3


@pytest.mark.parametrize(
    "seconds, rate, match",
    [
        (0.5, SR, "seconds is 0.5; allowed: 1 to 3600"),
        (float("nan"), SR, "seconds is nan"),
        (2, 11025, "sample_rate is 11025; allowed: 8000"),
        (2, 96000, "sample_rate is 96000"),
    ],
)
def test_bad_lengths_and_rates_are_named(seconds, rate, match):
    voice = sample_voice(np.random.default_rng(0))
    with pytest.raises(ValueError, match=match):
        speech.synthesize_speech(voice, seconds, np.random.default_rng(0), rate)


# ---- the speaker ----


@pytest.fixture(scope="module")
def speakers(recordings):
    style = motion.personal_style(np.zeros(80))
    rest = motion.seat(np.random.default_rng(0))
    return rest, [
        (r.track, speaker_motion(r, style, np.random.default_rng(s), rest))
        for s, (_, r) in enumerate(recordings)
    ]


def test_speaker_starts_at_rest(speakers):
    rest, clips = speakers
    for track, moved in clips:
        assert moved.shape == (track.num_frames, 70) and moved.dtype == np.float32
        np.testing.assert_allclose(
            moved[0, [0, 1, 2, 67, 68, 69]], rest[[0, 1, 2, 67, 68, 69]], atol=2e-2
        )
        assert moved[0, COLUMN["lids_close"]] < 0.02


def test_jaw_follows_the_vowels_one_frame_ahead(speakers):
    _, clips = speakers

    def correlation(lag):
        pairs = [
            (m[:-4, COLUMN["jaw_open"]][4:], t.openness[4 + lag : len(m) - 4 + lag])
            for t, m in clips
        ]
        return np.corrcoef(*(np.concatenate(column) for column in zip(*pairs)))[0, 1]

    values = {lag: correlation(lag) for lag in range(-3, 4)}
    assert max(values, key=values.get) == 1 and values[1] > 0.85


def test_head_dips_with_the_accents(speakers):
    _, clips = speakers
    dips = []
    for track, moved in clips:
        for frame, _ in track.accents:
            middle = int(frame)
            if 8 < middle < track.num_frames - 8:
                around = (moved[middle - 7, 0] + moved[middle + 7, 0]) / 2
                dips.append(float(moved[middle, 0] - around))
    assert np.mean(dips) > 5 * np.std(dips) / np.sqrt(len(dips))
    assert 0.01 < np.mean(dips) < 0.08


def test_speaker_moves_as_smoothly_as_people(speakers):
    """Real Deep3DFaceRecon files of talking people change by 0.0057 rad a frame."""
    _, clips = speakers
    steps = np.concatenate([np.abs(np.diff(m[:, :3], axis=0)) for _, m in clips])
    assert 0.0015 < steps.mean() < 0.008 and steps.max() < 0.08


def test_speech_and_speaker_depend_on_the_style(recordings):
    recording, rest = recordings[0][1], np.zeros(70)
    calm = motion.Style(1, 0.5, 0.5, 1, 1, 1)
    wild = motion.Style(1, 2.0, 2.0, 1, 1, 1)
    a, b = (speaker_motion(recording, s, np.random.default_rng(0), rest) for s in (calm, wild))
    assert b[:, 0].std() > 1.5 * a[:, 0].std()
    assert b[:, COLUMN["jaw_open"]].max() > 1.4 * a[:, COLUMN["jaw_open"]].max()
