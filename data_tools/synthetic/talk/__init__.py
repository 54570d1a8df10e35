r"""What people do: speech and its sound, and how a listener answers it."""
