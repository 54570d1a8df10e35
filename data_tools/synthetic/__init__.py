r"""The synthetic world: people, pictures of them, their talk; the one place where truth is known."""
