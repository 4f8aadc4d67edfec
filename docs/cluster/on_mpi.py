"""On processes of MPI: mpiexec -n 3 python -m mpi4py.futures on_mpi.py."""

from mpi4py.futures import MPIPoolExecutor
from work import train

import chainrule as cr

if __name__ == "__main__":
    with MPIPoolExecutor() as pool:
        print(train(*cr.datasets.flower(), executor=pool))
