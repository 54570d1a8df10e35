r"""The live stream: speaker frames in as they arrive, listener frames out.

A stream cannot wait for the future: it holds the frames that were already given out and completes
the next window.
"""

import torch
from torch.nn import functional as F

from mfr.motion.clips import num_windows
from mfr.motion.condition import Condition
from mfr.motion.guidance import Guided
from mfr.motion.samplers import spaced_steps


class ResponseStream:
    r"""Speaker frames in as they arrive, listener frames out, each given out once.

    Ours: the paper is offline. Whenever `stride` new speaker frames are there, the window that
    ends with them is sampled with its older frames held at what was given out. No look-ahead:
    a response waits for at most `stride` frames (8 at 30 fps: 267 ms) and the computation.

    Args:
        eps_model: a predictor for windows, with prepare(cond).
        identity, attitude, reference: (1, V), (1, 3) one-hot or zeros, (1, 70) normalised or None.
        stride: frames that are waited for and given out together, 1 .. window.
        steps: DDIM steps a window, dense at small t; None, the whole chain.
        eta: noise of DDIM, 0 .. 1; new noise lets the new frames turn towards the held ones.
        guidance: weight of the attitude (see Guided), >= 0; 1 is none.
        past: P of the predictor, frames of the speaker before the window.

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
        eta=1.0,
        guidance=1.0,
        past=0,
    ):
        num_windows(1, window, stride)  # checks both
        self.eps_model = eps_model if guidance == 1 else Guided(eps_model, guidance)
        self.diffusion, self.generator = diffusion, generator
        self.listener = {"identity": identity, "attitude": attitude, "reference": reference}
        self.window, self.stride, self.past = window, stride, past
        self.steps, self.eta = steps and spaced_steps(diffusion.T, steps), eta
        # the last frames, at most P + window + stride
        self.audio = self.speaker = self.given_out = None

    def push(self, audio, speaker):
        r"""Take new speaker frames, give back the listener frames that they complete.

        Acoustic features (n, 45) and normalised coefficients (n, 70), n >= 0 -> (m, 70) normalised,
        m a multiple of the stride, possibly 0.

        Raises:
            ValueError: audio and speaker differ in length.
        """
        if len(audio) != len(speaker):
            raise ValueError(f"audio has {len(audio)} frames, speaker {len(speaker)}; align them")
        self._start(audio, speaker)
        self.audio = torch.cat([self.audio, audio])
        self.speaker = torch.cat([self.speaker, speaker])
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
        if self.audio is None:
            raise ValueError("the stream is empty; allowed: flush after push")
        out = self._respond(self._waiting()) if self._waiting() else self.given_out[:0]
        self.audio = self.speaker = self.given_out = None
        return out

    def _start(self, audio, speaker):
        """Empty buffers before the first frame."""
        if self.audio is None:
            self.audio, self.speaker, self.given_out = audio[:0], speaker[:0], speaker[:0]

    def _waiting(self):
        """Speaker frames that have no listener frame yet."""
        return len(self.audio) - len(self.given_out)

    @torch.no_grad()
    def _respond(self, new):
        """Sample the window that ends `new` frames after the last given one; keep its tail."""
        end = len(self.given_out) + new
        start = max(end - self.window, 0)
        first = max(start - self.past, 0)  # the speaker's frames from here on are heard
        missing = self.past - (start - first)  # before the stream began
        audio, speaker = (
            F.pad(x[None, first:end], (0, 0, missing, 0)) for x in (self.audio, self.speaker)
        )
        mask = (torch.arange(audio.shape[1], device=audio.device) >= missing)[None]
        cond = self.eps_model.prepare(Condition(audio, speaker, mask=mask, **self.listener))
        unknown = self.given_out.new_zeros(new, self.given_out.shape[1])
        known = torch.cat([self.given_out[start:], unknown])
        held = torch.arange(start, end, device=known.device)[:, None] < len(self.given_out)
        response = self.diffusion.sample(
            self.eps_model,
            (1, *known.shape),
            cond,
            self.generator,
            self.steps,
            self.eta,
            known=known,
            held=held,
            device=known.device,
            dtype=known.dtype,
        )[0, -new:]
        # the next window starts later: nothing before this one's past is read again
        self.given_out = torch.cat([self.given_out, response])[first:]
        self.audio, self.speaker = self.audio[first:], self.speaker[first:]
        return response
