"""How each peer is set up: `configure` adds to Django's settings, `started` runs after."""
