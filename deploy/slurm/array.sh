#!/usr/bin/env bash
# One run by a SLURM array, with the command line alone. The folder is one that every node sees.
#
#   heatveil plan flight/ --out tonight --shards 31
#   jobid=$(sbatch --parsable --array=0-30%8 deploy/slurm/array.sh tonight)
#   sbatch --dependency=afterok:$jobid --cpus-per-task=8 --wrap "heatveil merge tonight"
#
# A task that a node took down with it is queued again by SLURM (--requeue). Where tasks failed, give the same sbatch again: what is done says so
# and ends.
#SBATCH --job-name=heatveil-work
#SBATCH --cpus-per-task=2
#SBATCH --mem=2G
#SBATCH --requeue
#SBATCH --signal=TERM@30
set -euo pipefail
exec heatveil work "${1:?the folder of the plan}" --shard "$SLURM_ARRAY_TASK_ID" --threads "${SLURM_CPUS_PER_TASK:-1}" --progress none
