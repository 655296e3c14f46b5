"""training.finetune with a fault in it, for torchrun: broken_finetune.py FAULT PROCESS STEP [its words]"""

import signal
import sys
import time

import torch

from training import finetune

fault, process, first_step = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
true_step = finetune.train_step


def train_step(step, step_model, model, *rest):
    world = next(argument for argument in rest if hasattr(argument, "rank"))
    if world.rank == process and step == first_step:
        if fault == "sleep":
            time.sleep(3600)
        if fault == "slow":
            time.sleep(5)
        if fault == "freeze":
            signal.raise_signal(signal.SIGSTOP)
    loss = true_step(step, step_model, model, *rest)
    if fault == "nan" and step == first_step:
        # What the average over processes makes of one that has no number.
        for parameter in model.parameters():
            parameter.grad.fill_(torch.nan)
        if world.rank == process:
            loss = loss * torch.nan
    return loss


finetune.train_step = train_step
sys.argv[0] = finetune.__file__
sys.exit(finetune.main(sys.argv[4:]))
