"""What a process holds after many steps."""

import pathlib
import time

import numpy as np
import pytest

STEPS, EVERY = 20_000, 1000
PAGE_KB = 4
# 36 epochs. Keras's history of their means comes to 20; the tensors of Python numbers
# that TensorFlow once kept for TensorBoard came to 200.
MOST_KB = 60


def looked_at(process):
    """Returns kB of memory in use, open files and threads of a process."""
    folder = pathlib.Path("/proc", str(process.pid))
    pages = int((folder / "statm").read_text().split()[1])
    counts = (len(list((folder / name).iterdir())) for name in ("fd", "task"))
    return pages * PAGE_KB, *counts


@pytest.mark.slow
@pytest.mark.skipif(not pathlib.Path("/proc/self/statm").exists(), reason="no /proc")
def test_memory_files_and_threads_do_not_grow(start, tiny, tmp_path, capsys):
    path = tmp_path / "run"
    options = ("--steps", STEPS, "--checkpoint-steps", EVERY, "--evaluate-epochs", "10")
    log = tmp_path / "stderr.txt"  # a pipe that nobody empties is soon full
    with log.open("w") as file:
        process = start(*tiny, *options, "--run-dir", path, stderr=file)
    windows = {}
    while process.poll() is None:
        names = (p.stem[5:] for p in (path / "checkpoints").glob("ckpt-*.index"))
        step = max(map(int, names), default=0)
        try:
            windows.setdefault(step, []).append(looked_at(process))
        except (FileNotFoundError, ProcessLookupError):
            break
        time.sleep(0.05)
    process.communicate()
    assert process.returncode == 0, log.read_text()[-2000:]
    # The first windows fill caches; the last holds the end of the run too.
    steps = [step for step in sorted(windows) if 4 * EVERY <= step < STEPS]
    assert len(steps) >= 12
    # Medians of memory, and the fewest files and threads, as some come for moments.
    memory = [float(np.median([look[0] for look in windows[step]])) for step in steps]
    files = [min(look[1] for look in windows[step]) for step in steps]
    threads = [min(look[2] for look in windows[step]) for step in steps]
    slope = float(np.polyfit(np.array(steps) / 1000, memory, 1)[0])
    with capsys.disabled():
        print(
            f"\nmemory {memory[0]:.0f} kB at step {steps[0]}, {memory[-1]:.0f} kB at "
            f"step {steps[-1]}, {slope:+.1f} kB per 1,000 steps; files {files[0]} to "
            f"{files[-1]}, threads {threads[0]} to {threads[-1]}"
        )
    assert slope < MOST_KB
    assert files[-1] == files[0]
    assert threads[-1] == threads[0]
