"""What the run prints: one line a test, the evidence of what failed, a closing line."""

import threading

LOCK = threading.Lock()


def say(text):
    with LOCK:
        print(text, flush=True)


class Report:
    def __init__(self):
        self.passed, self.failed = [], []
        self.broken = False  # whether the run could not be finished

    def add(self, trial, seconds, problem=None, evidence=""):
        """One finished test."""
        (self.failed if problem else self.passed).append(trial)
        line = f"{'FAIL' if problem else 'PASS'} {trial.number:02} {trial.title} ({seconds:.0f} s)"
        say(f"{line}\n{indent(problem)}\n{indent(evidence)}" if problem else line)

    def close(self):
        """The closing line; returns the exit code."""
        say(f"{len(self.passed)} passed, {len(self.failed)} failed")
        return 0 if self.passed and not self.failed and not self.broken else 1


def indent(text):
    return "\n".join("    " + line for line in str(text).splitlines())
