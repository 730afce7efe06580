"""From a film to faces with track numbers; see :mod:`prnet.video.follow`."""
