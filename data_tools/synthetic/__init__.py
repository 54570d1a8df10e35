r"""The synthetic world, where the truth is known: people, pictures of them, their talk."""
