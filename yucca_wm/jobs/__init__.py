"""How work is done for many subjects: options, the record of what is done, runs that go on, processes, clusters."""
