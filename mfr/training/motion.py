r"""Training the diffusion model: Eq. 3 on windows of the listeners' motion."""

import torch
from torch import nn

from mfr.files.vico import portrait_of, portrait_path
from mfr.motion.model import MotionModel
from mfr.training.batches import MotionData
from mfr.training.identity import frozen_identity
from mfr.training.stage import Stage


class MotionStage(Stage):
    r"""Eq. 3: the noise in windows of the listeners' motion."""

    name, unit = "motion", "windows"
    held_out_windows = 512
    # draws for a few held-out clips are judged too: Eq. 3's loss rises before they worsen
    judged_clips, judged_frames, judged_draws, judged_steps = 8, 120, 4, 10
    drawn = ()  # of the clips judged last, in order: draws (K, L, 70) and the truth (L, 70)
    score = None  # of draws (K, L, 70), the truth (L, 70) and the units (70,): the energy score
    expect = "loss about 1 at step 0 (the output starts at zero; noise and motion have variance 1)"

    def build(self, run):
        r"""Model and clips.

        Raises:
            ValueError: the identity net's vectors are not as long as the config says.
        """
        V = frozen_identity(run, self.device) if self.V is None else self.V
        self.data, self.held = MotionData(self.train_clips), MotionData(self.held_clips)
        for data in (self.data, self.held):
            data.identity = portraits_to_vectors(V, data.clips, self.device)
            data.to(self.device)
        if self.data.identity.shape[1] != self.config.identity_dim:
            found = self.data.identity.shape[1]
            raise ValueError(
                f"identity_dim is {self.config.identity_dim}; the identity net gives "
                f"{found} numbers: --identity-dim {found}"
            )
        self.network = MotionModel(self.config)
        self.network.fit(self.data)
        self.modules = nn.ModuleDict({"network": self.network})

    def describe(self):
        r"""One line about the data."""
        return (
            f"data      {self.folder}: {len(self.data.clips)} clips, {self.data.num_frames} "
            f"frames at 30 fps; {len(self.held.clips)} clips held out"
        )

    def draw(self, data, count, generator, share=slice(None)):
        r"""Windows as the config wants them: (listener (B, L, 70), Condition) in raw units."""
        return data.draw(count, self.config.window, generator, self.config.past, share)

    def compiled(self):
        r"""The noise predictor."""
        return [self.network.network]

    def loss(self, step, draw, noise):
        r"""noise_loss on random windows; a quarter of t that was not drawn has NaN for its term."""
        count = self.config.batch_size
        listener, cond = self.draw(self.data, count, draw, self.processes.share(count))
        with self.precision():
            loss, quarters = self.network.loss(listener, cond, noise, by_quartile=True)
        return loss, {f"t{i + 1}/4": quarter for i, quarter in enumerate(quarters)}

    def validation(self, network):
        r"""The mean score of a few draws, in the training listeners' standard deviations."""
        if self.score is None:
            return {}
        generator, units = torch.Generator(self.device).manual_seed(1), network.listener.std.cpu()
        scores = []
        self.drawn = []
        for clip in range(min(self.judged_clips, len(self.held.clips))):
            truth, cond = self.held.opening(clip, self.judged_frames)
            steps = min(self.judged_steps, self.config.T)
            draws = network.sample(cond.to(self.device), self.judged_draws, generator, steps).cpu()
            self.drawn.append((draws, truth))
            scores.append(self.score(*(x.numpy() for x in (draws, truth, units))))
        return {"energy": sum(scores) / len(scores)}

    def held_out_loss(self, network):
        r"""noise_loss on fixed held-out windows, steps and noise."""
        generator = self.evaluation()
        noise = torch.Generator(self.device).manual_seed(1)
        batches = (self.draw(self.held, 64, generator) for _ in range(self.held_out_windows // 64))
        losses = [network.loss(listener, cond, noise) for listener, cond in batches]
        return torch.stack(losses).mean().item()


def portraits_to_vectors(V, clips, device):
    r"""V(I_l) of every clip's listener, (N, identity_dim) on the CPU. Paper: Sec. 3.2."""
    known, paths = {}, [portrait_path(clip) for clip in clips]
    for clip, path in zip(clips, paths):
        if path not in known:
            picture = torch.from_numpy(portrait_of(clip).copy()).permute(2, 0, 1)[None]
            with torch.no_grad():
                known[path] = V(picture.to(device).float() / 255).cpu()
    return torch.cat([known[path] for path in paths])
