r"""A conversation: the listener answers while the speaker is still speaking.

`timeline` lays pictures and sound that come as they please on one row of frames, `session` turns
them into the listener's frames, `pace` gives those out in time, `page` shows them in a browser.

    live = pipeline.load().live(portrait, "positive")
    for pictures, sound in camera:
        live.push(pictures, sound)
        for frame in live:
            show(frame.pixels)
"""
