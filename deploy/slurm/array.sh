#!/usr/bin/env bash
# One run by a SLURM array, with the command line alone. The folder is one that every node sees, or a prefix in an object store.
#
#   heatveil plan flight/ --out tonight --shards 31
#   jobid=$(sbatch --parsable --array=0-30%8 deploy/slurm/array.sh tonight)
#   sbatch --dependency=afterok:$jobid --cpus-per-task=8 --wrap "heatveil merge tonight"
#
# With s3://BUCKET/PREFIX instead of the folder, `deploy/objects/heatveil_objects.py` plans, works and merges, in $HEATVEIL_DEPLOY/objects, else below
# the folder in which sbatch was given; raw frames lie in $SLURM_TMPDIR, if the cluster has it, and credentials come from the environment.
#
# A task that a node took down with it is queued again by SLURM (--requeue). Where tasks failed, give the same sbatch again: what is done says so
# and ends.
#SBATCH --job-name=heatveil-work
#SBATCH --cpus-per-task=2
#SBATCH --mem=2G
#SBATCH --requeue
#SBATCH --signal=B:TERM@30
set -euo pipefail
plan=${1:?the folder of the plan, or s3://BUCKET/PREFIX}
shard=(--shard "$SLURM_ARRAY_TASK_ID" --threads "${SLURM_CPUS_PER_TASK:-1}" --progress none)
case $plan in
s3://*)
    scratch=${HEATVEIL_SCRATCH:-${SLURM_TMPDIR:+$SLURM_TMPDIR/heatveil}}
    exec python3 "${HEATVEIL_DEPLOY:-deploy}/objects/heatveil_objects.py" work "$plan" "${shard[@]}" ${scratch:+--scratch "$scratch"}
    ;;
*) exec heatveil work "$plan" "${shard[@]}" ;;
esac
