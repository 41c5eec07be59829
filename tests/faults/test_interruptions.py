"""Signals to real processes: what a run that is resumed ends with, bit for bit."""

import os
import random
import signal
import subprocess
import time

import pytest

from keras_gan import runs


def half_written(path):
    """Returns the files of checkpoints that are not whole."""
    try:
        names = os.listdir(path / "checkpoints")
    except FileNotFoundError:
        return []
    whole = {name.split(".")[0] for name in names if name.endswith(".index")}
    checkpoints = [name for name in names if name.startswith("ckpt-")]
    return [name for name in checkpoints if name.split(".")[0] not in whole]


@pytest.fixture
def killed_and_resumed(start, exact, wait_for_step, tmp_path):
    """Returns a function that kills one run again and again, and lets it end.

    The function takes the steps after which it kills, those of them after which it
    waits until a checkpoint is half written, and options of `train.py`; it returns the
    run's path and how many kills left half a checkpoint.
    """

    def killed_and_resumed(steps, writing_steps=(), *options):
        path, rng, resume, halves = tmp_path / "run", random.Random(), [], 0
        for step in steps:
            process = start(*exact, *options, "--run-dir", path, *resume)
            wait_for_step(process, path, step)
            if step in writing_steps:
                while half_written(path):  # of the kill before
                    assert process.poll() is None, process.communicate()
                while not half_written(path):
                    assert process.poll() is None, process.communicate()
            else:
                time.sleep(rng.uniform(0, 0.1))
            process.kill()
            _, errors = process.communicate()
            assert process.returncode == -signal.SIGKILL, errors
            halves += bool(half_written(path))
            resume = ["--resume"]
        process = start("--resume", "--run-dir", path, "--no-export")
        _, errors = process.communicate()
        assert process.returncode == 0, errors
        assert not half_written(path)
        return path, halves

    return killed_and_resumed


def test_killed_at_a_random_step_and_resumed_ends_bit_identical(
    uninterrupted, killed_and_resumed, assert_same_end
):
    path, _ = killed_and_resumed([random.randrange(25, 350)])
    assert_same_end(path, uninterrupted)


@pytest.mark.slow
def test_killed_at_20_moments_half_of_them_while_writing(
    uninterrupted, killed_and_resumed, assert_same_end, capsys
):
    steps = sorted(random.sample(range(1, 450), 20))
    path, halves = killed_and_resumed(steps, steps[::2], "--checkpoint-steps", "2")
    with capsys.disabled():
        print(f"killed at {steps}; {halves} left half a checkpoint")
    assert halves > 0
    assert_same_end(path, uninterrupted)


def heed(number):
    """Returns what makes a process take a signal that this one may ignore.

    nohup ignores SIGHUP, and a script SIGINT in what it runs in the background.
    """
    return lambda: signal.signal(number, signal.SIG_DFL)


@pytest.mark.parametrize(
    ("number", "code"),
    [
        pytest.param(signal.SIGINT, 130, marks=pytest.mark.slow),
        pytest.param(signal.SIGHUP, 129, marks=pytest.mark.slow),
        (signal.SIGTERM, 143),
    ],
)
def test_signal_saves_the_current_step_first(
    number, code, uninterrupted, start, exact, wait_for_step, assert_same_end, tmp_path
):
    path = tmp_path / "run"
    process = start(*exact, "--run-dir", path, preexec_fn=heed(number))
    wait_for_step(process, path, 100)
    process.send_signal(number)
    output, errors = process.communicate(timeout=120)
    assert process.returncode == code, errors
    assert "Traceback" not in errors
    stopped = int(output.split("stopped at step ")[1].split(";")[0])
    assert (path / "checkpoints" / f"ckpt-{stopped}.index").exists()
    process = start("--resume", "--run-dir", path, "--no-export")
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    assert_same_end(path, uninterrupted)


def test_second_ctrl_c_stops_at_once(start, exact, wait_for_step, tmp_path):
    path = tmp_path / "run"
    often = ("--sample-steps", "1", "--checkpoint-steps", "100000")
    process = start(*exact, *often, "--run-dir", path, preexec_fn=heed(signal.SIGINT))
    while not (path / "samples" / "step_00000060.png").exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    # A grid that nobody ever writes: the animation at the end of the run waits for it.
    os.mkfifo(path / "samples" / "step_endless.png")
    process.send_signal(signal.SIGINT)
    # The checkpoint that it asks for comes before the animation.
    wait_for_step(process, path, 60)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 130, errors
    assert "stopped at step" not in output
    assert "stopped\n" in errors  # before the last state of the progress bar
    assert "Traceback" not in errors
    assert not (path / "training.gif").exists()
    assert int(runs.load(path).step) >= 60


# Shifts the wall clock by a day while a file is there, as a wrong time server does.
CLOCK = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
static long shift(void) {
  const char *flag = getenv("CLOCK_FLAG");
  return flag && access(flag, F_OK) == 0 ? -86400 : 0;
}
int clock_gettime(clockid_t id, struct timespec *t) {
  static int (*real)(clockid_t, struct timespec *);
  if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
  int result = real(id, t);
  if (id == CLOCK_REALTIME) t->tv_sec += shift();
  return result;
}
int gettimeofday(struct timeval *t, void *zone) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  t->tv_sec = now.tv_sec;
  t->tv_usec = now.tv_nsec / 1000;
  return 0;
}
time_t time(time_t *t) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (t) *t = now.tv_sec;
  return now.tv_sec;
}
"""


@pytest.fixture
def shifted_clock(tmp_path):
    """Returns the environment of a process, and the file that shifts its clock."""
    source, library = tmp_path / "clock.c", tmp_path / "clock.so"
    source.write_text(CLOCK)
    try:
        build = ["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"]
        subprocess.run(build, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no C compiler: {error}")
    flag = tmp_path / "flag"
    environment = {**os.environ, "LD_PRELOAD": str(library), "CLOCK_FLAG": str(flag)}
    code = ["python3", "-c", "import time; print(time.time())"]
    flag.touch()
    shown = float(subprocess.check_output(code, env=environment))
    assert abs(time.time() - 86400 - shown) < 600
    flag.unlink()
    return environment, flag


@pytest.mark.slow
def test_clock_set_back(
    uninterrupted, start, exact, wait_for_step, assert_same_end, shifted_clock, tmp_path
):
    environment, flag = shifted_clock
    path = tmp_path / "run"
    process = start(*exact, "--run-dir", path, env=environment)
    wait_for_step(process, path, 100)
    process.terminate()
    output, errors = process.communicate()
    assert process.returncode == 143, errors
    stopped = int(output.split("stopped at step ")[1].split(";")[0])

    flag.touch()  # resumed a day before it began, and put right on the way
    process = start("--resume", "--run-dir", path, "--no-export", env=environment)
    wait_for_step(process, path, 300)
    flag.unlink()
    output, errors = process.communicate()
    assert process.returncode == 0, errors
    assert f"from step {stopped}," in output
    assert_same_end(path, uninterrupted)
