"""The README's "Installing in a cluster": its commands and what it gives to paste, as they stand there, for the rig."""

import pathlib
import re
import subprocess

from waiting import Failed, check

ROOT = pathlib.Path(__file__).resolve().parents[3]
SECTION = "## Installing in a cluster"
STEP = re.compile(r"^(\d+)\. \*\*(.+?)\*\*")
# a block stands four columns to the right of its step's text, which stands three to the right of the margin
BLOCK = " " * 7
# a cold release build is the longest
SECONDS = 900


class Step:
    def __init__(self, title):
        self.title, self.blocks = title, []


def steps():
    """The section's numbered steps in order, each with its blocks of commands (or, for Alertmanager, of configuration)."""
    text = (ROOT / "README.md").read_text()
    check(f"\n{SECTION}\n" in text, f"the README has no {SECTION!r}")
    section = re.split(r"^## ", text.split(f"\n{SECTION}\n")[1], flags=re.MULTILINE)[0]
    found, inside = [], False
    for line in section.splitlines():
        if match := STEP.match(line):
            check(int(match[1]) == len(found) + 1, f"the README's steps are not numbered one after the other: {line}")
            found.append(Step(match[2]))
        if line.startswith(BLOCK):
            check(found, f"the README has commands before its first step: {line}")
            if not inside:
                found[-1].blocks.append("")
            found[-1].blocks[-1] += line.removeprefix(BLOCK) + "\n"
        inside = line.startswith(BLOCK)
    return found


class Substitutions:
    """What must differ on the rig: (the README's text, the rig's). Every row must be of use, or the README has changed."""

    def __init__(self, table):
        self.table, self.used = table, set()

    def apply(self, text):
        for theirs, ours in self.table:
            if theirs in text:
                self.used.add(theirs)
                text = text.replace(theirs, ours() if callable(ours) else ours)
        return text

    def check_used(self):
        unused = [theirs for theirs, _ in self.table if theirs not in self.used]
        check(not unused, f"nothing that the README says has {unused} in it any more")


def run(commands):
    """Runs one block as somebody would who pastes it into a shell in the checkout; returns what it printed."""
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", commands], cwd=ROOT, capture_output=True, text=True, timeout=SECONDS)
    if done.returncode:
        raise Failed(f"the README's commands end with {done.returncode}:\n{commands}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout
