r"""Where data come from and go to: the ViCo folder, video, sound and pictures, files written whole."""
