#!/usr/bin/env bash
# A training as a Slurm job, on one node or several, that goes on after its time limit. From the root of the project:
#   sbatch --nodes=2 --gpus-per-node=4 training/launch/slurm.sh training.finetune --config FILE --run-dir runs/NAME
# What sbatch is told holds instead of the lines below. There is one process for each GPU, or PROCESSES of them a node.
# docs/scaling.md has the rest.
#SBATCH --job-name=hvit
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --time=12:00:00
#SBATCH --signal=B:USR1@180
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x-%j.log

run=""
for ((i = 1; i <= $#; i++)); do
    case "${!i}" in
        --run-dir) next=$((i + 1)) && run="${!next-}" ;;
        --run-dir=*) run="${!i#*=}" ;;
    esac
done
if [ -z "$run" ]; then
    echo "slurm.sh: name the run: --run-dir runs/NAME" >&2
    exit 2
fi

PATH="$PWD/.venv/bin:$PATH"
export TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 # else --max-restarts finds the dead: docs/reliability.md
host=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
export HVIT_STATUS="$PWD/hvit-$SLURM_JOB_ID.status" # torchrun ends with 1 whatever its processes meant; here they say it
rm -f "$HVIT_STATUS"

# The time is nearly up. Not srun is told, which would kill its tasks, but torchrun on every node, and only once: a
# second signal would make it leave before its processes have saved.
asked=""
trap 'trap : USR1; asked=yes; scancel --signal=TERM "$SLURM_JOB_ID"' USR1
trap : TERM # the job is cancelled: tasks that were told as well save before this script ends, and it with them

srun --ntasks-per-node=1 --cpus-per-task="${SLURM_CPUS_PER_TASK:-1}" --kill-on-bad-exit=0 --wait=120 torchrun \
    --nnodes="$SLURM_JOB_NUM_NODES" --nproc-per-node="${PROCESSES:-gpu}" --max-restarts=3 --shutdown-timeout=90 \
    --rdzv-backend=c10d --rdzv-endpoint="$host:$((20000 + SLURM_JOB_ID % 10000))" --rdzv-id="$SLURM_JOB_ID" \
    -m "$@" --resume auto &
srun=$!
while wait "$srun"; status=$?; kill -0 "$srun" 2>/dev/null; do :; done # a signal ends wait, and not srun

said=$(cat "$HVIT_STATUS" 2>/dev/null)
rm -f "$HVIT_STATUS"
if [ "$status" != 0 ]; then status=${said:-$status}; fi
# Stopped because its time was up, and saved (75); or killed before it could say so, and others at most lost it (1, 6).
if [ -n "$asked" ] && [ "$status" != 0 ] && [[ "${said:-75}" =~ ^(75|1|6)$ ]]; then
    echo "slurm.sh: $run goes on when the queue starts job $SLURM_JOB_ID again"
    scontrol requeue "$SLURM_JOB_ID"
    status=75
fi
exit "$status"
