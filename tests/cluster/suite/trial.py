"""What a test is: a number, a title, what it needs at the start, and a function."""

TRIALS = []


class Trial:
    def __init__(self, function, number, title, alone, installed, rig, good, namespaces):
        self.function, self.number, self.title, self.alone, self.installed, self.rig = function, number, title, alone, installed, rig
        self.good, self.namespaces = good, namespaces

    def matches(self, word):
        """Whether a word of the command line names it: its number, or a part of its title."""
        return word.isdigit() and int(word) == self.number or not word.isdigit() and word.lower() in self.title.lower()


def trial(number, title, alone=False, installed=False, rig=False, good=(), namespaces=()):
    """Registers a test. `alone`: no other runs beside it; `installed`: after all others and without the main instance, with Ripcord in the
    cluster as the README installs it; `rig`: it can't be run elsewhere, as no test of an installation can; `good`: Deployments that are applied at the very start, so that all earn `provenFor` together;
    `namespaces`: its own, made with Ripcord's binding."""

    def register(function):
        TRIALS.append(Trial(function, number, title, alone, installed, rig or installed, list(good), list(namespaces)))
        return function

    return register


class Scene:
    """What one test uses: its instances are stopped when it ends, and all of it is shown when it fails."""

    def __init__(self, run):
        self.run = run
        self.instances = []
        self.incidents_of = []

    def watching(self, namespace, *names):
        """Names the workloads whose incidents tell what happened."""
        self.incidents_of += [(namespace, name) for name in names]

    def instance(self, name, namespaces, kubeconfig=None, **settings):
        """An instance of the binary for this test alone; posts to it need `run.token`."""
        made = self.run.instance(name, namespaces, kubeconfig=kubeconfig, **settings)
        self.instances.append(made)
        return made

    def close(self):
        for instance in self.instances:
            instance.stop()

    def kill(self):
        for instance in self.instances:
            instance.kill()
