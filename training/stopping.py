"""How a training program ends: its exit codes, and signals that let it finish the step and save."""

import signal

EXIT_USER, EXIT_COLLAPSED, EXIT_PREEMPTED = 2, 3, 75
ASK_EVERY = 10  # steps between two agreements of several processes on whether to stop


def stop_on_signals() -> dict[str, bool]:
    """A flag that SIGTERM or the first SIGINT sets: the step is finished and the state saved."""
    flag = {"asked": False}

    def ask(signum, frame):
        flag["asked"] = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    signal.signal(signal.SIGTERM, ask)
    signal.signal(signal.SIGINT, ask)
    return flag
