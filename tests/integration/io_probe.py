# SPDX-License-Identifier: Apache-2.0
"""build/<kind>/probes/io_probe as an object: orders go in, answers come out by tag."""
import queue
import subprocess
import threading

from support import BUILD, FAULT_MARKS


class Probe:
    def __init__(self, *args):
        self.child = subprocess.Popen(
            [str(BUILD / "probes/io_probe"), *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)
        self.lines = queue.Queue()
        self.early = []
        self.stderr = []
        self.readers = [threading.Thread(target=self.read_answers, daemon=True),
                        threading.Thread(target=self.read_log, daemon=True)]
        for reader in self.readers:
            reader.start()

    def read_answers(self):
        for line in self.child.stdout:
            self.lines.put(line.rstrip("\n").split("\t"))

    def read_log(self):
        for line in self.child.stderr:
            self.stderr.append(line)

    def say(self, *fields):
        self.child.stdin.write("\t".join(map(str, fields)) + "\n")
        self.child.stdin.flush()

    def answer(self, tag, timeout=30.0):
        """The fields after the tag of the next answer with this tag; others are kept in order."""
        for i, line in enumerate(self.early):
            if line[0] == tag:
                return self.early.pop(i)[1:]
        while True:
            try:
                line = self.lines.get(timeout=timeout)
            except queue.Empty:
                raise AssertionError(f"no answer {tag}: {self.early} {self.stderr}") from None
            if line[0] == tag:
                return line[1:]
            self.early.append(line)

    def next(self, timeout=30.0):
        """The next answer whatever its tag: for tests of order."""
        return self.early.pop(0) if self.early else self.lines.get(timeout=timeout)

    def ask(self, *fields):
        self.say(*fields)
        return self.answer(fields[0])

    def stop(self):
        if self.child.poll() is None:
            self.child.stdin.close()
        code = self.child.wait(60)
        for reader in self.readers:
            reader.join(5)
        log = "".join(self.stderr)
        assert not FAULT_MARKS.search(log.encode()), log
        assert code == 0, f"exit {code}: {log}"
