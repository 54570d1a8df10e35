r"""Every exercise, in the order of the chapters."""

from tutorials.exercise import attention, clips, diffusion, sound

EXERCISES = {
    exercise.name: exercise
    for exercise in sorted(
        sound.EXERCISES + diffusion.EXERCISES + attention.EXERCISES + clips.EXERCISES,
        key=lambda exercise: exercise.chapter[:2],
    )
}
