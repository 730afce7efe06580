"""The page that runs in a browser, and the service behind it."""
