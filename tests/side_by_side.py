r"""The tests on all cores: forks of the process that has collected them take a file at a time.

What comes of each test, and each warning, is sent to the first process, which says it as ever. One
process does where few files are asked for, where something is to stop at the first failure or in a
debugger, where a GPU is (it survives no fork), and with --processes 1.
"""

import multiprocessing
import os
import warnings
from itertools import groupby
from multiprocessing.connection import wait

import pytest
import torch

FEW = 20  # files that do not pay for a fork
MOST = 4  # processes that are begun unasked
LONG = ("test_tutorials", "test_training", "test_make_synthetic", "live/", "official/")  # go first


class Teller:
    r"""In a fork: sends on what happens."""

    def __init__(self, config, line):
        self.config, self.line, self.began = config, line, False

    def pytest_runtest_logstart(self, nodeid, location):
        self.began = True
        self.line.send(("logstart", {"nodeid": nodeid, "location": location}))

    def pytest_runtest_logfinish(self, nodeid, location):
        self.line.send(("logfinish", {"nodeid": nodeid, "location": location}))

    def pytest_runtest_logreport(self, report):
        hook = self.config.hook.pytest_report_to_serializable
        self.line.send(("logreport", hook(config=self.config, report=report)))

    def pytest_warning_recorded(self, warning_message, when, nodeid, location):
        said = warning_message
        said = str(said.message), said.category, said.filename, said.lineno
        if self.began:  # else it is one of before the fork, told again to a new plugin
            self.line.send(("warning", (said, when, nodeid, location)))


def processes(config, files):
    r"""How many processes run so many files: as asked, else as many as pay."""
    asked = config.option.processes
    unfit = config.option.collectonly or config.option.usepdb or config.option.maxfail
    if unfit or not hasattr(os, "fork") or torch.cuda.is_available():
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    return min(files, asked or (min(cores, MOST) if files > FEW else 1))


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session):
    r"""In the place of pytest's own loop, where that would be one process."""
    files = [list(items) for _, items in groupby(session.items, lambda item: item.path)]
    count = processes(session.config, len(files))
    if count < 2 or session.testsfailed:
        return None
    files.sort(key=lambda items: not any(name in items[0].nodeid for name in LONG))
    session.config._tmp_path_factory.getbasetemp()  # one for all
    session.config.pluginmanager.getplugin("terminalreporter").showfspath = False  # they alternate
    torch.set_num_threads(1)  # a core each
    context = multiprocessing.get_context("fork")
    taken, lines, forks = context.Value("i", 0), {}, []
    for _ in range(count):
        here, there = context.Pipe(duplex=False)
        forks.append(context.Process(target=work, args=(session, files, taken, there)))
        forks[-1].start()
        there.close()
        lines[here] = ""  # the test that runs there
    try:
        listen(session.config, lines)
    finally:
        for fork in forks:
            fork.terminate()  # one that has ended already does not mind
            fork.join()
    return True


def work(session, files, taken, line):
    r"""In a fork: run the files that nobody has taken yet."""
    config = session.config
    capture = config.pluginmanager.getplugin("capturemanager")
    capture.stop_global_capturing()  # its files are everybody's
    capture.start_global_capturing()
    capture.suspend_global_capture(in_=True)
    config.pluginmanager.unregister(name="terminalreporter")
    config.pluginmanager.register(Teller(config, line))

    def take():
        with taken.get_lock():
            taken.value += 1
            return files[taken.value - 1] if taken.value <= len(files) else []

    items = take()
    while items:
        following = take()  # fixtures end where the next test does not want them
        for item, after in zip(items, [*items[1:], *(following[:1] or [None])]):
            config.hook.pytest_runtest_protocol(item=item, nextitem=after)
        items = following
    line.send(("done", None))


def listen(config, lines):
    r"""Say what the forks send until all are done.

    Raises:
        RuntimeError: one of them died.
    """
    while lines:
        for line in wait(list(lines)):
            try:
                kind, content = line.recv()
            except EOFError:
                raise RuntimeError(f"a process of the tests died in {lines[line]}") from None
            if kind == "logstart":
                lines[line] = content["nodeid"]
                config.hook.pytest_runtest_logstart(**content)
            elif kind == "logfinish":
                config.hook.pytest_runtest_logfinish(**content)
            elif kind == "logreport":
                hook = config.hook.pytest_report_from_serializable
                config.hook.pytest_runtest_logreport(report=hook(config=config, data=content))
            elif kind == "warning":
                (text, *of), when, nodeid, location = content
                said = warnings.WarningMessage(Warning(text), *of)
                said = {"warning_message": said, "when": when, "nodeid": nodeid}
                config.hook.pytest_warning_recorded.call_historic(
                    kwargs={**said, "location": location}
                )
            else:
                del lines[line]
