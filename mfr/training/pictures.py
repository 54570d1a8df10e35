r"""What a stage makes beside the truth, on the same held-out examples at every evaluation.

RUN/STAGE/picture.png shows it. Each function makes an Image of a stage and its network; none draws
from a generator of the training.
"""

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch.nn.functional import normalize

from mfr.config import ATTITUDES, FPS, IMAGE_SIZE
from mfr.face.coefficients import MOTION_EXP
from mfr.face.finder import SURE, Face, read_map
from mfr.face.morphable import landmark_places
from mfr.files.whole import atomic
from mfr.training.batches import sent

FRAMES, FACES, SQUARES = 3, 4, 6  # how many are shown
PEOPLE, EACH = 8, 4
BESIDE = 16  # of a frame, around the crop that landmarks are counted in [pixels]
TITLE = 16  # height of a line of words [pixels]
TRUE, OURS = (255, 255, 255), (40, 220, 60)


def draw(stage, network, path):
    r"""Draw what a stage's network makes, in evaluation mode and without gradients, into a .png.

    Stages without a picture, and data that lack what it needs, leave none.
    """
    make = MADE.get(stage.name)
    picture = make and make(stage, network)
    if picture is not None:
        with atomic(path) as temporary:
            picture.save(temporary)


def likeness(stage, network):
    r"""Cosines between frames of people known from training, as an Image: 1 white, 0 black.

    A person's frames lie beside each other; white blocks on the diagonal are right.
    """
    person, chosen = stage.held.person, []
    for known in person[person >= 0].unique()[:PEOPLE]:
        own = (person == known).nonzero()[:, 0]
        chosen += own[torch.linspace(0, len(own) - 1, EACH).long()].tolist()
    if not chosen:
        return None
    V = normalize(network(stage.held.images(torch.tensor(chosen))), dim=1).cpu()
    cosines = (V @ V.T).repeat_interleave(12, 0).repeat_interleave(12, 1)
    return sheet([cosines.expand(1, 3, -1, -1)], ["frames of a person together, cosines"])


def landmarks(stage, network):
    r"""Landmarks on held-out frames, an Image: the true ones in white, ours in green."""
    if stage.model is None:
        return None
    held = stage.held
    index = stage.chosen_once(len(held.frames), FACES)
    images, truth = held.images(index), sent(held.coefficients[index], stage.device)
    pictures = []
    for image, *places in zip(
        images.cpu(), *(landmark_places(stage.model, c).cpu() for c in (truth, network(images)))
    ):
        picture = as_picture(image)
        for points, colour in zip(places, (TRUE, OURS)):
            for u, v in points.tolist():
                x, y = u + BESIDE, IMAGE_SIZE - BESIDE - v
                ImageDraw.Draw(picture).ellipse((x - 1.5, y - 1.5, x + 1.5, y + 1.5), colour)
        pictures.append(picture)
    return sheet(in_columns(pictures, 2), ["true white, ours green"])


def squares(stage, network):
    r"""Squares of faces on held-out pictures, an Image: the true ones in white, ours in green.

    What every cell says that is sure of a face; of a size that the network knows.
    """
    images, truth, _ = stage.held
    index = truth[:, 0].amax((1, 2)).argsort(descending=True, stable=True)[:SQUARES]
    images, truth = images[index].float() / 255, truth[index]
    found = network(images.to(stage.device)).cpu()
    pictures = []
    for image, right, ours in zip(images, truth, found):
        picture = as_picture(image).resize((IMAGE_SIZE, IMAGE_SIZE))
        grow = IMAGE_SIZE / image.shape[2]
        rows, said = read_map(right), read_map(ours)
        for some, colour in ((rows[right[0].flatten() > 0], TRUE), (said[said[:, 4] > SURE], OURS)):
            for x, y, side, tilt, _ in some.tolist():
                corners = Face(x * grow, y * grow, side * grow, tilt).corners()
                ImageDraw.Draw(picture).line([*corners, corners[0]], colour)
        pictures.append(picture)
    return sheet(in_columns(pictures, 3), ["true white, ours green"])


def tracks(stage, network):
    r"""Pitch, yaw and the liveliest number of the face in a judged clip of each attitude.

    An Image: the truth black, the draws that were judged in colours.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    attitudes = stage.held.attitude[: len(stage.drawn)]
    if not len(attitudes):
        return None
    there = attitudes.sum(0).nonzero()[:, 0].tolist()
    clips = [(ATTITUDES[i], int(attitudes[:, i].argmax())) for i in there] or [("", 0)]
    face = MOTION_EXP.start + int(network.listener.std[MOTION_EXP].argmax())
    rows = {"pitch [rad]": 0, "yaw [rad]": 1, f"face {face - MOTION_EXP.start}": face}
    figure = Figure(figsize=(3.2 * len(clips), 5), layout="constrained")
    axes = figure.subplots(len(rows), len(clips), squeeze=False, sharex=True, sharey="row")
    for column, (attitude, clip) in zip(axes.T, clips):
        draws, truth = stage.drawn[clip]
        seconds = np.arange(len(truth)) / FPS
        for axis, place in zip(column, rows.values()):
            axis.plot(seconds, draws[..., place].T, linewidth=1, alpha=0.8)
            axis.plot(seconds, truth[:, place], color="black", linewidth=1.5)
            axis.tick_params(labelsize=7)
        column[0].set_title(f"{attitude}, truth in black", fontsize=9)
        column[-1].set_xlabel("s", fontsize=8)
    for axis, name in zip(axes[:, 0], rows):
        axis.set_ylabel(name, fontsize=8)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba()))


def frames(stage, network):
    r"""Rows of portrait, the frame of its video that is least like it, that rendered: an Image."""
    held = stage.held
    own = held.windows[:, stage.config.window // 2]  # (N, 70)
    index = stage.chosen_once(len(own), FRAMES)
    apart = ((own[index, None] - own) / network.std.cpu()).square().sum(2)  # (R, N)
    target = apart.masked_fill(held.video[index, None] != held.video, -1).argmax(1)
    portrait, real = held.images(index), held.images(target)
    shown, windows = (sent(x, stage.device) for x in (own[index], held.windows[target]))
    ours = network(network.encode(portrait, shown), windows)
    return sheet([portrait, real, ours], ["portrait", "true", "ours"])


MADE = {
    "identity": likeness,
    "reconstruction": landmarks,
    "motion": tracks,
    "renderer": frames,
    "finder": squares,
}


def as_picture(image):
    r"""(3, h, w) in [0, 1] -> an Image."""
    return Image.fromarray((image * 255).round().byte().permute(1, 2, 0).numpy())


def in_columns(pictures, most):
    r"""Images of one size -> up to `most` columns (n, 3, h, w) in [0, 1]."""
    pixels = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 255
    return [pixels[i::most] for i in range(min(most, len(pictures)))]


def sheet(columns, words):
    r"""Columns of images (n, 3, h, w) in [0, 1] side by side, words above them: an Image."""
    most = max(len(column) for column in columns)
    width = columns[0].shape[3]
    made = Image.new("RGB", (width * len(columns), TITLE + columns[0].shape[2] * most))
    for i, column in enumerate(columns):
        whole = column.detach().cpu().clamp(0, 1).permute(1, 0, 2, 3).flatten(1, 2)  # (3, n h, w)
        made.paste(as_picture(whole), (i * width, TITLE))
    for i, word in enumerate(words):
        ImageDraw.Draw(made).text((i * width + 3, 2), word, TRUE)
    return made
