#!/bin/bash
#SBATCH --job-name=chainrule
#SBATCH --array=0-3
#SBATCH --cpus-per-task=2
#SBATCH --mem=1G
#SBATCH --time=01:00:00
#SBATCH --requeue
# As many threads as SLURM gives the task; without this line, as many as its cores.
export OMP_NUM_THREADS=$SLURM_CPUS_PER_TASK
srun python slurm_array.py results
