r"""The chapters and the command that runs them: python -m tutorials.run."""
