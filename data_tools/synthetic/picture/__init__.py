r"""How people are seen: the rasterizer, what is behind them, the camera's film."""
