r"""The live stream: speaker frames in as they arrive, listener frames out.

A stream cannot wait for the future. Each frame of the listener keeps the noise that it began with;
whenever new frames are due, the window that ends with them is drawn once more from the noise of its
frames. Old frames so come out nearly as they were given out, and the new ones belong to them.
"""

import torch
from torch.nn import functional as F

from mfr.motion.clips import num_windows
from mfr.motion.condition import Condition
from mfr.motion.guidance import Guided
from mfr.motion.samplers import spaced_steps

JOINING = 3.0  # frames in which a response leaves what was given out before [frames]


class ResponseStream:
    r"""Speaker frames in as they arrive, listener frames out, each given out once.

    Ours: the paper is offline. Whenever `stride` new speaker frames are there, the window that
    ends with them is drawn, by DDIM without noise of its own: the response is a function of the
    frames' noise and of what is heard. A response waits for at most `stride` frames, 200 ms at 6.

    Args:
        eps_model: a predictor for windows, with prepare(cond).
        identity, attitude, reference: (1, V), (1, 3) one-hot or zeros, (1, 70) normalised or None.
        stride: frames that are waited for and given out together, 1 .. window.
        steps: DDIM steps a window, dense at small t; None, the whole chain.
        guidance: weight of the attitude (see Guided), >= 0; 1 is none.
        past: P of the predictor, frames of the speaker before the window.
        first: (1, 70) normalised coefficients that the first frame is held at, or None.
        order, spacing: of the walk, 1 or 2; of its steps (see spaced_steps).

    Raises:
        ValueError: the stride or the guidance is not allowed.
    """

    def __init__(
        self,
        eps_model,
        diffusion,
        identity,
        attitude,
        generator,
        reference=None,
        window=40,
        stride=8,
        steps=25,
        guidance=1.0,
        past=0,
        first=None,
        order=2,
        spacing=2.0,
    ):
        num_windows(1, window, stride)  # checks both
        self.eps_model = eps_model if guidance == 1 else Guided(eps_model, guidance)
        self.diffusion, self.generator = diffusion, generator
        self.listener = {"identity": identity, "attitude": attitude, "reference": reference}
        self.window, self.stride, self.past = window, stride, past
        self.steps = spaced_steps(diffusion.T, steps, spacing)
        self.first, self.order = first, order
        # the last frames, at most P + window + stride
        self.audio = self.speaker = self.given_out = self.noise = None
        self.before = 0  # frames before those

    @property
    def attitude(self):
        r"""(1, 3) one-hot, or zeros; one that is set holds from the next window on."""
        return self.listener["attitude"]

    @attitude.setter
    def attitude(self, row):
        r"""For the windows that are still to come."""
        self.listener["attitude"] = row

    def push(self, audio, speaker, again=0):
        r"""Take new speaker frames, give back the listener frames that they complete.

        A feature that looks ahead (loudness, slopes) is not what it will be while the sound that
        it looks at has not come: its frame may be told once more when it has. Acoustic features
        (again + n, 45) and normalised coefficients (again + n, 70), the first `again` of them in
        the place of the newest that came before -> (m, 70) normalised, m a multiple of the stride,
        possibly 0.

        Raises:
            ValueError: audio and speaker differ in length, or again reaches too far back.
        """
        if len(audio) != len(speaker):
            raise ValueError(f"audio has {len(audio)} frames, speaker {len(speaker)}; align them")
        self._start(audio, speaker)
        kept = len(self.audio) - again
        if not 0 <= again <= len(audio) or kept < 0:
            allowed = min(len(audio), len(self.audio))
            raise ValueError(f"again is {again} frames; allowed: 0 .. {allowed}")
        self.audio = torch.cat([self.audio[:kept], audio])
        self.speaker = torch.cat([self.speaker[:kept], speaker])
        out = [self.given_out[:0]]
        while self._waiting() >= self.stride:
            out.append(self._respond(self.stride))
        return torch.cat(out)

    def flush(self):
        r"""The speaker has ended: the frames that still wait, (m, 70) normalised, m < stride.

        Then the stream is empty.

        Raises:
            ValueError: nothing was pushed.
        """
        out = self.rest()
        self.audio = self.speaker = self.given_out = self.noise = None
        self.before = 0
        return out

    def rest(self):
        r"""The frames that still wait, without waiting for their stride to be full: (m, 70).

        Raises:
            ValueError: nothing was pushed.
        """
        if self.audio is None:
            raise ValueError("the stream is empty; allowed: after push")
        return self._respond(self._waiting()) if self._waiting() else self.given_out[:0]

    def _start(self, audio, speaker):
        """Empty buffers before the first frame."""
        if self.audio is None:
            self.audio, self.speaker = audio[:0], speaker[:0]
            self.given_out = self.noise = speaker[:0]

    def _waiting(self):
        """Speaker frames that have no listener frame yet."""
        return len(self.audio) - len(self.given_out)

    @torch.no_grad()
    def _respond(self, new):
        """Draw the window that ends `new` frames after the last given one; keep its tail."""
        end = len(self.given_out) + new
        start = max(end - self.window, 0)
        first = max(start - self.past, 0)  # the speaker's frames from here on are heard
        missing = self.past - (start - first)  # before the stream began
        audio, speaker = (
            F.pad(x[None, first:end], (0, 0, missing, 0)) for x in (self.audio, self.speaker)
        )
        mask = (torch.arange(audio.shape[1], device=audio.device) >= missing)[None]
        cond = self.eps_model.prepare(Condition(audio, speaker, mask=mask, **self.listener))
        drawn = torch.randn(
            new, speaker.shape[2], generator=self.generator, device=self.generator.device
        )
        self.noise = torch.cat([self.noise, drawn.to(self.noise)])
        begins = torch.arange(start, end, device=speaker.device)[None, :, None] == -self.before
        window = self.diffusion.sample(
            self.eps_model,
            (1, end - start, speaker.shape[2]),
            cond,
            self.generator,
            self.steps,
            eta=0.0,
            known=None if self.first is None else self.first[None],
            held=None if self.first is None else begins,  # the first frame of all
            device=speaker.device,
            dtype=speaker.dtype,
            order=self.order,
            x_T=self.noise[None, start:end],
        )[0]
        response = joined(self.given_out[start:], window)
        # the next window starts later: nothing before this one's past is read again
        self.given_out = torch.cat([self.given_out, response])[first:]
        self.audio, self.speaker = self.audio[first:], self.speaker[first:]
        self.noise, self.before = self.noise[first:], self.before + first
        return response


def joined(given, window):
    r"""The new end of a window (W, D) whose first n frames were given out as (n, D): (W - n, D).

    Where the last of them now lies elsewhere or moves otherwise by d and d', the k-th new frame is
    moved by (d + (d' + d / tau) k) exp(-k / tau), tau = JOINING: it begins where and as fast as the
    given ones ended, and soon forgets them.
    """
    n = len(given)
    if n == 0:
        return window
    k = torch.arange(1, len(window) - n + 1).to(window)[:, None]
    away = given[-1] - window[n - 1]
    slope = given[-1] - given[-2] - (window[n - 1] - window[n - 2]) if n > 1 else 0 * away
    return window[n:] + (away + (slope + away / JOINING) * k) * torch.exp(-k / JOINING)


class LiveMotion:
    r"""A ResponseStream in raw units, with the statistics and the settings of its MotionModel.

    Args:
        model: MotionModel.
        cond: Condition of the listener in raw units: identity, attitude, reference; what it says
            of the speaker is not read.
        generator: source of all noise.
        steps: DDIM steps a window; None takes the config's.
        guidance: weight of the attitude; None takes the config's, 1 is none.
    """

    def __init__(self, model, cond, generator, steps=None, guidance=None):
        config = model.config
        self.model, self.origin = model, cond.reference if config.relative else 0
        told = model.standardised(cond)
        first = model.listener.normalise(cond.reference - self.origin)
        self.stream = ResponseStream(
            model.eps_model,
            model.diffusion,
            told.identity,
            told.attitude,
            generator,
            told.reference,
            config.window,
            config.window,
            steps or config.sample_steps,
            config.guidance if guidance is None else guidance,
            config.past,
            first if config.from_portrait else None,
            config.sample_order,
            config.spacing,
        )

    def answer(self, audio, speaker, again=0):
        r"""The listener's motion beside n <= window new frames of the speaker, in one window.

        Raw features (again + n, 45) and coefficients (again + n, 70), as in ResponseStream.push ->
        (n, 70) raw.
        """
        audio, speaker = self.model.audio.normalise(audio), self.model.speaker.normalise(speaker)
        whole = self.stream.push(audio, speaker, again)  # n is the window, or nothing
        x = torch.cat([whole, self.stream.rest()])
        return self.model.listener.denormalise(x) + self.origin
