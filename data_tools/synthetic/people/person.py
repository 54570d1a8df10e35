r"""Who a synthetic person is: the coefficients that stay, and what the 257 numbers do not say."""

from dataclasses import asdict, dataclass, field

import numpy as np

from data_tools.synthetic.people.calm import calm

HAIR_STYLES = ("bald", "buzz", "short", "side", "fringe", "curly", "bob", "long", "wavy", "bun")
BEARDS = ("none", "stubble", "moustache", "goatee", "full")
GLASSES_STYLES = ("none", "round", "rectangular", "large")
COLLARS = ("round", "shirt", "roll")
PATTERNS = ("plain", "stripes", "checks", "knit", "trim")
BACKGROUNDS = ("gradient", "wall", "office", "window", "bookshelf", "outdoors")
# Deep3DFaceRecon's output on 57 clips of real talking people (13,891 frames), all frames pooled
GAMMA_MEAN = (-0.079, -0.074, 0.106, -0.009, 0.010, 0.010, 0.023, 0.005, 0.013)
GAMMA_STD = (0.184, 0.079, 0.170, 0.054, 0.020, 0.042, 0.106, 0.040, 0.042)
ID_STD = 0.6
# width of the head, length of the face and of the chin, distance and height of the eyes, length of
# the nose: what a portrait shows best. They say how somebody moves, and differ more than the rest.
STYLE_SHAPE = (0, 1, 3, 15, 16, 24)
STYLE_STD = 0.78
TEX_STD = 0.9
HAIR_COLOURS = np.array(
    [
        [0.05, 0.04, 0.04],
        [0.10, 0.065, 0.045],
        [0.20, 0.12, 0.07],
        [0.33, 0.21, 0.12],
        [0.52, 0.37, 0.20],
        [0.72, 0.57, 0.36],
        [0.42, 0.17, 0.08],
        [0.55, 0.53, 0.50],
        [0.80, 0.78, 0.75],
    ]
)
EYE_COLOURS = np.array(
    [
        [0.16, 0.09, 0.05],
        [0.28, 0.16, 0.08],
        [0.36, 0.29, 0.15],
        [0.30, 0.38, 0.28],
        [0.30, 0.42, 0.55],
        [0.42, 0.50, 0.54],
    ]
)
STYLE_WEIGHTS = (
    (1, 1.5, 3, 3, 1.5, 1.3, 0.3, 0.3, 0.2, 0.2),  # men, in the order of HAIR_STYLES
    (0, 0, 0.4, 1, 2, 1.2, 2, 3, 2, 1.6),
)
EYE_WEIGHTS = ((0.2, 0.25, 0.15, 0.12, 0.18, 0.1), (0.7, 0.3, 0, 0, 0, 0))  # pale, dark skin


@dataclass
class Appearance:
    r"""Everything outside the 257 numbers, as plain numbers; see `to_dict` and `from_dict`."""

    hair_style: int = 2
    hair_colour: list = field(default_factory=lambda: [0.2, 0.12, 0.07])
    hair_volume: float = 1.0
    hairline: float = 0.0  # receded by this much [dm]
    parting: float = 0.2  # -1 left .. 1 right
    brow_colour: list = field(default_factory=lambda: [0.15, 0.09, 0.06])
    brow_thickness: float = 1.0
    brow_arch: float = 0.5
    eye_colour: list = field(default_factory=lambda: [0.28, 0.16, 0.08])
    lashes: float = 0.5
    lipstick: float = 0.0
    age: float = 0.3  # 0 young .. 1 old: lines, spots
    beard: int = 0
    glasses: int = 0
    glasses_colour: list = field(default_factory=lambda: [0.05, 0.05, 0.05])
    collar: int = 0
    build: float = 1.0
    neck_width: float = 1.0
    cloth_colour: list = field(default_factory=lambda: [0.2, 0.3, 0.5])
    cloth_second: list = field(default_factory=lambda: [0.8, 0.8, 0.8])
    pattern: int = 0
    background: int = 0
    seed: int = 0  # of the background and of all painted grain

    def to_dict(self):
        r"""The appearance as a dict that JSON can hold.

        Returns:
            A dict of numbers and lists of numbers.
        """
        return asdict(self)

    @staticmethod
    def from_dict(values):
        r"""The inverse of `to_dict`.

        Args:
            values: a dict as `to_dict` gives it.

        Returns:
            An Appearance.
        """
        return Appearance(**values)


@dataclass
class Person:
    r"""A person: coefficients that do not change in a clip, and the appearance."""

    id: np.ndarray  # (80,)
    tex: np.ndarray  # (80,)
    gamma: np.ndarray  # (27,)
    exp_neutral: np.ndarray  # (64,) resting expression; whoever writes motion adds it
    appearance: Appearance

    def coefficients(self, motion):
        r"""Put motion into full coefficient vectors.

        The motion is taken as it stands: `exp_neutral` is not added here.

        Args:
            motion: (L, 70), angle 3, exp 64, trans 3.

        Returns:
            (L, 257) float32.

        Raises:
            ValueError: motion is not (L, 70).
        """
        motion = np.asarray(motion, dtype=np.float32)
        if motion.ndim != 2 or motion.shape[1] != 70:
            raise ValueError(f"motion has shape {motion.shape}; allowed: (L, 70)")
        row = np.zeros((len(motion), 257), dtype=np.float32)
        row[:, 0:80], row[:, 144:224], row[:, 227:254] = self.id, self.tex, self.gamma
        row[:, 224:227], row[:, 80:144] = motion[:, 0:3], motion[:, 3:67]
        row[:, 254:257] = motion[:, 67:70]
        return row

    def neutral_motion(self, length=1):
        r"""A motion that looks straight ahead with the resting expression.

        Args:
            length: L, frames.

        Returns:
            (L, 70) float32.
        """
        motion = np.zeros((length, 70), dtype=np.float32)
        motion[:, 3:67] = self.exp_neutral
        return motion


def sample_person(rng):
    r"""Draw a person.

    Args:
        rng: numpy.random.Generator.

    Returns:
        A Person.
    """
    woman = rng.random() < 0.5
    age = rng.beta(1.4, 2.4)
    identity = ID_STD * rng.standard_normal(80)
    identity[list(STYLE_SHAPE)] *= STYLE_STD / ID_STD
    tex = TEX_STD * rng.standard_normal(80)
    tex[0] = rng.choice([-0.9, -0.2, 0.5, 1.5], p=[0.42, 0.26, 0.16, 0.16])  # melanin
    tex[8] = abs(tex[8]) - 0.3  # freckles are darker than the skin
    tex[0] += 0.22 * rng.standard_normal()
    identity[2] += -0.45 if woman else 0.35  # jaw
    identity[10] += -0.5 if woman else 0.4  # brow ridge
    identity[17] += 0.35 if woman else -0.2  # eye size
    exp_neutral = np.zeros(64)
    exp_neutral[:12] = [0, 0.14, 0.0, 0.04, 0.0, 0.12, 0.0, 0.04, 0.0, 0, 0, 0.03]
    exp_neutral[:12] *= rng.uniform(0.2, 1.5, 12)
    identity, exp_neutral[12:] = calm(identity, 0.08 * rng.standard_normal(52))
    return Person(
        identity.astype(np.float32),
        tex.astype(np.float32),
        sample_light(rng).astype(np.float32),
        exp_neutral.astype(np.float32),
        _sample_appearance(rng, woman, age, tex[0]),
    )


def sample_light(rng):
    r"""Draw the spherical-harmonics light gamma, alike in the three channels but for a tint.

    Args:
        rng: numpy.random.Generator.

    Returns:
        (27,), channel after channel.
    """
    common = np.array(GAMMA_MEAN) + 0.62 * np.array(GAMMA_STD) * rng.standard_normal(9)
    front = 0.886 * (common[0] + 0.8) + 1.772 * common[2] + 1.40 * common[6]  # light at n = z
    common[0] += (np.clip(front, 0.72, 1.02) - front) / 0.886
    tint = 0.02 * rng.standard_normal() * np.array([1.0, 0.0, -1.0])
    light = np.tile(common, (3, 1)) + 0.008 * rng.standard_normal((3, 9))
    light[:, 0] += tint
    return light.ravel()


def _sample_appearance(rng, woman, age, melanin):
    """Hair, clothes and the rest, tied loosely to age, sex and skin."""
    weights = np.array(STYLE_WEIGHTS[int(woman)])
    style = rng.choice(len(HAIR_STYLES), p=weights / weights.sum())
    dark = melanin > 0.3
    shades = [4, 3, 1, 0, 0, 0, 0, 0, 0] if dark else [1.5, 2, 3, 3, 2, 1.4, 0.9, 0, 0]
    colour = HAIR_COLOURS[rng.choice(9, p=np.array(shades) / np.sum(shades))]
    grey = np.clip((age - 0.55) * 2.2 + 0.2 * rng.standard_normal(), 0, 1) * (age > 0.5)
    hair = colour * (1 - grey) + HAIR_COLOURS[7 + (rng.random() < 0.3)] * grey
    hair = np.clip(hair * rng.uniform(0.85, 1.15) * rng.uniform(0.97, 1.03, 3), 0.02, 0.95)
    eye = EYE_COLOURS[rng.choice(6, p=EYE_WEIGHTS[int(dark)])]
    beard = 0 if woman else rng.choice(5, p=[0.45, 0.25, 0.08, 0.10, 0.12])
    return Appearance(
        hair_style=int(style),
        hair_colour=hair.tolist(),
        hair_volume=float(rng.uniform(0.75, 1.25)),
        hairline=float(rng.uniform(-0.06, 0.05) + (0 if woman else 0.14 * age * rng.random())),
        parting=float(rng.uniform(-0.6, 0.6)),
        brow_colour=(np.clip(0.75 * colour * (1 - 0.5 * grey) + 0.3 * grey, 0.04, 0.6)).tolist(),
        brow_thickness=float(rng.uniform(0.65, 1.0) if woman else rng.uniform(0.9, 1.45)),
        brow_arch=float(rng.uniform(0.4, 1.0) if woman else rng.uniform(0.0, 0.6)),
        eye_colour=(eye * rng.uniform(0.85, 1.2)).tolist(),
        lashes=float(rng.uniform(0.6, 1.0) if woman else rng.uniform(0.2, 0.5)),
        lipstick=float(woman * (rng.random() < 0.55) * rng.uniform(0.3, 1.0)),
        age=float(age),
        beard=int(beard),
        glasses=int(rng.choice(4, p=[0.74, 0.09, 0.10, 0.07])),
        glasses_colour=(rng.choice([0.04, 0.12, 0.3]) * rng.uniform(0.6, 1.6, 3)).tolist(),
        collar=int(rng.choice(3, p=[0.5, 0.38, 0.12])),
        build=float(rng.uniform(0.9, 1.12) * (0.94 if woman else 1.04)),
        neck_width=float(rng.uniform(0.86, 0.96) if woman else rng.uniform(0.98, 1.14)),
        cloth_colour=_cloth(rng).tolist(),
        cloth_second=_cloth(rng).tolist(),
        pattern=int(rng.integers(5)),
        background=int(rng.integers(len(BACKGROUNDS))),
        seed=int(rng.integers(2**31)),
    )


def _cloth(rng):
    """A cloth colour: dark, pale or strong."""
    grey = rng.uniform(0.08, 0.9)
    strength = rng.uniform(0.05, 0.35) * (1 - abs(2 * grey - 1))
    return np.clip(grey + strength * rng.standard_normal(3), 0.04, 0.95)
