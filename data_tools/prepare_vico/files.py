r"""One file of a release into what mfr.files.vico reads: 256x256 at 30 fps, wav, .mat at 30 fps.

What is right already is linked and not copied; what was written before is left alone.
"""

import os
import shutil
from pathlib import Path

import numpy as np

from mfr.config import FPS, IMAGE_SIZE
from mfr.face.camera import to_frame_camera
from mfr.face.coefficients import load_mat, save_mat
from mfr.files import media
from mfr.files.whole import atomic


def place(source, target):
    r"""Link a file, or copy it where links do not reach; a target that exists is left alone."""
    if target.exists():
        return
    with atomic(target) as temporary:
        try:
            os.link(source, temporary)
        except OSError:  # another disk, or a file system without links
            shutil.copyfile(source, temporary)


def fits(info):
    r"""Whether a video (media.MediaInfo) needs no conversion."""
    return info.size == (IMAGE_SIZE, IMAGE_SIZE) and abs(info.fps - FPS) < 0.01


def face_box(params, size):
    r"""The square that shows the face as our frames do, one for the whole clip.

    Deep3DFaceRecon scales a picture by s and cuts 224x224 around (tx, ty), y upwards; a frame of
    ours shows 256/s pixels around the same place. Medians over the frames' transform_params (L, 5),
    so that the picture stands still. Gives (left, top, side) inside the picture [pixels].
    """
    _, _, scale, x, y = np.median(np.asarray(params, float), axis=0)
    width, height = size
    side = int(min(round(IMAGE_SIZE / scale), width, height)) // 2 * 2
    left = int(np.clip(round(x - side / 2), 0, width - side))
    top = int(np.clip(round(height - y - side / 2), 0, height - side))
    return left, top, side


def params_in_box(params, size, box):
    r"""transform_params (L, 5) of the same frames once the box is cut out and brought to 256x256.

    `size` is (width, height) of the whole picture, `box` (left, top, side) [pixels].
    """
    left, top, side = box
    grow = IMAGE_SIZE / side
    moved = np.array(params, float)
    moved[:, :2] = IMAGE_SIZE
    moved[:, 2] /= grow
    moved[:, 3] = (moved[:, 3] - left) * grow
    moved[:, 4] = (moved[:, 4] - (size[1] - top - side)) * grow
    return moved


def resample(rows, fps):
    r"""Rows (L, D) of one frame rate at 30 a second: linear between the centres of the frames.

    Frame i lasts from i/fps to (i + 1)/fps; beyond the outer centres the ends are held. Gives
    (round(L 30 / fps), D), one row at least.
    """
    rows = np.asarray(rows, float)
    count = max(1, int(len(rows) * FPS / fps + 0.5))
    where = (np.arange(count) + 0.5) * fps / FPS - 0.5
    known = np.arange(len(rows))
    return np.stack([np.interp(where, known, column) for column in rows.T], 1)


def rate_of(frames, info):
    r"""The frame rate that a .mat was made at, the video's own or 30 [1/s].

    Whichever gives the number of frames more nearly.
    """
    gap_at_own, gap_at_30 = (abs(frames - info.seconds * fps) for fps in (info.fps, FPS))
    return info.fps if gap_at_own < gap_at_30 else FPS


def convert_video(source, target, info, box):
    r"""A video as 256x256 at 30 fps, without sound; a target that exists is left alone.

    `box` is (left, top, side) of the face [pixels], or None for the middle.
    """
    if fits(info) and source.suffix.lower() == ".mp4":
        return place(source, target)
    if not target.exists():
        media.write_video(target, media.stream_video(source, crop=box))


def convert_sound(source, target):
    r"""The sound of any file as .wav at its own rate; a target that exists is left alone."""
    if source.suffix.lower() == ".wav":
        return place(source, target)
    if not target.exists():
        media.write_sound(target, *media.read_sound(source))


def convert_coefficients(source, target, info, box, frame_camera):
    r"""A .mat at 30 fps, its crop told in the coordinates of the converted video.

    `box` is the square that was cut out [pixels], or None; `frame_camera` changes trans to our
    frames' camera (mfr.face.camera). A target that exists is left alone. Gives its number of
    frames.
    """
    if target.exists():
        return len(load_mat(target)[0])
    coefficients, params = load_mat(source)
    fps = rate_of(len(coefficients), info)
    unchanged = fps == FPS and box is None and not frame_camera
    if unchanged:
        place(source, target)
        return len(coefficients)
    if box is not None and params is not None:
        params = params_in_box(params, info.size, box)
    if fps != FPS:
        coefficients = resample(coefficients, fps)
        params = None if params is None else resample(params, fps)
    if frame_camera and params is not None:
        coefficients, params = to_frame_camera(np.asarray(coefficients, float), params), None
    save_mat(target, coefficients, params)
    return len(coefficients)


def reconstruct_video(net, source, target):
    r"""Coefficients of a converted video by a network, images -> (B, 257), batch by batch."""
    from mfr.face.reconstruction import reconstruct, smooth

    if target.exists():
        return
    rows, batch = [], []
    for frame in media.stream_video(source):
        batch.append(frame.copy())
        if len(batch) == 32:
            rows.append(reconstruct(net, np.stack(batch), smoothing=0))
            batch = []
    if batch:
        rows.append(reconstruct(net, np.stack(batch), smoothing=0))
    save_mat(target, smooth(np.concatenate(rows)))


def target_paths(out, name):
    r"""Where a name's video and coefficients go: (.mp4, .mat)."""
    return Path(out) / "videos" / f"{name}.mp4", Path(out) / "recons" / f"{name}.mat"
