"""No process that a `Stage` starts outlives it."""

import subprocess
import sys
import unittest

from demo.environment import ROOT, inherited, isolate
from demo.guard import descendants
from demo.stage import Stage
from support import outlive, programs, scratch

isolate()
# Prints a line when everything runs, then waits to be killed.
ACTOR = """
from demo.stage import Stage
with Stage() as stage:
    stage.ministack({})
    stage.cargo_lambda_watch({})
    print("up", flush=True)
    input()
"""


@unittest.skipUnless(sys.platform == "linux", "reads /proc")
class NothingIsLeft(unittest.TestCase):
    """All processes end, however the `Stage` ends."""

    def test_when_the_block_is_left(self) -> None:
        with Stage() as stage:
            stage.local_aws(programs().local_aws)
            stage.ministack({})
            stage.cargo_lambda_watch({})
            started = [child for process in stage.processes() for child in (process, *descendants(process))]
            directory = stage.directory
        self.assertGreaterEqual(len(started), 5)
        self.assertEqual(outlive(started), [])
        self.assertFalse(directory.exists())

    def test_when_the_process_is_killed_outright(self) -> None:
        folder = scratch(self)
        actor = subprocess.Popen(
            [sys.executable, "-c", ACTOR],
            cwd=ROOT,
            env=inherited({"TMPDIR": str(folder)}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert actor.stdin and actor.stdout
        with actor.stdin, actor.stdout:
            self.assertEqual(actor.stdout.readline(), "up\n")
            started = descendants(actor.pid)
            actor.kill()
            actor.wait()
        self.assertGreaterEqual(len(started), 4)
        self.assertEqual(outlive(started), [])


if __name__ == "__main__":
    unittest.main()
