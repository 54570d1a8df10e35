r"""Teach the background segmenter of PCHG's repair with the rasterizer's own masks.

    python -m data_tools.train_segmenter --run runs/pchg --people 200 --steps 600

leaves RUN/segmenter.pt, which mfr.evaluation.tables takes up.
"""

import math
from pathlib import Path

import numpy as np
import torch

from data_tools.synthetic.people.face_model import face_model
from data_tools.synthetic.people.person import sample_person
from data_tools.synthetic.picture import film
from data_tools.synthetic.talk.motion import EXPRESSIONS, seat
from mfr.evaluation.methods.background import Segmenter, save
from mfr.evaluation.methods.sequences import initialise
from mfr.files.whole import command, command_line

POSES = 3  # pictures of a person
RATE, BATCH = 3e-3, 16


def pictures(people, seed):
    r"""Synthetic people in random poses, expressions, rooms and cameras, with their masks.

    (images uint8 (N, 3, 256, 256), background bool (N, 1, 256, 256)).
    """
    from data_tools.synthetic.picture.rasterizer import render

    images, masks = [], []
    for number in range(people):
        rng = np.random.default_rng([seed, number])
        person, look = sample_person(rng), film.sample_look(rng)
        rows = []
        for _ in range(POSES):
            motion = seat(rng, person.exp_neutral)
            motion[:3] *= 2  # turned heads show most of what is behind them
            motion[3 : 3 + len(EXPRESSIONS)] += rng.uniform(0, 0.6, len(EXPRESSIONS))
            rows.append(person.coefficients(motion[None])[0])
        with torch.inference_mode():
            shown = render(
                face_model(),
                torch.as_tensor(np.stack(rows)),
                film.dressed(person.appearance, look),
            )
        for image, mask in zip(shown.image.permute(0, 2, 3, 1).numpy(), shown.mask):
            pixels = film.photograph(image, look, rng)
            images.append(torch.from_numpy(pixels.copy()).permute(2, 0, 1))
            masks.append(mask.reshape(1, *mask.shape[-2:]) < 0.5)
    return torch.stack(images), torch.stack(masks)


def train(images, masks, steps, seed):
    r"""Cross-entropy against the masks; every tenth picture is held out.

    Images uint8 (N, 3, 256, 256), masks bool (N, 1, 256, 256), True on the background, N >= 2 ->
    (Segmenter, share of held-out pixels that it tells right).
    """
    generator = torch.Generator().manual_seed(seed)
    net = initialise(Segmenter(), generator)
    held = torch.arange(0, len(images), 10)
    rest = torch.tensor([i for i in range(len(images)) if i % 10])
    optimizer = torch.optim.AdamW(net.parameters(), RATE)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = RATE * max(0.02, 0.5 * (1 + math.cos(math.pi * step / steps)))
        rows = rest[torch.randint(len(rest), (BATCH,), generator=generator)]
        flip = torch.rand(1, generator=generator).item() < 0.5
        batch, truth = images[rows].float() / 255, masks[rows].float()
        if flip:
            batch, truth = batch.flip(3), truth.flip(3)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(net(batch), truth)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        if (step + 1) % max(1, steps // 10) == 0:
            print(f"step {step + 1:>5}/{steps}   loss {float(loss.detach()):.4f}", flush=True)
    with torch.no_grad():
        right = [
            ((net(images[i : i + 1].float() / 255) > 0) == masks[i]).float().mean()
            for i in held.tolist()
        ]
    return net.eval(), float(torch.stack(right).mean())


def main(arguments=None):
    r"""The command line.

    Raises:
        ValueError: too few people or steps.
    """
    parser = command_line("data_tools.train_segmenter", __doc__)
    parser.add_argument("--run", default="runs/pchg", help="results go here (%(default)s)")
    parser.add_argument("--people", type=int, default=200, help="how many (%(default)s)")
    parser.add_argument("--steps", type=int, default=600, help="of training (%(default)s)")
    parser.add_argument("--seed", type=int, default=1000, help="of people and training")
    options = parser.parse_args(arguments)
    for name in ("people", "steps"):
        if getattr(options, name) < 1:
            raise ValueError(f"--{name} is {getattr(options, name)}; allowed: >= 1")
    images, masks = pictures(options.people, options.seed)
    print(f"data      {len(images)} pictures, {100 * float(masks.float().mean()):.0f} % background")
    net, right = train(images, masks, options.steps, options.seed)
    save(Path(options.run) / "segmenter.pt", net)
    print(
        f"written   {Path(options.run) / 'segmenter.pt'}: {100 * right:.2f} % of held-out pixels "
        "told right"
    )


if __name__ == "__main__":
    command(main)
