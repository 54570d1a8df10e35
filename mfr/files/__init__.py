r"""Where data come from and go to: the ViCo folder, video and sound, files written whole."""
