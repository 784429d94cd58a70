"""Ranks that bind to another address than the one they should, or that can't find each other, are no job."""

import os
import pathlib
import socket

import copper_job
import nodes

MIB = 1 << 20


def logs(job):
    return pathlib.Path(f"{job.directory}/logs")


def book_of(job):
    """The address book as (host, address) pairs, without its comments."""
    lines = (logs(job) / "copper_address_book.txt").read_text().splitlines()
    return [tuple(line.split(" ")) for line in lines if not line.startswith("#")]


def full_book_of(job):
    """The header and the rows, as lists of words, and the comments."""
    lines = (logs(job) / "copper_address_book_full_output.txt").read_text().splitlines()
    rows = [line.split(" | ") for line in lines if not line.startswith("#")]
    return rows[0], rows[1:], [line for line in lines if line.startswith("#")]


class OneMachine(copper_job.Scenario):
    """Several ranks on one host, over loopback."""

    def setUp(self):
        super().setUp()
        self.write("file", b"content")
        self.site = self.root / "site-book.txt"

    def facility(self, book, ranks):
        job = self.start(ranks, options=["--address-book-source", "facility", "--facility-address-book", book])
        for mount in job.mounts:
            self.assertEqual(b"content", pathlib.Path(f"{mount}/file").read_bytes())
        return job

    def test_what_the_host_has_is_written_down(self):
        job = self.start(2)
        header, rows, comments = full_book_of(job)
        self.assertEqual("hostname", header[0])
        self.assertIn("lo", header)
        self.assertEqual([copper_job.host()], [row[0] for row in rows], "one row for each host")
        self.assertEqual("127.0.0.1", rows[0][header.index("lo")].split(",")[0])
        self.assertEqual(["# discover, net type auto"], comments)
        self.assertEqual([copper_job.host()] * 2, [host for host, _ in book_of(job)])

    def test_an_address_without_a_port_serves_all_ranks_of_the_host(self):
        self.site.write_text("# our site\n\n" + "".join(f"nid{node:05} 10.1.2.3\n" for node in range(5000)) +
                             f"{copper_job.host()}.site.gov\t127.0.0.1   # this one\n")
        job = self.facility(self.site, 3)
        book = book_of(job)
        self.assertEqual({"127.0.0.1"}, {address.partition(":")[0] for _, address in book})
        self.assertEqual(3, len({address for _, address in book}), "a port for each")
        self.assertEqual(f"# facility: {self.site}", (logs(job) / "copper_address_book.txt").read_text().splitlines()[0])
        header, rows, comments = full_book_of(job)
        self.assertEqual("facility", header[-1])
        self.assertEqual([[copper_job.host(), "127.0.0.1"]], [[row[0], row[-1]] for row in rows])
        self.assertEqual([f"# facility: {self.site}"], comments)
        # What was written can be given again, ports and all, as soon as the job has ended.
        saved = self.root / "saved-book.txt"
        saved.write_text((logs(job) / "copper_address_book.txt").read_text())
        self.assertEqual(0, job.stop().returncode)
        job.wait_for_end()
        self.assertEqual(book, book_of(self.facility(saved, 3)))

    def test_another_loopback_address(self):
        self.site.write_text(f"{copper_job.host()} 127.0.0.3\n")
        job = self.facility(self.site, 2)
        self.assertEqual({"127.0.0.3"}, {address.partition(":")[0] for _, address in book_of(job)})

    def test_a_port_of_ones_own(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.site.write_text(f"{copper_job.host()} 127.0.0.1:{port}\n")
        job = self.facility(self.site, 1)
        self.assertEqual([(copper_job.host(), f"127.0.0.1:{port}")], book_of(job))

    def test_what_is_no_book_is_refused_however_long_it_is(self):
        endless, huge = self.root / "fifo", self.root / "huge"
        os.mkfifo(endless)
        with open(huge, "wb") as file:
            file.truncate(1 << 40)
        for book, reason in (("/dev/zero", "is no regular file"), (endless, "is no regular file"), (huge, "has more than the")):
            job = copper_job.Job(self.root, self.source, 2, options=["--address-book-source", "facility",
                                                                     "--facility-address-book", book])
            done = copper_job.run(*job.command)
            self.assertEqual(2, done.returncode, done.stderr)
            self.assertIn(f"cannot read the facility address book: {book} {reason}", done.stderr)

    def test_a_discovered_book_can_be_given_as_a_facility_book(self):
        job = self.start(2)
        saved = self.root / "saved-book.txt"
        saved.write_text((logs(job) / "copper_address_book.txt").read_text())
        book = book_of(job)
        self.assertEqual(0, job.stop().returncode)
        job.wait_for_end()
        self.assertEqual(book, book_of(self.facility(saved, 2)))


class FourNodes(copper_job.Scenario):
    """Four nodes with a host name and an address each, on one bridge."""

    def setUp(self):
        super().setUp()
        self.nodes = nodes.Nodes(4)
        self.addCleanup(self.nodes.remove)
        self.content = os.urandom(4 * MIB)
        self.write("file", self.content)

    def prepare(self, *options):
        place = self.root / f"job-{len(list(self.root.iterdir()))}"
        place.mkdir()
        job = copper_job.Job(place, self.source, 4, options=options)
        at = job.command.index(copper_job.CU_FUSE)
        job.command[at:at] = self.nodes.enter()
        self.addCleanup(job.end)
        return job

    def serve(self, *options):
        job = self.prepare(*options).start()
        before = [self.nodes.bytes_into(node) for node in range(4)]
        for mount in job.mounts:
            self.assertEqual(self.content, pathlib.Path(f"{mount}/file").read_bytes())
        carried = sum(self.nodes.bytes_into(node) - before[node] for node in range(4))
        self.assertGreater(carried, 3 * len(self.content), "three of four nodes have it from another one")
        self.assertEqual(len(self.content), job.total("bytes_from_source"))
        return job

    def refused(self, *options):
        job = self.prepare(*options)
        done = copper_job.run(*job.command)
        self.assertEqual(2, done.returncode, done.stderr)
        self.assertEqual([], copper_job.mounts_below(self.root))
        return done.stderr

    def test_discover(self):
        job = self.serve()
        expected = [(f"node{node}", self.nodes.address(node)) for node in range(4)]
        self.assertEqual(expected, [(host, address.partition(":")[0]) for host, address in book_of(job)])
        header, rows, _ = full_book_of(job)
        at = header.index("eth0")
        self.assertEqual(expected, [(row[0], row[at].split(",")[0]) for row in rows])

    def test_facility(self):
        """The second interface of each node, which discovery would not choose."""
        for node in range(4):
            self.nodes.ip("-n", self.nodes.space(node), "addr", "add", f"10.78.0.{node + 1}/24", "dev", "eth0")
        book = self.root / "site-book.txt"
        lines = [f"nid{node:05}.site 10.1.2.3\n" for node in range(2000)]
        lines += [f"node{node}{'.site' if node % 2 else ''} 10.78.0.{node + 1}:{7000 + node}\n" for node in range(4)]
        book.write_text("".join(reversed(lines)))
        options = ["--address-book-source", "facility", "--facility-address-book"]
        job = self.serve(*options, book)
        expected = [(f"node{node}", f"10.78.0.{node + 1}:{7000 + node}") for node in range(4)]
        self.assertEqual(expected, book_of(job))
        saved = self.root / "saved-book.txt"
        saved.write_text((logs(job) / "copper_address_book.txt").read_text())
        self.assertEqual(0, job.stop().returncode)
        job.wait_for_end()
        self.assertEqual(expected, book_of(self.serve(*options, saved)))

    def test_a_host_that_lacks_the_network(self):
        for node in (0, 1, 3):
            self.nodes.connect(node, "fast0", f"10.79.0.{node + 1}")
        said = self.refused("--net-type", "tcp://fast0")
        self.assertIn("host node2 has no network that fits --net-type tcp://fast0", said)
        self.assertIn(f"://eth0 ({self.nodes.address(2)})", said)
        self.assertNotIn(self.nodes.address(1), said)

    def test_books_that_are_wrong(self):
        book = self.root / "site-book.txt"
        options = ["--address-book-source", "facility", "--facility-address-book", book]
        right = [f"node{node} {self.nodes.address(node)}\n" for node in range(4)]
        for lines, says in ((right[:2] + right[3:], ["host node2", book]),
                            (right + ["node1.site 10.77.0.9\n"], ["host node1", book, "line 2", "line 5"]),
                            (right[:3] + ["node3 10.77.0.1\n"], ["host node3", f"{book}, line 4", self.nodes.address(3)])):
            with self.subTest(says=says):
                book.write_text("".join(lines))
                said = self.refused(*options)
                for fragment in says:
                    self.assertIn(str(fragment), said)


copper_job.main()
