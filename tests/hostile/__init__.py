"""What the hostile tests share: the rendered package, bad values, a site, its servers."""
