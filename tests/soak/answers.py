"""Which answers are right: those that one version in question of an entry could give, all of them."""

from source import KIB


class Wrong(Exception):
    """An answer that nothing excuses."""


class Missing(Wrong):
    """A name that should be there is not: which is what becomes of all names when the own rank is killed."""


class Seen:
    """Which versions an entry may have, by all that was seen of it through one look at its name."""

    def __init__(self, board, entry):
        self._board, self._entry = board, entry
        self._floor = board.floor[entry.number]
        self._left = None  # None: nothing was seen

    def expect(self, fits, what, error=Wrong):
        entry = self._entry
        # The version was chosen when the name was looked at, so no later one joins after the first answer.
        left = range(self._floor, self._board.newest[entry.number] + 1) if self._left is None else self._left
        self._left = [version for version in left if fits(version)]
        if not self._left:
            raise error(f"{entry.path}: {what}; of versions {left[0]} to {left[-1]} none fits")

    def absent(self):
        self.expect(lambda version: not self._entry.is_there(version), "absent", Missing)

    def there(self):
        self.expect(self._entry.is_there, "there")

    def size(self, size):
        entry = self._entry
        self.expect(lambda version: entry.is_there(version) and entry.size_of(version) == size, f"size {size}")

    def data(self, offset, found):
        """What a read at this offset gave. Nothing is the end of the file; less than was asked for is not."""
        entry = self._entry

        def fits(version):
            if not entry.is_there(version):
                return False
            if not found:
                return offset >= entry.size_of(version)
            head = found[:KIB]
            return entry.content(version, offset, len(head)) == head and entry.content(version, offset, len(found)) == found
        zeros = " (zeros)" if found and not found.strip(b"\0") else ""
        self.expect(fits, f"{len(found)} bytes at {offset}{zeros}")
