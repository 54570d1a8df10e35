r"""MFR-Net: a speaker's video, a portrait and an attitude become videos of a listener."""
