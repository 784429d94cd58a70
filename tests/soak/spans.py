"""When something lasted."""

import contextlib
import time


class Spans:
    """By key: (key, from, to); `to` is None while it lasts."""

    def __init__(self):
        self.all = []

    @contextlib.contextmanager
    def lasting(self, *keys):
        began = time.monotonic()
        places = range(len(self.all), len(self.all) + len(keys))
        self.all += [(key, began, None) for key in keys]
        try:
            yield
        finally:
            for at in places:
                self.all[at] = (self.all[at][0], began, time.monotonic())

    def overlap(self, key, began, ended):
        """For how much of this time it lasted."""
        return sum(max(0, min(ended, until or ended) - max(began, since))
                   for one, since, until in list(self.all) if one == key)
