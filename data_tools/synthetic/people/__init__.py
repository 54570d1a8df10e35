r"""Who is seen: shape, expressions, skin, hair, clothes of a synthetic person as meshes."""
