#!/bin/bash
#SBATCH --job-name=digits
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16
#SBATCH --time=01:00:00
# On GPUs a process for each:  --ntasks-per-node=4 --gpus-per-node=4

# Submitted once more, after whatever has ended it, the job goes on from digits.checkpoint.
srun --kill-on-bad-exit=1 .venv/bin/python train.py
