"""Work on many subjects: run options, the run record, resumable runs, worker processes, clusters."""
